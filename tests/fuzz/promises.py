"""What must hold of whatever leaves: no whole card number, no person, no credential, amounts that are some."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_plus

import orjson

from libs.contracts.event import Event
from libs.contracts.readings import Ignored, Poke, Reading, Unknown
from libs.domain.observation import Observation
from libs.providers.port import Answer
from libs.providers.reading import Json, NotReadableError, read_json
from libs.store.objects import OutboxRow
from services.ingress.rejections import Rejection
from tests.fuzz.cases import Case
from tests.providers.invariants import ANSWERS

REFUSALS: Final = frozenset({400, 401})
_AMOUNTS: Final = ("amount", "refunded_amount", "fees", "net")
_AMOUNT: Final = re.compile(r"[0-9]{1,16}(\.[0-9]{1,4})?")


def refusal(rejection: Rejection) -> None:
    """Want a stranger to be told one of two statuses, and fixed words."""
    assert rejection.status in REFUSALS, f"refused with {rejection.status}"
    assert len(rejection.body()) < 64, "a long explanation"


def nothing_left(case: Case, body: bytes) -> None:
    """Want no card number that stood in a field for one whole in what travels, however it is spelled."""
    if case.planted.card:
        assert not _is_in(case.planted.card, body), "a whole card number is left"


def no_secret(case: Case, body: bytes) -> None:
    """Want the credential of the source in no text of what travels."""
    if case.planted.secret:
        assert not _is_in(case.planted.secret, body), "a credential is left"


def answer(case: Case, given: Answer) -> None:
    """Want the provider to be told nothing personal."""
    assert given.status in ANSWERS, f"answered {given.status}"
    for sought in (case.planted.card, case.planted.person):
        assert not sought or sought.encode() not in given.body, "told in the answer"
    if given.content_type == "application/json":
        orjson.loads(given.body)


def told(case: Case, line: bytes, readings: Sequence[Reading], *, let_in: bool) -> None:
    """Want nothing of a person and no whole card number in what the delivery says."""
    planted = case.planted
    assert not planted.card or planted.card.encode() not in line, "a card number is told"
    assert not planted.person or planted.person.encode() not in line, "a person is told"
    if let_in and planted.secret:
        assert planted.secret.lower().encode() not in line.lower(), "a credential is told"
    for reading in readings:
        for words in _words(reading):
            no_card(case, words, f"words of {type(reading).__name__}")


def no_card(case: Case, text: str, where: str) -> None:
    """Want no whole card number in the words of a provider that people read."""
    for card in (case.planted.card, case.planted.said):
        assert not card or card not in text, f"a card number in {where}"


def event(case: Case, row: OutboxRow) -> None:
    """Want an event that keeps the public contract, with amounts that are some."""
    found = Event.model_validate_json(row.body)
    data = orjson.loads(row.body)["data"]
    for name in _AMOUNTS:
        text = data[name]
        assert text is None or _AMOUNT.fullmatch(text), f"{name} is no amount"
    assert row.routing_key == f"{found.data.kind}.{found.data.state}.{case.provider}"
    for sought in (case.planted.card, case.planted.person):
        assert not sought or sought.encode() not in row.body, "told in an event"


def _words(reading: Reading) -> Iterator[str]:
    """Give what people read; identifiers and references stay as they are, whatever digits they have."""
    match reading:
        case Observation():
            yield reading.provider_status
            yield reading.failure_reason or ""
            yield reading.method or ""
            yield from reading.facts.values()
        case Unknown():
            yield reading.detail
            yield reading.value or ""
        case Poke():
            yield reading.why
        case Ignored():
            yield reading.provider_status
            yield reading.why


def _is_in(sought: str, body: bytes) -> bool:
    """Look for a text in bytes, in the form that they may be, and in the document that they may be."""
    sought = sought.lower()
    text = body.decode("utf-8", "surrogateescape")
    if sought in text.lower() or sought in unquote_plus(text, errors="surrogateescape").lower():
        return True
    try:
        document = read_json(body)
    except NotReadableError:
        return False
    return any(sought in each.lower() for each in _texts(document))


def _texts(document: Json) -> Iterator[str]:
    stack: list[Json] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield from node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif node is not None and not isinstance(node, bool):
            yield str(node)
