"""What the reconciler tells of single deliveries: that one is on file, and what it did to objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import time_ns
from typing import Final, Protocol

import structlog

from libs.bus.topology import ARCHIVE_QUEUE, RECONCILER_QUEUE
from libs.contracts.delivery import Delivery
from libs.contracts.readings import Poke
from libs.contracts.webhook_translated import Translated
from libs.domain.observation import Observation
from libs.runtime.failures import ContentionError, TemporaryError
from libs.runtime.tracing.batch import Open, batch
from libs.runtime.tracing.context import child_of, span_id_of, trace_id_of
from libs.runtime.tracing.port import Attributes, Finished, Kind, Name
from libs.runtime.tracing.witness import Witness, age_ms, not_told, since_ms
from libs.store.objects import StoredObject

FAILED: Final = "failed"
HELD: Final = "held"
_NOT_DONE: Final = frozenset({FAILED, HELD})
_FILE: Final[Attributes] = {
    "messaging.system": "rabbitmq",
    "messaging.destination.name": ARCHIVE_QUEUE,
    "messaging.operation.name": "file",
    "messaging.operation.type": "process",
}
_FOLD: Final[Attributes] = {
    **_FILE,
    "messaging.destination.name": RECONCILER_QUEUE,
    "messaging.operation.name": "fold",
}

log = structlog.get_logger()


class Steps(Protocol):
    """What a batch adds to one object, see `services.reconciler.steps`."""

    @property
    def added(self) -> Mapping[str, Observation]:
        """What nobody had said before, by key."""

    @property
    def repeats(self) -> Collection[Observation]:
        """What was said before."""

    @property
    def news(self) -> Sequence[tuple[StoredObject, Observation]]:
        """The rows that events tell of, each with what made it so."""


class ReconcilerWitness:
    """Tells of deliveries, a transaction at a time."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    def transaction(
        self, deliveries: Sequence[Delivery | Translated]
    ) -> AbstractContextManager[Open]:
        """Tell of what is written together as one span."""
        attributes: Attributes = {
            "db.system.name": "postgresql",
            "db.operation.batch.size": len(deliveries),
        }
        links = (each.traceparent for each in deliveries)
        return batch(self._witness.traces, Name.TRANSACTION, Kind.CLIENT, links, attributes)

    @contextmanager
    def filing(self, deliveries: Sequence[Delivery]) -> Iterator[set[str]]:
        """Tell of deliveries that come onto file; gives a set for the ids of those that do not."""
        began, failed = time_ns(), set[str]()
        yield failed
        try:
            once: dict[str, Delivery] = {}
            for delivery in deliveries:
                once.setdefault(delivery.id, delivery)
            for delivery in once.values():
                self._filed(delivery, FAILED if delivery.id in failed else "filed", began)
        except Exception as error:  # noqa: BLE001 - what is on file stays there
            not_told(error)

    def _filed(self, delivery: Delivery, outcome: str, began: int) -> None:
        context = _child(self._witness, delivery.traceparent)
        _record(self._witness, Name.FILE, context, delivery, delivery.id, began, _FILE, outcome)
        if self._witness.has_line(delivery.traceparent):
            log.info(
                "delivery_filed",
                delivery_id=delivery.id,
                source=delivery.source,
                provider=delivery.provider,
                outcome=outcome,
                age_ms=age_ms(delivery.received_at),
                duration_ms=since_ms(began),
                trace_id=trace_id_of(delivery.traceparent),
                span_id=span_id_of(context),
            )

    @contextmanager
    def folding(self, outcomes: Sequence[Translated]) -> Iterator[Folding]:
        """Tell of outcomes that are applied together; where that fails, of the one that stands alone.

        Where a server goes away meanwhile all of it comes again, but may have been committed: its events have these spans
        for their parents.
        """
        folding = Folding(self._witness, outcomes)
        try:
            with self.transaction(outcomes):
                yield folding
        except ContentionError:
            raise  # nothing is wrong with what is told, nor was anything done
        except TemporaryError:
            folding.held()
            raise
        except Exception:
            if len(outcomes) == 1:
                folding.tell(failed=True)
            raise
        folding.tell()


class Folding:
    """Outcomes that are applied in one transaction, and what that did to each.

    One that came twice is told of once.
    """

    def __init__(self, witness: Witness, outcomes: Sequence[Translated]) -> None:
        self._witness = witness
        self._began = time_ns()
        self._outcomes: dict[str, Translated] = {}
        self._contexts: dict[str, str | None] = {}
        # under the ids that observations name: those of what is replayed, which themselves have no trace
        self._causes: dict[str, str] = {}
        for each in outcomes:
            if each.delivery_id not in self._outcomes:
                self._outcomes[each.delivery_id] = each
                self._contexts[each.delivery_id] = _child(witness, each.traceparent)
            if cause := self._contexts[each.delivery_id] or each.traceparent:
                self._causes.setdefault(each.evidence, cause)
        self._applied = False  # as far as it can be without being committed
        self._steps: Sequence[Steps] = ()
        self._new: Collection[str] = ()
        self._parked: Collection[str] = ()
        self._added: Collection[str] = ()
        self._repeated: Collection[str] = ()
        self._events = Counter[str]()

    def context_of(self, said: Observation) -> str | None:
        """Return the context in which the event that tells of this leaves."""
        return self._causes.get(said.delivery_id)

    def folded(self, steps: Iterable[Steps]) -> None:
        """Take what the batch adds to objects; where it is tried again, the last one counts."""
        self._steps = tuple(steps)

    def saw(self, news: Iterable[Translated], parked: Iterable[Translated]) -> None:
        """Take which outcomes were not known before, and of which something is parked."""
        self._new = {outcome.delivery_id for outcome in news}
        self._parked = {outcome.delivery_id for outcome in parked}
        self._applied = True

    def held(self) -> None:
        """Tell of each that it comes again, where it may have been written. Raises nothing."""
        if not self._applied:
            return
        try:
            for told in self._outcomes.values():
                self._record(told, HELD)
        except Exception as error:  # noqa: BLE001 - the batch is held, and for another reason
            not_told(error)

    def tell(self, *, failed: bool = False) -> None:
        """Tell of each, now that all of it is written, or that it cannot be. Raises nothing."""
        try:
            self._tell(failed=failed)
        except Exception as error:  # noqa: BLE001 - what is written stays so
            not_told(error)

    def _tell(self, *, failed: bool) -> None:
        steps = () if failed else self._steps
        self._added = {said.delivery_id for each in steps for said in each.added.values()}
        self._repeated = {said.delivery_id for each in steps for said in each.repeats}
        self._events = Counter(said.delivery_id for each in steps for _, said in each.news)
        for told in self._outcomes.values():
            outcome = FAILED if failed else self._word(told)
            events = self._events[told.evidence]
            self._record(told, outcome, events)
            if self._witness.has_line(told.traceparent):
                log.info(
                    "delivery_folded",
                    delivery_id=told.delivery_id,
                    source=told.source,
                    provider=told.provider,
                    outcome=outcome,
                    events=events,
                    age_ms=age_ms(told.received_at),
                    duration_ms=since_ms(self._began),
                    trace_id=trace_id_of(told.traceparent),
                    span_id=span_id_of(self._contexts[told.delivery_id]),
                )

    def _record(self, told: Translated, outcome: str, events: int = 0) -> None:
        context, about = self._contexts[told.delivery_id], {**_FOLD, "caudal.events": events}
        _record(
            self._witness, Name.FOLD, context, told, told.delivery_id, self._began, about, outcome
        )

    def _word(self, told: Translated) -> str:
        """Say in one word what became of an outcome."""
        if told.delivery_id not in self._new:
            return "known"  # it came before, and did what it does
        if self._events[told.evidence]:
            return "applied"
        if told.delivery_id in self._parked:
            return "parked"
        if told.evidence in self._added:
            return "recorded"  # and nothing that is public moved
        return "duplicate" if told.evidence in self._repeated else _without_objects(told)


def _without_objects(told: Translated) -> str:
    """Say the same of an outcome that says nothing new of an object."""
    kinds = {type(reading) for reading in told.readings}
    if Observation in kinds:
        return "known"
    return "asked" if Poke in kinds else "ignored"


def _child(witness: Witness, traceparent: str | None) -> str | None:
    if traceparent is None or not witness.has_span(traceparent):
        return None
    return child_of(traceparent)


def _record(  # noqa: PLR0913, PLR0917 - what a span is made of
    witness: Witness,
    name: Name,
    context: str | None,
    told: Delivery | Translated,
    delivery_id: str,
    began: int,
    attributes: Attributes,
    outcome: str,
) -> None:
    if witness.traces is None or context is None:
        return
    witness.traces.record(
        Finished(
            name=name,
            kind=Kind.CONSUMER,
            context=context,
            parent=told.traceparent,
            began=began,
            ended=time_ns(),
            attributes={
                **attributes,
                "caudal.delivery_id": delivery_id,
                "caudal.source": told.source,
                "caudal.provider": told.provider,
                "caudal.outcome": outcome,
                "caudal.age_ms": age_ms(told.received_at),
            },
            failed=outcome if outcome in _NOT_DONE else None,
        )
    )
