"""How sources stand, put together of what is counted, what was seen since, and the sources file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console

from libs.arrivals.usual import Slot, Usual
from libs.arrivals.week import HOUR, SPAN
from libs.store.arrivals import Counted, Known
from libs.store.sightings import Refused, Sighting
from services.inspection.sources import SourceRow, Status, source_table, source_view, status_of
from tests.unit.arrivals.weeks import MONDAY

NOW = MONDAY + timedelta(hours=10, minutes=7)
UNTIL = MONDAY + 10 * HOUR
USUAL = Usual(8, {hour: Slot(8, 8, 100 + hour, 140) for hour in range(168)})
KNOWN = Known(source="shop", provider="clip", last_at=UNTIL - SPAN, recent=130, usual=USUAL)
SEEN = Sighting(
    source="shop",
    provider="clip",
    last_at=NOW - timedelta(seconds=90),
    last_hour=128,
    refused={"wrong": Refused(2, 30), "missing": Refused(0, 1)},
    parked=4,
)


def status(known: Known | None = KNOWN, seen: Sighting | None = SEEN, **configured: str) -> Status:
    counted = Counted(UNTIL, NOW, () if known is None else (known,))
    return status_of(counted, {} if seen is None else {seen.source: seen}, configured)


def row(found: Status) -> SourceRow:
    [only] = found.rows
    return only


def test_everything_about_a_source_is_in_its_view() -> None:
    found = status(shop="clip")
    assert source_view(row(found), found.counted) == {
        "source": "shop",
        "provider": "clip",
        "configured": True,
        "state": "ok",
        "why": "130 in 60 minutes",
        "judged_at": "2026-01-05T10:00:00Z",
        "last_delivery_at": "2026-01-05T10:05:30Z",
        "last_delivery_age_seconds": 90,
        "last_hour": 128,
        "usual_median": 140,
        "usual_low": 110,
        "auth_failures_last_hour": 2,
        "auth_failures_last_day": 31,
        "auth_failures_by_kind": {
            "wrong": {"last_hour": 2, "last_day": 30},
            "missing": {"last_hour": 0, "last_day": 1},
        },
        "parked": 4,
    }


def test_configured_and_known_sources_are_all_there() -> None:
    """One that only the file has, one that only the archive has, one that only strangers knocked at."""
    counted = Counted(UNTIL, NOW, (KNOWN,))
    knocked = Sighting(source="knocked", refused={"wrong": Refused(1, 1)})
    found = status_of(counted, {"shop": SEEN, "knocked": knocked}, {"new": "payu"})
    told = [(r.seen.source, r.provider, r.configured, r.verdict.standing.value) for r in found.rows]
    assert told == [
        ("knocked", None, False, "never"),
        ("new", "payu", True, "never"),
        ("shop", "clip", False, "ok"),
    ]


def test_source_that_is_not_counted_yet_is_learnt_about() -> None:
    found = status(known=None)
    assert row(found).verdict.standing.value == "learning"
    view = source_view(row(found), found.counted)
    assert (view["usual_median"], view["usual_low"]) == (None, None)
    assert view["last_hour"] == 128


def test_silent_source_says_why_and_whether_it_is_back() -> None:
    silent = replace(KNOWN, recent=3, last_at=UNTIL - HOUR / 2)
    before = replace(SEEN, last_at=silent.last_at, last_hour=3)
    why = row(status(silent, before)).verdict.why
    assert row(status(silent, before)).silent
    assert why.startswith("3 in 60 minutes; at this time of the week even a thin one has")
    assert row(status(silent)).verdict.why == f"{why}; something came since, and is counted soon"
    assert row(status(silent)).silent


@pytest.mark.parametrize(("minutes", "stale"), [(0, False), (14, False), (16, True)])
def test_old_count_is_stale(minutes: int, *, stale: bool) -> None:
    counted = Counted(UNTIL, UNTIL + timedelta(minutes=minutes))
    assert Status(counted, ()).stale is stale


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=119), "119 s"),
        (timedelta(seconds=120), "2 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=48), "2 d"),
    ],
)
def test_age_is_said_in_a_unit_that_fits(age: timedelta, said: str) -> None:
    text = printed(status(seen=replace(SEEN, last_at=NOW - age)))
    assert f"Z, {said} ago" in text


def printed(found: Status) -> str:
    console = Console(width=190, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(source_table(found))
    return captured.get()


def test_table_has_a_line_for_each_source() -> None:
    lines = printed(status(new="payu")).splitlines()
    [shop] = [line for line in lines if " shop " in line]
    [new] = [line for line in lines if " new " in line]
    for word in ("clip", "ok", "2026-01-05T10:05:30Z, 90 s ago", "128", "140 (low 110)", "4"):
        assert word in shop
    assert "2 / 31 (30 wrong, 1 missing)" in shop
    assert "never" in new
    assert "nothing ever came" in new
