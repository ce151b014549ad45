"""Named moments at which a process can be made to fail, for the fault tests.

Off unless `CAUDAL_FAILPOINTS` is set: `name:action:nth`, several separated by commas. `nth` counts
the passes through that point (1 is the first). Actions: `kill` (SIGKILL to ourselves: the process
ends at exactly this instruction), `stop` (SIGSTOP: it freezes until somebody continues it) and
`raise` (`FailpointError`, which no code expects: a bug). A trailing `+` after nth means from that pass on.

    CAUDAL_FAILPOINTS=reconciler.committed:kill:3,relay.confirmed:raise:1+
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Final

VARIABLE: Final = "CAUDAL_FAILPOINTS"
_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class FailpointError(Exception):
    """What `raise` raises."""


@dataclass(frozen=True, slots=True)
class _Armed:
    action: str
    nth: int
    onwards: bool


def _parse(text: str) -> dict[str, _Armed]:
    armed: dict[str, _Armed] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, action, nth = part.split(":")
        if action not in {*_SIGNALS, "raise"}:
            raise ValueError(f"{VARIABLE}: no action is called {action}")
        armed[name] = _Armed(action, int(nth.removesuffix("+")), nth.endswith("+"))
    return armed


_ARMED: Final = _parse(os.environ.get(VARIABLE, ""))
_PASSED: Final[Counter[str]] = Counter()


def failpoint(name: str) -> None:
    """Fail here, if this point is armed and this is its pass."""
    if not _ARMED:
        return
    armed = _ARMED.get(name)
    if armed is None:
        return
    _PASSED[name] += 1
    if _PASSED[name] != armed.nth and not (armed.onwards and _PASSED[name] > armed.nth):
        return
    if armed.action == "raise":
        raise FailpointError(name)
    os.kill(os.getpid(), _SIGNALS[armed.action])
