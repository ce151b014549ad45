"""Every case, in an order in which those that can share a house follow one another."""

from __future__ import annotations

from typing import Final

from tests.faults import (
    asking,
    clocks,
    deaths,
    disks,
    exhausted,
    flood,
    misconfigured,
    outages,
    replays,
    rivals,
    rotation,
    severed,
    standstills,
)
from tests.faults.case import Case

_FOUND: Final = (
    *deaths.cases(),
    *standstills.cases(),
    *outages.cases(),
    *severed.cases(),
    *misconfigured.cases(),
    *rivals.cases(),
    *rotation.cases(),
    *replays.cases(),
    *exhausted.cases(),
    *disks.cases(),
    *clocks.cases(),
    *flood.cases(),
    *asking.cases(),
)


def _by_shape(cases: tuple[Case, ...]) -> list[Case]:
    shapes = []
    for case in cases:
        if case.shape not in shapes:
            shapes.append(case.shape)
    return sorted(cases, key=lambda case: shapes.index(case.shape))


CASES: Final = {case.name: case for case in _by_shape(_FOUND)}
assert len(CASES) == len(_FOUND), "two cases have one name"

# What runs in `make test`, with a smaller load.
SHORT_CUT: Final = (
    "kill-at-ingress.confirmed",
    "kill-at-normalizer.confirmed",
    "kill-at-reconciler.applied",
    "kill-at-reconciler.committed",
    "kill-at-relay.confirmed",
    "kill-broker",
    "kill-postgres",
    "worker-broker-resets",
    "memory-alarm",
    "rolling-restart-workers",
)
