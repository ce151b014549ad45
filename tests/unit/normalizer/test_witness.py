"""What the normalizer tells of single deliveries."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import cast

import pytest
import structlog

from libs.bus.message import Message
from libs.bus.publisher import Outcome, Publisher
from libs.contracts import webhook_received
from libs.contracts.readings import Ignored, ParkReason, Poke, Reading, Unknown
from libs.domain.lifecycle import Kind as Object
from libs.runtime.failures import TemporaryError
from libs.runtime.settings import LogDeliveries
from libs.runtime.tracing.context import child_of, drawn, span_id_of, trace_id_of
from libs.runtime.tracing.port import Finished, Kind, Name
from libs.runtime.tracing.witness import Witness
from services.normalizer.run import MESSAGE_DELIVERIES, Normalizer
from services.normalizer.translate import Translator
from services.normalizer.witness import word_of
from tests.spans import Spans
from tests.unit.domain.saying import paid
from tests.unit.normalizer.test_messages import SECRET, Bus, Choosy, raw
from tests.unit.normalizer.test_translator import DELIVERY

IGNORED = Ignored(provider_status="x", why="x")
POKE = Poke(kind=Object.PAYMENT, provider_ref="1", why="x")
UNKNOWN = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="x")


def normalizer(bus: Bus, witness: Witness | None) -> Normalizer:
    translator = Translator({"odd": Choosy()}, {})
    return Normalizer(translator, cast("Publisher", bus), witness=witness)


def message(*told: tuple[bytes, str | None], header: str | None = None) -> Message:
    deliveries = [
        replace(DELIVERY, id=str(uuid.uuid4()), body=body, traceparent=context)
        for body, context in told
    ]
    found = raw(webhook_received.encode(deliveries))
    return found if header is None else replace(found, headers={"traceparent": header})


async def test_translation_goes_on_in_the_trace_of_its_delivery() -> None:
    bus, spans, context, header = Bus(), Spans(), drawn(), drawn()
    await normalizer(bus, Witness(spans)).handle([message((b"1", context), header=header)])
    translate, send, process = map(spans.one, (Name.TRANSLATE, Name.SEND, Name.PROCESS_RECEIVED))
    [[outcome]] = bus.outcomes()
    assert (translate.parent, translate.context) == (context, outcome.traceparent)
    assert trace_id_of(translate.context) == trace_id_of(context)
    assert translate.attributes["caudal.outcome"] == "translated"
    assert (translate.kind, send.kind, process.kind) == (Kind.CONSUMER, Kind.CLIENT, Kind.CONSUMER)
    assert list(process.links) == [header, context]
    assert send.links == [translate.context]
    assert send.parent == process.context
    assert bus.headers == [{"traceparent": send.context}]
    assert SECRET.decode() not in repr(spans.told)


async def test_batch_leads_to_all_of_its_deliveries() -> None:
    bus, spans = Bus(), Spans()
    contexts = [drawn() for _ in range(MESSAGE_DELIVERIES + 50)]
    halves = contexts[:120], contexts[120:]
    await normalizer(bus, Witness(spans)).handle(
        [message(*[(b"1", context) for context in half]) for half in halves]
    )
    assert list(spans.one(Name.PROCESS_RECEIVED).links) == contexts
    translated = spans.called(Name.TRANSLATE)
    assert [span.parent for span in translated] == contexts
    sent = spans.called(Name.SEND)
    assert [len(span.links) for span in sent] == [MESSAGE_DELIVERIES, 50]
    assert [link for span in sent for link in span.links] == [each.context for each in translated]


async def test_what_is_not_sampled_has_no_span_and_keeps_its_context() -> None:
    bus, spans = Bus(), Spans()
    kept, other = drawn(), drawn(sampled=False)
    await normalizer(bus, Witness(spans)).handle(
        [message((b"1", kept), (b"2", other), (b"3", None))]
    )
    assert len(spans.called(Name.TRANSLATE)) == 1
    assert list(spans.one(Name.PROCESS_RECEIVED).links) == [kept]
    [outcomes] = bus.outcomes()
    assert [outcome.traceparent for outcome in outcomes[1:]] == [other, None]


async def test_nothing_sampled_adds_nothing() -> None:
    bus, spans = Bus(), Spans()
    await normalizer(bus, Witness(spans)).handle([message((b"1", drawn(sampled=False)))])
    assert spans.told == []
    assert bus.headers == [{}]


async def test_off_adds_nothing() -> None:
    bus, context = Bus(), drawn()
    await normalizer(bus, None).handle([message((b"1", context), header=drawn())])
    assert bus.headers == [{}]
    assert [[outcome.traceparent for outcome in some] for some in bus.outcomes()] == [[context]]


@pytest.mark.parametrize("bad", [SECRET, b"bad"], ids=["bug", "unsayable"])
async def test_failing_delivery_is_told_as_failed(bad: bytes) -> None:
    spans = Spans()
    with structlog.testing.capture_logs() as logged:
        await normalizer(Bus(), Witness(spans, LogDeliveries.ALL)).handle(
            [message((b"1", drawn()), (bad, drawn()), (b"3", drawn()))]
        )
    told = [span.attributes["caudal.outcome"] for span in spans.called(Name.TRANSLATE)]
    assert told == ["translated", "failed", "translated"]
    lines = [line for line in logged if line["event"] == "delivery_translated"]
    assert [line["outcome"] for line in lines] == told
    assert "4111111111111111" not in repr(spans.told) + repr(logged)


async def test_batch_that_is_held_is_told_as_failed() -> None:
    """It may have got through: the span that it has for its parent further on is there."""
    bus, spans = Bus(Outcome.UNKNOWN), Spans()
    with (
        structlog.testing.capture_logs() as logged,
        pytest.raises(TemporaryError),
    ):
        await normalizer(bus, Witness(spans, LogDeliveries.ALL)).handle([message((b"1", drawn()))])
    assert spans.one(Name.PROCESS_RECEIVED).failed == "TemporaryError"
    assert spans.one(Name.SEND).failed == "TemporaryError"
    translate = spans.one(Name.TRANSLATE)
    assert (translate.attributes["caudal.outcome"], translate.failed) == ("held", "held")
    [[outcome]] = bus.outcomes()
    assert outcome.traceparent == translate.context
    assert "delivery_translated" not in {line["event"] for line in logged}  # it comes again


async def test_delivery_that_came_twice_is_told_of_once() -> None:
    bus, spans = Bus(), Spans()
    twice = message((b"1", drawn()))
    again = replace(twice, redelivered=True)
    with structlog.testing.capture_logs() as logged:
        await normalizer(bus, Witness(spans, LogDeliveries.ALL)).handle([twice, again])
    translate, process = spans.one(Name.TRANSLATE), spans.one(Name.PROCESS_RECEIVED)
    assert [outcome.traceparent for outcome in bus.outcomes()[0]] == [translate.context] * 2
    assert len([line for line in logged if line["event"] == "delivery_translated"]) == 1
    assert process.attributes["messaging.batch.message_count"] == 2
    assert process.attributes["caudal.deliveries"] == 2


async def test_messages_and_deliveries_are_counted_apart() -> None:
    spans = Spans()
    await normalizer(Bus(), Witness(spans)).handle(
        [message((b"1", drawn()), (b"2", drawn())), message((b"3", drawn()))]
    )
    process, send = spans.one(Name.PROCESS_RECEIVED), spans.one(Name.SEND)
    assert process.attributes["messaging.batch.message_count"] == 2
    assert process.attributes["caudal.deliveries"] == send.attributes["caudal.deliveries"] == 3
    assert "messaging.batch.message_count" not in send.attributes  # it is one


class Broken(Spans):
    """A tracer with a bug."""

    def record(self, span: Finished) -> None:
        raise RuntimeError(span.name)


async def test_whoever_tells_wrongly_undoes_nothing() -> None:
    bus = Bus()
    await normalizer(bus, Witness(Broken())).handle([message((b"1", drawn()))])
    assert len(bus.sent) == 1  # nothing is set back, buried or given up
    bus.answer = Outcome.UNKNOWN
    with pytest.raises(TemporaryError):
        await normalizer(bus, Witness(Broken())).handle([message((b"1", drawn()))])


async def test_lines_lead_to_the_span() -> None:
    spans, context = Spans(), child_of(drawn())
    with structlog.testing.capture_logs() as logged:
        await normalizer(Bus(), Witness(spans, LogDeliveries.ALL)).handle(
            [message((b"1", context))]
        )
    [line] = [line for line in logged if line["event"] == "delivery_translated"]
    assert line["trace_id"] == trace_id_of(context)
    assert line["span_id"] == span_id_of(spans.one(Name.TRANSLATE).context)
    assert line["readings"] == ["Observation"]
    assert line["age_ms"] > 0


@pytest.mark.parametrize(
    ("readings", "word"),
    [
        ((), "failed"),
        ((paid(at=1),), "translated"),
        ((IGNORED,), "ignored"),
        ((POKE, IGNORED), "asked"),
        ((paid(at=1), POKE), "translated"),
        ((paid(at=1), UNKNOWN), "parked"),
    ],
)
def test_outcome_in_one_word(readings: tuple[Reading, ...], word: str) -> None:
    assert word_of(readings) == word
