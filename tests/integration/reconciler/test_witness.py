"""What the reconciler tells of single deliveries, and the trace of an event."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import pytest
import structlog

from libs.bus.message import Message
from libs.bus.publisher import Outcome, Outgoing, Publisher
from libs.contracts import webhook_received, webhook_translated
from libs.contracts.delivery import Delivery, Origin
from libs.contracts.readings import Ignored, ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.lifecycle import Authority
from libs.domain.lifecycle import Kind as Object
from libs.runtime.failures import ContentionError, TemporaryError
from libs.runtime.settings import LogDeliveries
from libs.runtime.tracing.context import drawn, trace_id_of
from libs.runtime.tracing.port import Finished, Kind, Name
from libs.runtime.tracing.witness import Witness
from libs.store.database import Pool
from services.reconciler.handling import Reconciler
from services.reconciler.relay import Relay
from tests.integration.store.rooms import fetch
from tests.spans import Spans
from tests.unit.domain.saying import paid, pending
from tests.unit.reconciler.telling import about, delivery_id, received, told

pytestmark = pytest.mark.servers

POKE = Poke(kind=Object.PAYMENT, provider_ref="p", why="x")
ODD = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word", field="status", value="ODD")


class Bus:
    """Confirms events, and keeps them."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.published: list[object] = []  # set back
        self.answer = Outcome.CONFIRMED

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.sent += messages
        return [self.answer] * len(messages)

    async def publish(self, *told: object, **__: object) -> Outcome:
        self.published.append(told)
        return Outcome.CONFIRMED


class House:
    """A reconciler with its relay, and what it told."""

    def __init__(self, pool: Pool, witness: Witness | None) -> None:
        self.bus = Bus()
        publisher = cast("Publisher", self.bus)
        self.relay = Relay(pool, publisher, witness)
        self.reconciler = Reconciler(pool, publisher, self.relay, witness=witness)

    async def fold(self, *outcomes: Translated, header: str | None = None) -> None:
        await self.reconciler.reconcile([message(webhook_translated.encode(outcomes), header)])


def message(body: bytes, header: str | None = None) -> Message:
    return Message(
        body=body,
        headers={} if header is None else {"traceparent": header},
        content_type="x",
        routing_key="k",
        redelivered=False,
        message_id="m",
    )


def traced(outcome: Translated, *, sampled: bool = True) -> Translated:
    return replace(outcome, traceparent=drawn(sampled=sampled))


def delivery(number: int, traceparent: str | None, body: bytes = b"{}") -> Delivery:
    return Delivery(
        id=delivery_id(number),
        source="clip-mx",
        provider="clip",
        body=body,
        received_at=received(number),
        authority=Authority.SECRET,
        traceparent=traceparent,
    )


def words(spans: Spans) -> list[Any]:
    return [span.attributes["caudal.outcome"] for span in spans.called(Name.FOLD)]


async def test_event_leaves_in_the_trace_of_its_delivery(pool: Pool) -> None:
    spans, header = Spans(), drawn()
    house = House(pool, Witness(spans))
    outcome = traced(told(1, about("p-1", paid(at=1))))
    await house.fold(outcome, header=header)
    await house.relay.once()
    fold, publish = spans.one(Name.FOLD), spans.one(Name.PUBLISH_EVENT)
    process, write, send = map(
        spans.one, (Name.PROCESS_OUTCOMES, Name.TRANSACTION, Name.SEND_EVENTS)
    )
    assert (fold.parent, publish.parent) == (outcome.traceparent, fold.context)
    assert [m.headers for m in house.bus.sent] == [{"traceparent": publish.context}]
    assert trace_id_of(publish.context) == trace_id_of(outcome.traceparent)
    assert (fold.kind, write.kind, publish.kind) == (Kind.CONSUMER, Kind.CLIENT, Kind.PRODUCER)
    assert list(process.links) == [header, outcome.traceparent]
    assert list(write.links) == [outcome.traceparent]
    assert write.parent == process.context
    assert list(send.links) == [publish.context]
    assert fold.attributes["caudal.outcome"] == "applied"
    assert fold.attributes["caudal.events"] == 1
    assert "p-1" not in repr(spans.told)


async def test_each_event_goes_to_the_delivery_that_made_it(pool: Pool) -> None:
    """Two of one object in one batch: the second event is not of the trace of the first."""
    spans = Spans()
    house = House(pool, Witness(spans))
    outcomes = [
        traced(told(n, about("p-1", pending(at=n, word=f"w-{n}")))) for n in range(1, 4)
    ] + [traced(told(4, about("p-2", paid(at=1))))]
    await house.fold(*outcomes)
    await house.relay.once()
    made = {span.attributes["caudal.delivery_id"]: span for span in spans.called(Name.FOLD)}
    published = spans.called(Name.PUBLISH_EVENT)
    assert len(published) == 4
    for outcome in outcomes:
        fold = made[outcome.delivery_id]
        assert trace_id_of(fold.context) == trace_id_of(outcome.traceparent)
        assert [span.parent for span in published].count(fold.context) == 1


async def test_transaction_leads_to_all_of_its_deliveries(pool: Pool) -> None:
    spans = Spans()
    outcomes = [traced(told(n, about(f"p-{n}", paid(at=1)))) for n in range(1, 41)]
    await House(pool, Witness(spans)).fold(*outcomes)
    assert set(spans.one(Name.TRANSACTION).links) == {each.traceparent for each in outcomes}
    assert len(spans.called(Name.FOLD)) == 40


async def test_verdict_of_each(pool: Pool) -> None:
    spans = Spans()
    house = House(pool, Witness(spans))
    first = told(1, about("p-1", paid(at=5)))
    for outcome, word in (
        (first, "applied"),
        (first, "known"),
        (told(2, about("p-1", paid(at=5))), "duplicate"),
        (told(3, about("p-1", pending(at=2))), "recorded"),
        (told(4, ODD), "parked"),
        (told(5, about(None, paid(at=1), merchant_ref="nobody")), "parked"),
        (told(6, POKE), "asked"),
        (told(7, Ignored(provider_status="x", why="x")), "ignored"),
    ):
        spans.told.clear()
        await house.fold(traced(outcome))
        assert words(spans) == [word], outcome


async def test_replay_tells_of_itself(pool: Pool) -> None:
    """What it says stands under the delivery that it repeats; its spans are in a trace of its own."""
    spans = Spans()
    house = House(pool, Witness(spans))
    await house.fold(traced(told(1, ODD)))
    replay = traced(
        replace(
            told(1, about("p-1", paid(at=1))),
            delivery_id=delivery_id(50),
            replay_of=delivery_id(1),
            origin=Origin.REPLAY,
            identity="ab" * 32,
            body=b"{}",
        )
    )
    await house.fold(replay)
    await house.relay.once()
    fold = spans.called(Name.FOLD)[-1]
    assert (fold.attributes["caudal.delivery_id"], fold.parent) == (
        delivery_id(50),
        replay.traceparent,
    )
    assert spans.one(Name.PUBLISH_EVENT).parent == fold.context


async def test_outcome_that_fails_is_told_as_failed(pool: Pool) -> None:
    spans = Spans()
    bad = traced(told(2, about("p-2", pending(provider_status="a\x00b"))))
    good = [traced(told(n, about(f"p-{n}", paid(at=1)))) for n in (1, 3)]
    await House(pool, Witness(spans)).fold(good[0], bad, good[1])
    told_of = {s.attributes["caudal.delivery_id"]: s.failed for s in spans.called(Name.FOLD)}
    assert told_of == {delivery_id(1): None, delivery_id(2): "failed", delivery_id(3): None}


async def test_filing_is_told(pool: Pool, logged: list[structlog.typing.EventDict]) -> None:
    spans, contexts = Spans(), [drawn(), drawn(sampled=False), drawn()]
    house = House(pool, Witness(spans, LogDeliveries.ALL))
    deliveries = [delivery(n, context) for n, context in enumerate(contexts, 1)]
    deliveries[2] = replace(deliveries[2], route_event="a\x00b")
    await house.reconciler.archive([message(webhook_received.encode(deliveries))])
    filed = spans.called(Name.FILE)
    assert [(span.parent, span.failed) for span in filed] == [
        (contexts[0], None),
        (contexts[2], "failed"),
    ]
    assert list(spans.one(Name.PROCESS_ARCHIVE).links) == [contexts[0], contexts[2]]
    lines = [line for line in logged if line["event"] == "delivery_filed"]
    assert [(line["trace_id"], line["outcome"]) for line in lines] == [
        (trace_id_of(contexts[0]), "filed"),
        (trace_id_of(contexts[1]), "filed"),
        (trace_id_of(contexts[2]), "failed"),
    ]
    assert [line["span_id"] is None for line in lines] == [False, True, False]


async def test_lines_without_tracing_have_the_trace_too(
    pool: Pool, logged: list[structlog.typing.EventDict]
) -> None:
    house = House(pool, Witness(None, LogDeliveries.ALL))
    outcome = traced(told(1, about("p-1", paid(at=1))))
    await house.fold(outcome)
    await house.relay.once()
    lines = {line["event"]: line for line in logged if "trace_id" in line}
    assert lines.keys() == {"delivery_folded", "event_told"}
    for line in lines.values():
        assert (line["trace_id"], line["span_id"]) == (trace_id_of(outcome.traceparent), None)
        assert (line["delivery_id"], line["source"]) == (delivery_id(1), "clip-mx")
    assert lines["delivery_folded"]["outcome"] == "applied"
    assert (lines["event_told"]["outcome"], lines["event_told"]["state"]) == ("confirmed", "paid")
    assert [m.headers for m in house.bus.sent] == [None]


@pytest.mark.parametrize("sampled", [True, False])
async def test_off_writes_and_sends_no_context(pool: Pool, *, sampled: bool) -> None:
    house = House(pool, None)
    await house.fold(traced(told(1, about("p-1", paid(at=1))), sampled=sampled), header=drawn())
    assert [row["traceparent"] for row in await fetch(pool, "select * from outbox")] == [None]
    await house.relay.once()
    assert [m.headers for m in house.bus.sent] == [None]


async def test_event_that_is_not_sampled_says_so(pool: Pool) -> None:
    """Else whoever consumes it would begin a trace, and might keep it."""
    spans = Spans()
    house = House(pool, Witness(spans))
    outcome = traced(told(1, about("p-1", paid(at=1))), sampled=False)
    await house.fold(outcome)
    await house.relay.once()
    assert spans.told == []
    assert [m.headers for m in house.bus.sent] == [{"traceparent": outcome.traceparent}]


async def test_outcome_that_came_twice_is_told_of_once(
    pool: Pool, logged: list[structlog.typing.EventDict]
) -> None:
    spans = Spans()
    house = House(pool, Witness(spans, LogDeliveries.ALL))
    outcome = traced(told(1, about("p-1", paid(at=1))))
    await house.fold(outcome, outcome)
    await house.relay.once()
    assert words(spans) == ["applied"]
    assert spans.one(Name.PUBLISH_EVENT).parent == spans.one(Name.FOLD).context
    twice = delivery(9, drawn())
    await house.reconciler.archive([message(webhook_received.encode([twice, twice]))])
    assert len(spans.called(Name.FILE)) == 1
    events = [line["event"] for line in logged]
    assert (events.count("delivery_folded"), events.count("delivery_filed")) == (1, 1)


async def test_replay_without_a_trace_takes_none_away(pool: Pool) -> None:
    """It stands under the delivery that it repeats, which is in the same batch and has one."""
    spans = Spans()
    house = House(pool, Witness(spans))
    first = traced(told(1, about("p-1", paid(at=1))))
    replay = replace(
        told(1, about("p-1", paid(at=1))),
        delivery_id=delivery_id(50),
        replay_of=delivery_id(1),
        origin=Origin.REPLAY,
        identity="ab" * 32,
        body=b"{}",
    )
    await house.fold(first, replay)
    await house.relay.once()
    assert spans.one(Name.PUBLISH_EVENT).parent == spans.one(Name.FOLD).context


async def test_batch_whose_commit_has_no_answer_is_told_as_held(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be committed, and its event leaves in its trace: the span above that is there."""

    def away(place: str) -> None:
        if place == "reconciler.committed":
            raise TemporaryError("away")

    monkeypatch.setattr("services.reconciler.apply.failpoint", away)
    spans = Spans()
    house = House(pool, Witness(spans))
    outcome = traced(told(1, about("p-1", paid(at=1))))
    with pytest.raises(TemporaryError):
        await house.fold(outcome)
    await house.relay.once()
    fold = spans.one(Name.FOLD)
    assert (fold.attributes["caudal.outcome"], fold.failed) == ("held", "held")
    assert spans.one(Name.PUBLISH_EVENT).parent == fold.context
    monkeypatch.undo()
    await house.fold(outcome)
    assert words(spans) == ["held", "known"]


@pytest.mark.parametrize("error", [TemporaryError("away"), ContentionError("locked")])
async def test_batch_that_was_not_begun_is_not_told_of(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, error: TemporaryError
) -> None:
    """While a database is away it is tried again and again."""

    async def away(*_: object) -> None:
        raise error

    monkeypatch.setattr("services.reconciler.apply.places_of", away)
    spans = Spans()
    house = House(pool, Witness(spans))
    outcomes = [traced(told(n, about(f"p-{n}", paid(at=1)))) for n in (1, 2)]
    with suppress(TemporaryError):
        await house.fold(*outcomes)
    assert words(spans) == []


class Broken(Spans):
    """A tracer with a bug."""

    def record(self, span: Finished) -> None:
        raise RuntimeError(span.name)


async def test_whoever_tells_wrongly_undoes_nothing(pool: Pool) -> None:
    house = House(pool, Witness(Broken()))
    await house.fold(traced(told(1, about("p-1", paid(at=1)))))
    await house.reconciler.archive([message(webhook_received.encode([delivery(9, drawn())]))])
    assert house.bus.published == []  # nothing was set back
    done = await house.relay.once()
    assert (done.confirmed, done.waiting) == (1, 0)
    assert len(house.bus.sent) == 1
    assert await fetch(pool, "select * from outbox") == []


async def test_message_of_events_that_was_not_confirmed_is_told_as_failed(pool: Pool) -> None:
    spans = Spans()
    house = House(pool, Witness(spans))
    await house.fold(traced(told(1, about("p-1", paid(at=1)))))
    house.bus.answer = Outcome.REFUSED
    await house.relay.once()
    house.bus.answer = Outcome.CONFIRMED
    await house.relay.once()
    assert [span.failed for span in spans.called(Name.SEND_EVENTS)] == ["refused", None]
    assert [span.failed for span in spans.called(Name.PUBLISH_EVENT)] == ["refused", None]


async def test_relay_takes_what_an_older_release_left(pool: Pool) -> None:
    """Its rows have no context; the relay that knows of contexts publishes them as they are."""
    await House(pool, None).fold(traced(told(1, about("p-1", paid(at=1)))))
    spans = Spans()
    house = House(pool, Witness(spans, LogDeliveries.ALL))
    await house.relay.once()
    assert [m.headers for m in house.bus.sent] == [None]
    assert spans.told == []
