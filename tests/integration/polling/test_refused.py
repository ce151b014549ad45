"""What comes of a question that gets no answer, half of one, or one that nobody takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog

from libs.bus.publisher import Outcome as Published
from libs.domain.lifecycle import State
from libs.runtime.failures import TemporaryError
from libs.store.database import Pool, transaction
from libs.store.overdue import list_overdue, polls_of
from services.reconciler.polling import lease
from services.reconciler.polling import poller as module
from tests.integration.polling.provider import SECRETS, Provider, link, refund, sources
from tests.integration.polling.rooms import (
    CHARGE,
    LINK,
    OTHER,
    REF,
    Room,
    age,
    heard,
    poke,
    said,
    state_of,
)
from tests.integration.store.rooms import fetch, value

pytestmark = pytest.mark.servers


async def test_link_counts_though_its_refund_is_not_answered(
    pool: Pool, room: Room, provider: Provider
) -> None:
    """And all of it is asked again, until the refund is known as well."""
    await heard(pool, 1, said(State.CREATED, aliases=(CHARGE,)))
    await heard(pool, 2, poke())
    provider.answers[LINK] = link(REF, amount=100)
    provider.answers[f"/clip/refunds/{CHARGE}"] = 503
    assert await room.round() == 1
    assert provider.asked == {LINK: 1, f"/clip/refunds/{CHARGE}": 2}
    assert [each.route_event for each in room.bus.entered] == [f"checkout/{REF}"]
    await room.folded()
    assert (await state_of(pool))[0] == "paid"
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("failed", 1, 0)
    await age(pool, timedelta(minutes=1))
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 100)
    await room.round()
    await room.folded()
    assert (await state_of(pool))[0] == "refunded"


async def test_one_call_of_a_question_may_fail(pool: Pool, room: Room, provider: Provider) -> None:
    """It is made once more at once; the second that fails ends the question."""
    await heard(pool, 1, said(State.CREATED, aliases=(CHARGE,)))
    await heard(pool, 2, poke())
    provider.answers[LINK] = link(REF, amount=100)
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 100)
    provider.fails = {LINK: [503], f"/clip/refunds/{CHARGE}": []}
    await room.round()
    await room.folded()
    assert (await state_of(pool))[0] == "refunded"
    assert provider.asked == {LINK: 2, f"/clip/refunds/{CHARGE}": 1}
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("answered", 0, 1)
    assert room.access.lines["clip"].breaker.state == "closed"


async def test_two_calls_of_a_question_may_not(pool: Pool, room: Room, provider: Provider) -> None:
    await heard(pool, 1, said(State.CREATED, aliases=(CHARGE,)))
    await heard(pool, 2, poke())
    provider.answers[LINK] = link(REF, amount=100)
    provider.answers[f"/clip/refunds/{CHARGE}"] = refund("r-1", 100)
    provider.fails = {LINK: [503], f"/clip/refunds/{CHARGE}": [500]}
    await room.round()
    assert provider.asked == {LINK: 2, f"/clip/refunds/{CHARGE}": 1}
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures) == ("failed", 1)


@pytest.mark.parametrize("status", [412, 429])
async def test_who_is_asked_too_much_is_not_asked_again(
    pool: Pool, room: Room, provider: Provider, status: int
) -> None:
    await heard(pool, 1, poke())
    provider.answers[LINK] = link(REF, amount=100)
    provider.fails = {LINK: [status]}
    await room.round()
    assert provider.asked == {LINK: 1}
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures) == ("limited", 0)


async def test_not_there_yet_is_asked_again(pool: Pool, room: Room, provider: Provider) -> None:
    """A notice may come before the API shows the change."""
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("not_found", 1, 0)
    await age(pool, timedelta(seconds=10))
    provider.answers[LINK] = link(REF, "CHECKOUT_CREATED")
    await room.round()
    assert provider.asked == {LINK: 2}
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures, row.asked) == ("answered", 0, 1)


async def test_breaker_opens_and_rows_stay(pool: Pool, room: Room, provider: Provider) -> None:
    """After some failures nobody knocks; what is due stays on the list, and later all are asked."""
    provider.broken = 500
    refs = [f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}" for n in range(30)]
    for n, ref in enumerate(refs):
        await heard(pool, n + 1, poke(ref))
    await room.round()
    asked = sum(provider.asked.values())
    assert 5 <= asked <= 5 + 4  # those that were under way
    assert room.access.lines["clip"].breaker.state == "open"
    assert await room.round() == 0
    assert sum(provider.asked.values()) == asked
    assert len(await list_overdue(pool)) == 30
    outcomes = await fetch(pool, "select outcome, count(*) from polls group by 1 order by 1")
    found = dict(tuple(each) for each in outcomes)
    assert found.keys() == {"failed", "put_off"}
    assert found["failed"] <= asked  # a question that failed was asked twice while nobody knew
    assert sum(found.values()) == 30


async def test_wrong_credentials_rest_the_source(
    pool: Pool, room: Room, provider: Provider, logged: list[structlog.typing.EventDict]
) -> None:
    """And are shown nowhere."""
    provider.broken = 401
    for n in range(1, 21):
        await heard(pool, n, poke(f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}"))
    await room.round()
    assert 3 <= sum(provider.asked.values()) <= 3 + 4
    assert room.access.lines["clip"].breaker.state == "closed"
    assert not any(secret in repr(logged) for secret in SECRETS)
    rows = await fetch(pool, "select outcome from polls")
    assert {row["outcome"] for row in rows} == {"unauthorized", "put_off"}


async def test_slow_round_ends_before_its_claims(
    pool: Pool, room: Room, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has no time for is given back as it was; what was begun is asked about to the end."""
    monkeypatch.setattr(lease, "BEGUN_WITHIN", 0.3)
    provider.takes = 0.4
    refs = [f"7f3c1d52-0a44-4c1e-9d0b-{n:012x}" for n in range(20)]
    for number, ref in enumerate(refs):
        await heard(pool, number, poke(ref))
        provider.answers[f"/clip/v2/checkout/{ref}"] = link(ref, receipt_no="aB3dE5f")
    provider.answers["/clip/refunds/aB3dE5f"] = refund("r-1", 100)
    await room.round()
    assert (len(provider.asked), provider.asked["/clip/refunds/aB3dE5f"]) == (4 + 1, 4)
    rows = await fetch(
        pool,
        "select asked, failures, claimed_by, look_at <= now() as due, count(*) from polls"
        " group by 1, 2, 3, 4 order by 1",
    )
    assert [tuple(each) for each in rows] == [(0, 0, None, True, 16), (1, 0, None, False, 4)]


async def test_limit_of_the_rate_puts_all_off(pool: Pool, room: Room, provider: Provider) -> None:
    provider.broken = 412
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.failures) == ("limited", 0)
    await heard(pool, 2, poke(OTHER))
    assert await room.round() == 0


async def test_answer_that_the_broker_did_not_take_is_asked_again(
    pool: Pool, room: Room, provider: Provider
) -> None:
    provider.answers[LINK] = link(REF)
    room.bus.outcome = Published.UNKNOWN
    await heard(pool, 1, poke())
    await room.round()
    [row] = await polls_of(pool, REF)
    assert (row.outcome, row.asked) == ("unpublished", 0)
    room.bus.outcome = Published.CONFIRMED
    await age(pool, timedelta(seconds=10))
    await room.round()
    assert len(room.bus.entered) == 1


async def test_crash_between_asking_and_noting(
    pool: Pool, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim runs out, somebody else asks again, and the same answer twice is one."""
    one, other = (Room(pool, sources(provider.url), name) for name in ("r1", "r2"))
    provider.answers[LINK] = link(REF)
    await heard(pool, 1, poke())

    async def dies(*_: object, **__: object) -> None:
        raise TemporaryError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(module, "note_tried", dies)
        with pytest.raises(BaseExceptionGroup):
            await one.round()
    await one.folded()
    sequence = await value(pool, "select sequence from objects")
    assert await other.round() == 0
    async with transaction(pool) as connection:
        await connection.execute("update polls set claimed_until = now() - interval '1 s'")
    assert await other.round() == 1
    await other.folded()
    assert provider.asked[LINK] == 2
    assert await value(pool, "select sequence from objects") == sequence
    assert await value(pool, "select count(*) from observations") == 1
    for each in (one, other):
        await each.access.close()
