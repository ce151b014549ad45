"""What the seeds are for does happen in some of them: a fault that never strikes proves nothing."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulated.nemesis import MOMENTS
from tests.simulated.simulation import simulate
from tests.simulated.weather import WORST

# A place that somebody holds twice in a row is found in one seed of a hundred.
SEEDS = (*range(60), 192)
# What our code says in its log when it comes to the rare places.
PLACES = frozenset({
    "accept_level",
    "ack_dropped",
    "batch_failed",
    "batch_split",
    "broker_in_doubt",
    "broker_trusted_again",
    "chore_waits",
    "events_not_confirmed",
    "item_contended",
    "item_failed",
    "link_lost",
    "relay_waits",
    "spool_failing",
    "untranslated_deliveries_swept",
})  # fmt: skip


@pytest.mark.slow
def test_rare_places_are_reached() -> None:
    reached: Counter[str] = Counter()
    for seed in SEEDS:
        reached += simulate(seed).reached
    assert (PLACES | WORST.keys() | set(MOMENTS)) - reached.keys() == set()
