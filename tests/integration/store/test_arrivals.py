"""Arrivals are counted from the archive: each once, however often and by whomever it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.arrivals.week import HOUR, SPAN, span_of
from libs.contracts.delivery import Delivery, Origin
from libs.contracts.notice import AuthFailure, Lost, Notice, NotLetIn
from libs.store.archive import file_deliveries
from libs.store.arrivals import arrivals_turn, read_counted
from libs.store.database import Pool
from libs.store.notices import LOST_KEPT, count_notices, lost_and_found
from tests.integration.store.rooms import fetch, value
from tests.integration.store.test_archive import ONE
from tests.unit.reconciler.telling import delivery_id

pytestmark = pytest.mark.servers

# What is filed now counts as settled: as if these seconds had passed.
LATER = -600
WRONG = AuthFailure.WRONG


def now() -> datetime:
    """Return the beginning of these five minutes, an hour ago."""
    return span_of(datetime.now(UTC)) - HOUR


def deliveries(
    times: Iterable[datetime],
    *,
    source: str = "shop",
    origin: Origin = Origin.WEBHOOK,
    first: int = 1,
) -> list[Delivery]:
    return [
        replace(ONE, id=delivery_id(n), source=source, received_at=at, origin=origin)
        for n, at in enumerate(times, first)
    ]


async def count(pool: Pool, settled: int = LATER) -> int:
    """Count all that there is; return how often it took the turn."""
    rounds, more = 0, True
    while more:
        async with arrivals_turn(pool, settled) as turn:
            assert turn is not None
            more = await turn.count()
        rounds += 1
    return rounds


async def arrived(pool: Pool) -> dict[tuple[str, datetime], int]:
    found: dict[tuple[str, datetime], int] = {}
    for row in await fetch(pool, "select source, arrived, deliveries from arrivals"):
        key = (row["source"], row["arrived"])
        found[key] = found.get(key, 0) + row["deliveries"]
    return found


async def test_webhooks_are_counted_by_the_five_minutes_of_receipt(pool: Pool) -> None:
    at = now()
    moments = [at, at + SPAN - timedelta(microseconds=1), at + SPAN, at - 3 * HOUR]
    await file_deliveries(pool, deliveries(moments))
    await file_deliveries(pool, deliveries([at], source="other", first=10))
    await count(pool)
    assert await arrived(pool) == {
        ("shop", at): 2,
        ("shop", at + SPAN): 1,
        ("shop", at - 3 * HOUR): 1,
        ("other", at): 1,
    }


async def test_only_webhooks_count(pool: Pool) -> None:
    """A poll is our own doing, and a replay was counted when it was a webhook."""
    others = [origin for origin in Origin if origin is not Origin.WEBHOOK]
    for n, origin in enumerate(others, 1):
        await file_deliveries(pool, deliveries([now()], origin=origin, first=n))
    await count(pool)
    assert len(others) == 4
    assert await arrived(pool) == {}
    assert (await read_counted(pool)).sources == ()


async def test_counting_again_counts_the_same(pool: Pool) -> None:
    """The clock goes back and forth: the same minutes are counted twice, and the second adds nothing."""
    at = now()
    await file_deliveries(pool, deliveries([at] * 3))
    await count(pool)
    first = await arrived(pool)
    await count(pool, settled=0)
    await file_deliveries(pool, deliveries([at, at + SPAN], first=20))
    await count(pool)
    assert first == {("shop", at): 3}
    assert await arrived(pool) == {("shop", at): 4, ("shop", at + SPAN): 1}


async def test_fresh_minutes_are_left_for_later(pool: Pool) -> None:
    """Somebody may not have committed yet what lies in them."""
    await file_deliveries(pool, deliveries([now()]))
    await count(pool, settled=60)
    assert await arrived(pool) == {}
    await count(pool)
    assert sum((await arrived(pool)).values()) == 1


async def test_first_count_goes_back_for_weeks_day_by_day(pool: Pool) -> None:
    assert await count(pool) == 56
    assert await count(pool) == 1


async def test_late_ones_count_for_when_they_came(pool: Pool) -> None:
    """They lay in a spool for days; of those that lay there for weeks nothing is usual any more."""
    at = now()
    await file_deliveries(pool, deliveries([at - timedelta(days=9), at - timedelta(days=40)]))
    await count(pool)
    assert await arrived(pool) == {("shop", at - timedelta(days=9)): 1}


async def test_one_counts_at_a_time(pool: Pool) -> None:
    async with arrivals_turn(pool) as mine, arrivals_turn(pool) as other:
        assert mine is not None
        assert other is None


async def test_many_at_once_count_each_once(pool: Pool) -> None:
    at = now()
    await file_deliveries(pool, deliveries([at + n * SPAN / 7 for n in range(40)]))

    async def one() -> None:
        async with arrivals_turn(pool, LATER) as turn:
            while turn is not None and await turn.count():
                continue

    await asyncio.gather(*(one() for _ in range(5)))
    await count(pool)
    assert sum((await arrived(pool)).values()) == 40


async def test_counted_sources_are_told(pool: Pool) -> None:
    """`recent` is of the sixty minutes before the mark, which lies ten minutes ahead here."""
    assert (await read_counted(pool)).sources == ()
    end = span_of(datetime.now(UTC) + timedelta(minutes=10))
    moments = [end - HOUR - SPAN, end - HOUR, end - 3 * SPAN]
    await file_deliveries(pool, deliveries(moments))
    await count(pool)
    counted = await read_counted(pool)
    [shop] = counted.sources
    assert (shop.source, shop.provider, shop.last_at) == ("shop", "clip", moments[-1])
    assert counted.until in {end, end + SPAN}
    assert shop.recent == (2 if counted.until == end else 1)
    assert not shop.usual.known


def notice(number: int, *told: NotLetIn, at: datetime | None = None) -> Notice:
    return Notice(delivery_id(number), at or now(), told)


async def not_let_in(pool: Pool) -> dict[tuple[str, str], int]:
    rows = await fetch(pool, "select source, kind, requests from not_let_in")
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row["source"], row["kind"])
        found[key] = found.get(key, 0) + row["requests"]
    return found


async def test_notice_counts_once(pool: Pool) -> None:
    """Within a batch, in another batch, and in two at the same moment."""
    one = notice(1, NotLetIn("shop", WRONG, 3), NotLetIn("shop", AuthFailure.MISSING, 1))
    other = notice(2, NotLetIn("shop", WRONG, 2))
    await count_notices(pool, [one, one])
    await count_notices(pool, [one, other])
    await asyncio.gather(*(count_notices(pool, [other, one]) for _ in range(4)))
    assert await not_let_in(pool) == {("shop", "wrong"): 5, ("shop", "missing"): 1}
    assert await value(pool, "select count(*) from notices") == 2


async def test_new_notices_at_the_same_moment_add_up(pool: Pool) -> None:
    at = now()
    notices = [notice(n, NotLetIn("shop", WRONG, 2), at=at) for n in range(10, 18)]
    await asyncio.gather(*(count_notices(pool, [each]) for each in notices))
    assert await not_let_in(pool) == {("shop", "wrong"): 16}
    assert await value(pool, "select count(*) from not_let_in") == 1


def lost(source: str, at: datetime, size: int = 5) -> Lost:
    return Lost(
        source=source,
        at=at,
        failure=WRONG,
        rule="hmac",
        why="the signature does not hold",
        size=size,
        sha256="ab" * 32 if size else None,
        headers=("content-type", "x-signature"),
    )


async def test_what_was_lost_is_found_the_latest_first(pool: Pool) -> None:
    """As it was told, however often it comes, and no more than the last hundred of each source."""
    at = now()
    told = [lost("shop", at + timedelta(seconds=n), n) for n in range(LOST_KEPT + 30)]
    one = Notice(delivery_id(30), at, (), tuple(told[:70]))
    other = Notice(delivery_id(31), at, (), (*told[70:], lost("", at), lost("other", at)))
    await asyncio.gather(*(count_notices(pool, [one, other]) for _ in range(3)))
    await count_notices(pool, [one])
    assert await lost_and_found(pool, "shop") == told[::-1][:LOST_KEPT]
    assert await lost_and_found(pool, "other") == [lost("other", at)]
    assert len(await lost_and_found(pool)) == LOST_KEPT + 2
