"""One webhook can be followed through a whole stack: by its trace, and by its lines in the log.

The stack exports by the real exporter to a collector on this machine. The last test makes that collector hang.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from libs.providers.registry import PROVIDERS
from libs.runtime.tracing.port import ATTRIBUTES, Name
from libs.runtime.tracing.received import ReceivedSpan
from tests.acceptance.canaries import Canaries
from tests.acceptance.collecting import Collector
from tests.acceptance.stack import Request, Stack, source
from tests.processes import descendants, wait_until
from tests.providers.corpora import samples

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SECRET: Final = "open-sesame-of-nobody"
TOKEN: Final = f'{{ kind = "query_token", parameter = "token", secrets = ["literal:{SECRET}"] }}'
SOURCES: Final = source("shop", "clip", TOKEN) + "".join(
    source(slug, slug, '{ kind = "none" }') for slug in PROVIDERS
)
SENT: Final = "00-" + "5a" * 16 + "-" + "c3" * 8 + "-00"
SECONDS: Final = 30.0
EVERY: Final = 9  # of the payloads in the corpora
PLENTY: Final = 400  # webhooks while the collector hangs: more spans than the queue has room for
GROWTH: Final = 40 * 1024 * 1024  # bytes of all workers together

# each span of a webhook, and what it stands under
ABOVE: Final = {
    Name.PUBLISH: Name.RECEIVE,
    Name.FILE: Name.PUBLISH,
    Name.TRANSLATE: Name.PUBLISH,
    Name.FOLD: Name.TRANSLATE,
    Name.PUBLISH_EVENT: Name.FOLD,
}
SERVICES: Final = {
    Name.RECEIVE: "caudal-ingress",
    Name.PUBLISH: "caudal-ingress",
    Name.FILE: "caudal-reconciler",
    Name.TRANSLATE: "caudal-normalizer",
    Name.FOLD: "caudal-reconciler",
    Name.PUBLISH_EVENT: "caudal-reconciler",
}
STAGES: Final = {
    "delivery_accepted": "ingress",
    "delivery_filed": "reconciler-1",
    "delivery_translated": "normalizer-1",
    "delivery_folded": "reconciler-1",
    "event_told": "reconciler-1",
}


@dataclass
class House:
    stack: Stack
    collector: Collector

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log that are of workers."""
        return [json.loads(line) for line in self.stack.log().splitlines() if line.startswith("{")]

    def spans_of(self, trace_id: str) -> dict[str, ReceivedSpan]:
        return {span.name: span for span in self.collector.trace(trace_id)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("tracing")
    with ExitStack() as stack:
        collector = stack.enter_context(Collector())
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_MAX_QUEUE_SIZE": "200",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            "CAUDAL_GRACE": "1",
            "CAUDAL_LOG_DELIVERIES": "all",
            "CAUDAL_LOG_FORMAT": "json",
        }
        up = stack.enter_context(Stack(home, "--ephemeral", sources=SOURCES, env=told))
        up.listen()
        yield House(up, collector)


def created(number: int) -> bytes:
    """Return a webhook about a payment of its own."""
    path = Path(__file__).parents[2] / "libs/providers/clip/examples/checkout_created.json"
    body: dict[str, Any] = json.loads(path.read_text())
    reference = f"{number:08x}-eccd-4bf5-94f3-c343d529caaa"
    return json.dumps(body | {"id": reference, "payment_request_id": reference}).encode()


def post(house: House, number: int) -> None:
    """Post a webhook as a sender that has a trace, and says that it is not to be kept."""
    headers = {"Content-Type": "application/json", "traceparent": SENT}
    request = Request(f"/webhooks/shop?token={SECRET}", created(number), headers)
    assert house.stack.send(request).status == 200


@pytest.fixture(scope="module")
def trace(house: House) -> dict[str, ReceivedSpan]:
    """Post one, and wait for all of its spans."""
    post(house, 1)
    assert wait_until(
        lambda: house.spans_of(SENT[3:35]).keys() >= SERVICES.keys(), seconds=SECONDS
    ), (sorted(house.spans_of(SENT[3:35])), house.stack.log())
    return house.spans_of(SENT[3:35])


def test_webhook_is_one_tree_from_http_to_event(trace: dict[str, ReceivedSpan]) -> None:
    assert {name: span.service for name, span in trace.items()} == SERVICES
    for name, above in ABOVE.items():
        assert trace[name].parent_id == trace[above].span_id, name
        assert trace[name].began >= trace[above].began, name
    request = trace[Name.RECEIVE]
    assert request.parent_id == SENT[36:52]
    assert request.attributes["http.route"] == "/webhooks/{source}"
    assert request.attributes["http.response.status_code"] == 200
    assert len({span.attributes["caudal.delivery_id"] for span in trace.values()}) == 1
    assert not any(span.failed for span in trace.values())
    for span in trace.values():
        assert span.resource["deployment.environment.name"] == "test"
        assert span.attributes.keys() <= ATTRIBUTES


def test_batches_are_traces_of_their_own_and_lead_to_it(
    house: House, trace: dict[str, ReceivedSpan]
) -> None:
    wanted = {
        Name.PROCESS_RECEIVED: Name.PUBLISH,
        Name.PROCESS_ARCHIVE: Name.PUBLISH,
        Name.PROCESS_OUTCOMES: Name.TRANSLATE,
        Name.TRANSACTION: Name.TRANSLATE,
        Name.SEND_EVENTS: Name.PUBLISH_EVENT,
    }

    def found() -> dict[str, list[ReceivedSpan]]:
        return {
            name: [
                span
                for span in tuple(house.collector.spans)
                if span.name == name and (SENT[3:35], trace[of].span_id) in span.links
            ]
            for name, of in wanted.items()
        }

    assert wait_until(lambda: all(found().values()), seconds=SECONDS), found()
    batches = [span for spans in found().values() for span in spans]
    assert SENT[3:35] not in {span.trace_id for span in batches}
    [process] = found()[Name.PROCESS_OUTCOMES]
    assert process.span_id in {span.parent_id for span in found()[Name.TRANSACTION]}
    # what a message carries is the context of the batch that it left in
    sent = {(s.trace_id, s.span_id) for s in tuple(house.collector.spans) if s.name == Name.SEND}
    for name in (Name.PROCESS_RECEIVED, Name.PROCESS_ARCHIVE, Name.PROCESS_OUTCOMES):
        assert sent & set(found()[name][0].links), name


def test_event_leaves_in_that_trace(house: House, trace: dict[str, ReceivedSpan]) -> None:
    assert house.stack.listener is not None
    assert wait_until(lambda: bool(house.stack.listener and house.stack.listener.events))
    first = house.stack.listener.events[0]
    assert first.traceparent == f"{SENT[:36]}{trace[Name.PUBLISH_EVENT].span_id}-01"
    assert "traceparent" not in json.dumps(first.body)


def test_all_stages_have_a_line_with_the_same_trace(
    house: House, trace: dict[str, ReceivedSpan]
) -> None:
    def lines() -> dict[str, dict[str, Any]]:
        return {line["event"]: line for line in house.lines() if line.get("trace_id") == SENT[3:35]}

    assert wait_until(lambda: lines().keys() >= STAGES.keys(), seconds=SECONDS), lines()
    told = lines()
    assert {event: told[event]["service"] for event in STAGES} == STAGES
    delivery = trace[Name.RECEIVE].attributes["caudal.delivery_id"]
    for event, name in zip(
        STAGES,
        (Name.RECEIVE, Name.FILE, Name.TRANSLATE, Name.FOLD, Name.PUBLISH_EVENT),
        strict=True,
    ):
        line = told[event]
        assert (line["delivery_id"], line["source"]) == (delivery, "shop"), event
        assert line["span_id"] == trace[name].span_id, event
        assert "outcome" in line, event
    assert house.stack.log().count(delivery) >= len(STAGES)


def test_nobodys_data_is_in_a_span(house: House) -> None:
    canaries, posted = Canaries(), 0
    for sample in list(samples())[::EVERY]:
        fields = PROVIDERS[sample.provider].personal_fields
        body = canaries.plant(sample.provider, sample.situation, sample.body, fields)
        kind = sample.expected.get("delivery", {}).get("content_type", "application/json")
        request = Request(f"/webhooks/{sample.provider}", body, {"Content-Type": kind})
        posted += house.stack.send(request).status < 300
    house.stack.send(Request("/webhooks/shop?token=wrong", created(2)))
    assert posted > 60
    assert len(canaries.planted) > 300

    def told(name: Name) -> set[str]:
        return {
            span.attributes["caudal.delivery_id"]
            for span in tuple(house.collector.spans)
            if span.name == name
        }

    assert wait_until(
        lambda: len(told(Name.FOLD)) > posted and len(told(Name.FILE)) > posted, seconds=SECONDS
    )
    shown = "\n".join(map(repr, house.collector.spans))
    assert canaries.in_text(shown) == []
    assert canaries.cards_in(shown) == []
    assert SECRET not in shown
    assert "e1961597" not in shown  # nor what a provider calls an object
    assert canaries.in_text("\n".join(canaries.planted))  # the search is not blind


def memory(pids: set[int]) -> int:
    """Return how many bytes these processes have in memory."""
    found = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        resident = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        found += int(resident[1]) * 1024 if resident else 0
    return found


def workers(house: House) -> set[int]:
    return {
        pid
        for pid in descendants(house.stack.process.pid)
        if b"services.cli" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def test_collector_that_hangs_costs_nothing(house: House) -> None:
    """All deliveries arrive, memory is bounded, what has no room is counted, and the end comes in time."""
    assert house.stack.listener is not None
    before, running = len(house.stack.listener.events), workers(house)
    assert len(running) == 3
    house.collector.silent = True
    size = memory(running)
    headers = {"Content-Type": "application/json"}
    requests = [
        Request(f"/webhooks/shop?token={SECRET}", created(1000 + n), headers) for n in range(PLENTY)
    ]
    began = time.monotonic()
    answers = house.stack.send_all(requests)
    assert {answer.status for answer in answers} == {200}
    assert wait_until(
        lambda: bool(house.stack.listener and len(house.stack.listener.events) >= before + PLENTY),
        seconds=SECONDS,
    )
    assert time.monotonic() - began < SECONDS
    assert workers(house) == running
    assert memory(running) - size < GROWTH
    metrics = house.stack.send(Request("/metrics", method="GET")).body.decode()
    dropped = re.search(
        r'^caudal_trace_spans_total\{outcome="dropped"\} (\S+)$', metrics, re.MULTILINE
    )
    assert dropped
    assert float(dropped[1]) > 0
    stopping = time.monotonic()
    assert house.stack.stop() == 0
    assert time.monotonic() - stopping < 15
    assert "spans_left" in {line["event"] for line in house.lines()}
