"""What the ingress tells of single deliveries, on both of its lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog

from libs.bus.publisher import Outcome, Outgoing
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_received import Packed, pack
from libs.runtime.settings import LogDeliveries
from libs.runtime.tracing.context import (
    is_sampled,
    parent_of_publish,
    span_id_of,
    trace_id_of,
)
from libs.runtime.tracing.port import Finished, Kind, Name
from libs.runtime.tracing.witness import Witness
from services.ingress import accept
from services.ingress.witness import IngressWitness
from tests.spans import Spans
from tests.unit.ingress.stand_ins import Gate, StandInPublisher, running_ingress, until
from tests.unit.ingress.test_express import line_to, post

TOKEN = "/webhooks/shop?token=open-sesame"
SENT = "00-" + "ab" * 16 + "-" + "cd" * 8


@dataclass
class Publisher(StandInPublisher):
    """Keeps the headers of messages too."""

    headers: list[object] = field(default_factory=list)

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.headers += [message.headers for message in messages]
        return await super().publish_all(messages)


@pytest.mark.usefixtures("both_lanes")
async def test_webhook_is_told_from_request_to_publish() -> None:
    spans, publisher = Spans(), Publisher()
    async with running_ingress(publisher=publisher, witness=Witness(spans)) as ingress:
        assert (await ingress.post("/webhooks/documented", b'{"a":"secret"}'))[0] == 201
    [delivery] = publisher.deliveries
    assert delivery.traceparent is not None
    request, publish, batch = map(spans.one, (Name.RECEIVE, Name.PUBLISH, Name.SEND))
    assert (request.kind, publish.kind, batch.kind) == (Kind.SERVER, Kind.PRODUCER, Kind.CLIENT)
    assert request.parent is None
    assert publish.parent == request.context == parent_of_publish(delivery.traceparent)
    assert publish.context == delivery.traceparent
    assert batch.links == [publish.context]
    assert trace_id_of(batch.context) != trace_id_of(publish.context)
    assert publisher.headers == [{"traceparent": batch.context}] * 2
    assert request.began <= publish.began <= publish.ended
    assert publish.began <= request.ended
    assert request.attributes["http.response.status_code"] == 201
    assert (
        request.attributes["caudal.outcome"] == publish.attributes["caudal.outcome"] == "confirmed"
    )
    assert request.attributes["caudal.delivery_id"] == delivery.id
    assert "secret" not in repr(spans.told)


@pytest.mark.usefixtures("both_lanes")
async def test_batch_leads_to_all_of_its_deliveries() -> None:
    gate, spans = Gate(), Spans()
    publisher = Publisher(behave=gate)
    async with running_ingress(
        publisher=publisher, witness=Witness(spans), publish_deadline=5
    ) as ingress:
        first = asyncio.create_task(ingress.post(TOKEN))
        await until(lambda: gate.arrived == 1)
        others = [asyncio.create_task(ingress.post(TOKEN)) for _ in range(20)]
        await asyncio.sleep(0.2)
        gate.open.set()
        await asyncio.gather(first, *others)
    contexts = {delivery.traceparent for delivery in publisher.deliveries}
    assert len(contexts) == len({trace_id_of(context) for context in contexts}) == 21
    batches = spans.called(Name.SEND)
    assert max(len(batch.links) for batch in batches) == 20
    assert {link for batch in batches for link in batch.links} == contexts
    assert {span.context for span in spans.called(Name.PUBLISH)} == contexts
    assert len(spans.called(Name.RECEIVE)) == 21


@pytest.mark.usefixtures("both_lanes")
async def test_what_waits_behind_a_batch_is_no_part_of_it() -> None:
    """A sender is one request ahead all the time: each of its messages is in a trace of its own."""
    spans, gate = Spans(), Gate()

    async def slowly(message: bytes) -> Outcome:
        await gate(message)
        await asyncio.sleep(0.02)
        return Outcome.CONFIRMED

    publisher = Publisher(behave=slowly)
    async with (
        running_ingress(publisher=publisher, witness=Witness(spans), publish_deadline=5) as ingress,
        line_to(ingress) as line,
    ):
        await line.send(post(b"{}"))
        for n in range(1, 6):
            await until(lambda n=n: gate.arrived == n)  # type: ignore[misc]
            await line.send(post(b"{}"))
            await asyncio.sleep(0.01)
            gate.open.set()
            assert (await line.answer())[0] == 200
        assert (await line.answer())[0] == 200
    sent = spans.called(Name.SEND)
    assert [span.parent for span in sent] == [None] * 6
    assert len({trace_id_of(span.context) for span in sent}) == 6


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize("sampled", [True, False])
async def test_trace_of_a_sender_goes_on_and_its_flag_decides_nothing(
    flags: str, *, sampled: bool
) -> None:
    spans, publisher = Spans(sampled=sampled), Publisher()
    told = f"{SENT}-{flags}"
    async with running_ingress(publisher=publisher, witness=Witness(spans)) as ingress:
        await ingress.post(TOKEN, headers={"traceparent": told})
    [delivery] = publisher.deliveries
    assert trace_id_of(delivery.traceparent) == trace_id_of(told)
    assert span_id_of(delivery.traceparent) != span_id_of(told)
    assert is_sampled(delivery.traceparent) is sampled
    assert [span.parent for span in spans.called(Name.RECEIVE)] == ([told] if sampled else [])
    if not sampled:
        assert spans.told == []
        assert publisher.headers == [None, None]


async def refuse(_message: bytes) -> Outcome:
    return Outcome.REFUSED


def lines(logged: Sequence[Any], event: str) -> list[Any]:
    return [line for line in logged if line["event"] == event]


@pytest.mark.usefixtures("both_lanes")
async def test_refused_delivery_is_told_as_failed() -> None:
    spans = Spans()
    witness = Witness(spans, LogDeliveries.ALL)
    async with running_ingress(
        publisher=Publisher(behave=refuse), witness=witness, spool_dir="/proc/none"
    ) as ingress:
        with structlog.testing.capture_logs() as logged:
            assert (await ingress.post(TOKEN))[0] == 503
    request, publish, batch = map(spans.one, (Name.RECEIVE, Name.PUBLISH, Name.SEND))
    assert (request.attributes["http.response.status_code"], request.failed) == (503, "503")
    assert publish.failed == batch.failed == "RefusedError"
    for span in (request, publish, batch):
        assert span.attributes["caudal.outcome"] == "refused"
    [line] = lines(logged, "delivery_not_kept")
    assert lines(logged, "delivery_accepted") == []
    assert (line["outcome"], line["code"], line["source"]) == ("refused", 503, "shop")
    assert line["delivery_id"] == request.attributes["caudal.delivery_id"]
    assert line["trace_id"] == trace_id_of(request.context)
    assert line["span_id"] == span_id_of(request.context)


@pytest.mark.usefixtures("both_lanes")
async def test_delivery_that_cannot_be_written_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(delivery: Delivery) -> Packed:
        return pack(replace(delivery, route_event="\ud800"))

    monkeypatch.setattr(accept, "pack", broken)
    spans = Spans()
    async with running_ingress(witness=Witness(spans, LogDeliveries.ALL)) as ingress:
        with structlog.testing.capture_logs() as logged:
            assert (await ingress.post(TOKEN))[0] == 500
    request = spans.one(Name.RECEIVE)
    assert (request.attributes["caudal.outcome"], request.failed) == ("refused", "500")
    [line] = lines(logged, "delivery_not_kept")
    assert line["delivery_id"] == request.attributes["caudal.delivery_id"]
    assert len(lines(logged, "request_failed")) == 1


class Broken(Spans):
    """A tracer with a bug."""

    def record(self, span: Finished) -> None:
        raise RuntimeError(span.name)


@pytest.mark.usefixtures("both_lanes")
@pytest.mark.parametrize("kept", [True, False])
async def test_whoever_tells_wrongly_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    monkeypatch.setattr(IngressWitness, "_received", Broken.record)
    spans = Spans()
    async with running_ingress(
        publisher=Publisher(behave=None if kept else refuse),
        witness=Witness(spans),
        spool_dir="/proc/none",
    ) as ingress:
        with structlog.testing.capture_logs() as logged:
            for _ in range(2):
                assert (await ingress.post(TOKEN))[0] == (200 if kept else 503)
    assert len(spans.called(Name.PUBLISH)) == 2
    assert lines(logged, "request_failed") == lines(logged, "answer_failed") == []


@pytest.mark.usefixtures("both_lanes")
async def test_tracer_with_a_bug_changes_no_answer() -> None:
    publisher = Publisher()
    async with running_ingress(publisher=publisher, witness=Witness(Broken())) as ingress:
        for _ in range(2):
            assert (await ingress.post(TOKEN))[0] == 200
    assert len(publisher.deliveries) == 2


@pytest.mark.usefixtures("both_lanes")
async def test_who_is_not_let_in_makes_no_span() -> None:
    spans = Spans()
    async with running_ingress(witness=Witness(spans, LogDeliveries.ALL)) as ingress:
        with structlog.testing.capture_logs() as logged:
            assert (await ingress.post("/webhooks/shop?token=wrong"))[0] == 401
            assert (await ingress.post("/webhooks/nobody"))[0] == 404
            assert (await ingress.post(TOKEN, b""))[0] == 400
    assert spans.told == []
    assert "delivery_accepted" not in {line["event"] for line in logged}


@pytest.mark.usefixtures("both_lanes")
async def test_line_of_a_delivery_has_its_trace() -> None:
    publisher = Publisher()
    async with running_ingress(
        publisher=publisher, witness=Witness(None, LogDeliveries.ALL)
    ) as ingress:
        with structlog.testing.capture_logs() as logged:
            await ingress.post(TOKEN, headers={"traceparent": f"{SENT}-01"})
    [line] = [line for line in logged if line["event"] == "delivery_accepted"]
    [delivery] = publisher.deliveries
    assert delivery.traceparent == f"{SENT}-00"  # tracing is off: as it was told, and not kept
    assert publisher.headers == [None, None]
    assert (line["delivery_id"], line["source"], line["provider"], line["outcome"]) == (
        delivery.id,
        "shop",
        "plain",
        "confirmed",
    )
    assert (line["trace_id"], line["span_id"]) == ("ab" * 16, None)
    assert 0 <= line["duration_ms"] < 5_000


@pytest.mark.parametrize("sampled", [True, False])
async def test_lines_of_those_that_are_sampled(*, sampled: bool) -> None:
    spans = Spans(sampled=sampled)
    async with running_ingress(witness=Witness(spans, LogDeliveries.SAMPLED)) as ingress:
        with structlog.testing.capture_logs() as logged:
            await ingress.post(TOKEN)
    told = lines(logged, "delivery_accepted")
    assert len(told) == sampled
    if sampled:
        request = spans.one(Name.RECEIVE)
        assert told[0]["span_id"] == span_id_of(request.context)
        assert told[0]["trace_id"] == trace_id_of(request.context)


async def test_later_version_of_a_context_goes_on() -> None:
    spans, publisher = Spans(), Publisher()
    told = f"7f{SENT[2:]}-01-and more"
    async with running_ingress(publisher=publisher, witness=Witness(spans)) as ingress:
        await ingress.post(TOKEN, headers={"traceparent": told})
    assert spans.one(Name.RECEIVE).parent == f"{SENT}-01"


@pytest.mark.usefixtures("both_lanes")
@pytest.mark.parametrize(
    "told", [None, f"{SENT}-00", f"{SENT}-01", f"{SENT}-ff", f"01{SENT[2:]}-01"]
)
async def test_nothing_is_sampled_without_tracing(told: str | None) -> None:
    """Else all that waits anywhere would be exported once it is switched on."""
    publisher = Publisher()
    async with running_ingress(publisher=publisher) as ingress:
        await ingress.post(TOKEN, headers={} if told is None else {"traceparent": told})
    [delivery] = publisher.deliveries
    assert delivery.traceparent is not None
    assert delivery.traceparent.endswith("-00")
    assert told is None or delivery.traceparent == f"{SENT}-00"


async def test_nobody_is_told_of_and_nothing_is_added_by_default() -> None:
    publisher = Publisher()
    async with running_ingress(publisher=publisher) as ingress:
        with structlog.testing.capture_logs() as logged:
            await ingress.post(TOKEN)
    assert publisher.headers == [None, None]
    assert "delivery_accepted" not in {line["event"] for line in logged}
