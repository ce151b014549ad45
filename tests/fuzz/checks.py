"""The way of one input through all that reads it, and what may become of it.

What comes out has to keep the promises of `tests.fuzz.promises`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from libs.contracts import webhook_received, webhook_translated
from libs.contracts.delivery import Delivery, Origin
from libs.contracts.readings import Unknown
from libs.contracts.webhook_translated import Translated
from libs.domain.fold import Folded, fold
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers.mobbex.body import read_body as read_mobbex
from libs.providers.payu import report
from libs.providers.payu.body import read_body as read_payu
from libs.providers.reading import NotReadableError, read_form, read_json, read_object
from libs.providers.registry import PROVIDERS
from libs.runtime.scrubbing import mask, scrubbed
from libs.store.objects import ObjectKey, unknown_object
from services.ingress.rejections import Rejection
from services.normalizer.translate import Translator
from services.reconciler.change import change_of, outbox_row
from services.reconciler.polling.scrubbing import without_secrets
from tests.fuzz import promises
from tests.fuzz.cases import Case
from tests.fuzz.house import SECRETS, cards_of, house
from tests.fuzz.stages import FoundError, stage
from tests.providers import invariants

SLOW: Final = 3.0  # seconds of the processor for one input, which is more than any may take
_LOGGED: Final = 2048  # characters of a text that a log line is tried with


@dataclass(slots=True)
class Outcome:
    """What became of one input, for the count."""

    readable: bool = False
    let_in: bool = False
    refused: str = ""
    readings: Counter[str] = field(default_factory=Counter)
    events: int = 0


def run(case: Case) -> Outcome:
    """Send one input all the way. Raises `FoundError`."""
    began = time.process_time()
    outcome = Outcome()
    outcome.readable = _is_readable(case)
    delivery = _delivery(case, outcome)
    stage("wire", lambda: _travels(delivery))
    stage("acknowledge", lambda: _acknowledged(case, delivery))
    translated = stage("translation", lambda: _translated(case, delivery))
    stage("wire", lambda: _outcome_travels(case, translated, let_in=outcome.let_in))
    for reading in translated.readings:
        name = (
            f"parked {reading.reason}" if isinstance(reading, Unknown) else type(reading).__name__
        )
        outcome.readings[name.lower()] += 1
        if isinstance(reading, Observation):
            outcome.events += stage("fold", partial(_folded, case, reading))
    if case.provider == "payu":
        stage("report", lambda: _reported(case))
    stage("masks", lambda: _logged(case))
    if time.process_time() - began > SLOW:
        raise FoundError("all", f"more than {SLOW:.0f} s of the processor")
    return outcome


def _is_readable(case: Case) -> bool:
    """Ask everything that turns bytes into a document; it is the first that any body meets."""
    body = case.body
    tries: list[Callable[[], object]] = [
        lambda: read_json(body),
        lambda: read_object(body),
        lambda: read_form(body),
        lambda: read_mobbex(body, case.template.content_type),
        lambda: read_payu(case.template),
    ]
    read = [stage("reading", partial(_succeeds, one)) for one in tries]
    by_provider = {"mobbex": read[3], "payu": read[4]}
    return by_provider.get(case.provider, read[0])


def _succeeds(read: Callable[[], object]) -> bool:
    try:
        read()
    except NotReadableError:
        return False
    return True


def _delivery(case: Case, outcome: Outcome) -> Delivery:
    """Bring the input to the bus: through the front door, or as an answer that was asked for."""
    if not case.posted:
        return stage("answer", lambda: _answered(case))
    if not case.body:
        outcome.refused = "rejection 400"
        return case.template
    try:
        let_in = stage("ingress", lambda: _let_in(case))
    except Rejection as rejection:
        return _refused(case, rejection, outcome)
    outcome.let_in = True
    # as it came, but for what is of this moment
    return replace(let_in, id=case.template.id, received_at=case.template.received_at)


def _refused(case: Case, rejection: Rejection, outcome: Outcome) -> Delivery:
    """Take what was refused further: what lies in the archive from before may look like it."""
    outcome.refused = f"rejection {rejection.status}"
    stage("ingress", lambda: promises.refusal(rejection))
    return stage("ingress", lambda: _masked(case))


def _let_in(case: Case) -> Delivery:
    told, event = case.template, case.template.route_event
    delivery = house().let_in(case.provider, told.body, told.content_type, event)
    promises.nothing_left(case, delivery.body)
    promises.no_secret(case, delivery.body)
    return delivery


def _masked(case: Case) -> Delivery:
    body = cards_of(case.provider).masked(case.body)
    promises.nothing_left(case, body)
    return replace(case.template, body=body)


def _answered(case: Case) -> Delivery:
    if case.template.origin is not Origin.POLL:
        return case.template
    provider = PROVIDERS[case.provider]
    body = without_secrets(case.body, provider.secret_body_fields, (SECRETS[case.provider],))
    masked = replace(case.template, body=cards_of(case.provider).masked(body))
    promises.nothing_left(case, masked.body)
    return masked


def _travels(delivery: Delivery) -> None:
    message = webhook_received.encode((delivery, delivery))
    assert webhook_received.decode(message) == (delivery, delivery), "another delivery arrives"


def _acknowledged(case: Case, delivery: Delivery) -> None:
    provider = PROVIDERS[case.provider]
    answer = provider.acknowledge(delivery)
    assert answer == provider.acknowledge(delivery), "two answers to one body"
    promises.answer(case, answer)


def _translated(case: Case, delivery: Delivery) -> Translated:
    translator = Translator(PROVIDERS, {case.provider: case.terms})
    outcome = translator.outcome_of(delivery)
    again = translator.outcome_of(replace(delivery))
    assert outcome == again, "another translation the second time"
    invariants.check(outcome.readings)
    return outcome


def _outcome_travels(case: Case, outcome: Translated, *, let_in: bool) -> None:
    message = webhook_translated.encode((outcome,))
    promises.told(case, message.partition(b"\n")[0], outcome.readings, let_in=let_in)
    assert webhook_translated.decode(message) == (outcome,), "another outcome arrives"


def _folded(case: Case, said: Observation) -> int:
    """Fold it with what was said before, in two orders; return how many events that makes."""
    before = [each for each in case.history if each.kind is said.kind]
    folded = fold(said.kind, [*before, said])
    assert folded == fold(said.kind, [said, *reversed(before)]), "the order counts"
    alone = fold(said.kind, [said])
    return _event(case, said, folded) + _event(case, said, alone)


def _event(case: Case, said: Observation, folded: Folded) -> int:
    key = ObjectKey(case.provider, said.kind.value, said.provider_ref or "found by its reference")
    change = change_of(unknown_object(key, case.provider, 1), folded)
    if change is None or not change.news:
        return 0
    promises.event(case, outbox_row(change.row))
    return 1


def _reported(case: Case) -> None:
    """Take the body for the file of a report; each of its rows becomes a delivery."""
    try:
        rows = list(report.rows_of(case.body))
    except NotReadableError:
        return
    for row in rows:
        if isinstance(row, report.Row):
            told = replace(
                case.template,
                body=report.row_body(row, case.template.received_at),
                origin=Origin.REPORT,
                authority=Authority.REPORT,
                route_event=f"{report.PREFIX}{row.payout}",
            )
            for said in _translated(case, told).readings:
                if isinstance(said, Observation):
                    _folded(case, said)


def _logged(case: Case) -> None:
    """Take the body for the text of an error, which no line of ours hands over."""
    text = case.body[:_LOGGED].decode("utf-8", "replace")
    line = scrubbed({"event": "tried", "error": text, "source": case.provider, text[:40]: text})
    masked = mask(f"error {case.planted.card or case.planted.said} here")
    assert isinstance(line["error"], str), "a text that is none any more"
    promises.no_card(case, masked, "a log line")
