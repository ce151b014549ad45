"""One event for each change, in order, numbered from one without a gap; nothing for no news."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest

from libs.contracts.event import Event, EventData
from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority, Kind, State
from libs.domain.observation import CancelStatus, Observation
from libs.store.database import Pool
from libs.store.inspect import list_objects
from services.inspection.view import object_view
from services.reconciler.apply import apply
from services.reconciler.crowd import Crowd
from services.reconciler.steps import CROWDED
from tests.integration.store.rooms import fetch, folded_rows, table, value
from tests.unit.domain.saying import (
    brl,
    declined,
    entry,
    opened,
    paid,
    pending,
    refund,
    say,
    won,
)
from tests.unit.reconciler.histories import batches_of, expected_rows, history_of, outcomes_of
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers


async def published(pool: Pool) -> list[dict[str, Any]]:
    """Return every event in the order of the outbox."""
    return [
        orjson.loads(row["body"])
        for row in await fetch(pool, "select body from outbox order by id")
    ]


async def test_each_change_of_a_batch_is_told(pool: Pool) -> None:
    """A batch skips no step, and tells each as if it had come alone."""
    steps = [
        pending(at=1, amount=brl("10.00")),
        paid(at=2, amount=brl("10.00")),
        refund(entry("4.00"), at=3),
        opened(at=4),
        won(at=5),
    ]
    await apply(pool, [told(number, step) for number, step in enumerate(steps, 1)])
    events = await published(pool)
    assert [(e["sequence"], e["data"]["previous_state"], e["data"]["state"]) for e in events] == [
        (1, None, "pending"),
        (2, "pending", "paid"),
        (3, "paid", "partially_refunded"),
        (4, "partially_refunded", "disputed"),
        (5, "disputed", "partially_refunded"),
    ]
    assert [event["data"]["delivery_id"] for event in events[:2]] == [
        delivery_id(1),
        delivery_id(2),
    ]


async def test_batches_tell_what_single_ones_tell(pool: Pool) -> None:
    """The same deliveries for two merchants: one gets them at once, the other one by one."""
    outcomes = outcomes_of([each for n in range(6) for each in history_of(f"p-{n}", Random(n), 12)])
    await apply(pool, outcomes)
    for outcome in outcomes:
        await apply(pool, [replace(outcome, source="clip-br")])
    whole: list[tuple[str, int, dict[str, Any]]] = []
    single: list[tuple[str, int, dict[str, Any]]] = []
    for event in await published(pool):
        mine = whole if event["source"] == "/caudal/clip-mx" else single
        mine.append((event["subject"], event["sequence"], event["data"] | {"source": ""}))
    assert sorted(whole, key=repr) == sorted(single, key=repr)
    assert len(whole) > 20


async def test_last_event_says_what_the_row_says(pool: Pool) -> None:
    said = [each for n in range(12) for each in history_of(f"p-{n}", Random(n), 9)]
    await apply(pool, outcomes_of(said))
    last = {event["subject"]: event for event in await published(pool)}
    for row in await list_objects(pool):
        event = last[f"{row.kind}/{row.provider_ref}"]
        view = object_view(row)
        assert event["data"] == {name: view[name] for name in EventData.model_fields}
        assert event["sequence"] == row.sequence
        assert Event.model_validate(event).data.state == row.state


async def test_attempt_alone_tells_nothing(pool: Pool) -> None:
    """An object of which only attempts are known has no state; its events begin with one."""
    attempt = say(None, at=1, attempt=True, word="attempt")
    await apply(pool, [told(1, attempt), told(2, replace(attempt, key="another"))])
    [row] = await list_objects(pool)
    assert (row.state, row.sequence, row.attempts) == (None, 0, 2)
    assert await published(pool) == []
    await apply(pool, [told(3, pending(at=3))])
    [event] = await published(pool)
    assert (event["sequence"], event["data"]["previous_state"]) == (1, None)


async def test_repeat_tells_nothing(pool: Pool) -> None:
    await apply(pool, [told(1, paid(at=1)), told(2, paid(at=1))])
    done = await apply(pool, [told(3, paid(at=1))])
    assert (done.events, done.repeats, done.observations) == (0, 1, 0)
    assert len(await published(pool)) == 1
    assert [str(row[2]) for row in await table(pool, "repeats")] == [delivery_id(2), delivery_id(3)]


async def test_earlier_receipt_replaces_the_later(pool: Pool) -> None:
    """The set of observations ends the same whichever copy is handled first."""
    said = paid(at=1, untimed=True, amount=brl("10.00"))
    for order in ((7, 3, 5), (3, 5, 7), (5, 7, 3)):
        source = f"order-{order[0]}"
        for number in order:
            await apply(pool, [told(number, said, source=source)])
    rows = await fetch(
        pool,
        "select source, n.delivery_id::text, array_agg(r.delivery_id::text order by r.delivery_id)"
        " from objects o join observations n on n.object_id = o.id"
        " join repeats r on r.object_id = o.id group by 1, 2",
    )
    assert [tuple(row)[1:] for row in rows] == [
        (delivery_id(3), [delivery_id(5), delivery_id(7)])
    ] * 3
    assert len(await published(pool)) == 3


async def test_earlier_receipt_in_one_batch(pool: Pool) -> None:
    said = declined(at=1, untimed=True)
    await apply(pool, [told(number, said) for number in (9, 4, 6)])
    assert await value(pool, "select delivery_id::text from observations") == delivery_id(4)
    assert len(await published(pool)) == 1


async def test_old_news_tells_nothing(pool: Pool) -> None:
    """Told later of an earlier time and a lower band: on record, no effect."""
    await apply(pool, [told(1, paid(at=9))])
    done = await apply(pool, [told(2, pending(at=3))])
    assert (done.observations, done.events) == (1, 0)
    [row] = await list_objects(pool)
    assert (row.state, row.sequence) == ("paid", 1)


async def test_flag_alone_is_told(pool: Pool) -> None:
    await apply(pool, [told(1, paid(at=1, by=Authority.UNSIGNED))])
    await apply(pool, [told(2, paid(at=2, by=Authority.POLL))])
    told_flags = [(e["data"]["flags"], e["data"]["authority"]) for e in await published(pool)]
    assert told_flags == [(["uncorroborated"], "unsigned"), ([], "poll")]


async def test_sources_do_not_meet(pool: Pool) -> None:
    """Two merchants with the same reference, and a payment and a payout of one name."""
    out = replace(say(State.SENT, at=2), kind=Kind.PAYOUT, cancel=CancelStatus.FAILED)
    await apply(
        pool,
        [
            told(1, paid(at=1)),
            told(2, pending(at=1), source="clip-sandbox"),
            told(3, out),
        ],
    )
    assert [(o.source, o.kind, o.state) for o in await list_objects(pool)] == [
        ("clip-mx", "payment", "paid"),
        ("clip-mx", "payout", "sent"),
        ("clip-sandbox", "payment", "pending"),
    ]
    assert len({event["id"] for event in await published(pool)}) == 3


async def test_batch_of_two_thousand_works(pool: Pool) -> None:
    """As many deliveries as one message may ever hold, and everything of each."""
    outcomes = [
        told(n, about(f"p-{n % 500}", paid(at=n, amount=brl("1.00"), word=f"w-{n}")))
        for n in range(2000)
    ]
    done = await apply(pool, outcomes)
    assert (done.observations, done.repeats, done.parked) == (2000, 0, 0)
    assert await value(pool, "select count(*) from objects where state = 'paid'") == 500
    assert await value(pool, "select count(distinct delivery_id) from translations") == 2000


async def test_many_changes_of_one_object(pool: Pool) -> None:
    """As many steps as an honest object may have, in one batch: as many events."""
    outcomes = [told(n, pending(at=n, word=f"w-{n}")) for n in range(CROWDED)]
    await apply(pool, outcomes)
    sequences = [event["sequence"] for event in await published(pool)]
    assert sequences == list(range(1, CROWDED + 1))


async def test_crowded_object_ends_right(pool: Pool) -> None:
    """Thousands of different reports of one object: the steps become one, and are folded apart."""
    said = [pending(at=n / 4, word=f"w-{n}") for n in range(2500)]
    Random(1).shuffle(said)
    for batch in batches_of(outcomes_of(said), Random(2), 500):
        await apply(pool, batch)
    assert await Crowd(pool).run() == 1
    [row] = await list_objects(pool)
    assert row.provider_status == "w-2499"
    events = await published(pool)
    assert [event["sequence"] for event in events] == list(range(1, row.sequence + 1))
    assert events[-1]["data"]["provider_status"] == "w-2499"
    assert await Crowd(pool).run() == 0


async def test_crowd_ends_as_any_other_object(pool: Pool) -> None:
    """Everything twice, by different deliveries, in any order, with folds in between."""
    said = history_of("p-1", Random(5), 4 * CROWDED)
    random, crowd = Random(6), Crowd(pool)
    arriving = said * 2
    random.shuffle(arriving)
    for batch in batches_of(outcomes_of(arriving), random, 70):
        await apply(pool, batch)
        await apply(pool, batch)
        await crowd.run()
    while await Crowd(pool).run():
        continue
    assert await folded_rows(pool) == expected_rows(said)
    assert await value(pool, "select count(*) from observations") == len(said)
    assert await value(pool, "select count(*) from repeats") == len(said)
    [row] = await list_objects(pool)
    events = await published(pool)
    assert [event["sequence"] for event in events] == list(range(1, row.sequence + 1))


async def test_batch_does_not_fold_a_crowd(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it read it: what it takes in hand of one object is bounded."""
    folded: list[int] = []

    def counting(kind: Kind, observations: Collection[Observation]) -> Folded:
        folded.append(len(observations))
        return fold(kind, observations)

    await apply(pool, outcomes_of([pending(at=n, word=f"w-{n}") for n in range(CROWDED + 1)]))
    monkeypatch.setattr("services.reconciler.steps.fold", counting)
    more = [pending(at=900 + n, word=f"more-{n}") for n in range(20)]
    other = about("another", paid(at=1))
    done = await apply(pool, outcomes_of([*more, other], first=500))
    assert (done.observations, folded) == (21, [1])
