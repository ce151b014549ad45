"""What is done on the port, each on record before it is begun."""

from __future__ import annotations

from typing import Any, Final

from libs.bus.publisher import Publisher
from libs.domain.lifecycle import Kind
from libs.runtime.failures import PermanentError
from libs.store import parked as store
from libs.store.acts import HTTP, Intent, Person, in_one_transaction, on_record
from libs.store.archive import delivery_on_file
from libs.store.database import Pool
from libs.store.inspect import find_objects
from libs.store.parked import Kept
from services.admin.answers import Discarded, Polled, Replayed, Sent
from services.admin.requests import Again, Parked, Poll
from services.inspection.view import group_view, object_view
from services.reconciler.polling.access import Access, Reach
from services.reconciler.polling.by_hand import poll_now, reach_of
from services.replay.reentry import Reentered, await_taken, reenter

REPLAY: Final = "parked.replay"
DISCARD: Final = "parked.discard"
AGAIN: Final = "delivery.replay"
POLL: Final = "object.poll"


class NotFoundError(Exception):
    """There is no such thing here."""


class Actions:
    """What operators do, with what it needs."""

    def __init__(self, pool: Pool, publisher: Publisher, access: Access | None) -> None:
        self._pool = pool
        self._publisher = publisher
        self._access = access

    async def replay(self, who: str, wanted: Parked) -> Replayed:
        """Translate parked deliveries again."""
        choice = wanted.choice(discarded_too=True)
        async with on_record(self._pool, _intent(who, REPLAY, wanted.why, choice.told())) as noted:
            kept = await store.parked_deliveries(self._pool, choice)
            asked = set(choice.delivery_ids or ())
            unknown = sorted(asked - {each.delivery_id for each in kept})
            told = await self._reenter(kept, wanted.wait)
            noted.outcome |= {"asked": told["asked"], "sent": told["sent"]}
        return Replayed.model_validate(told | {"not_parked": unknown})

    async def discard(self, who: str, wanted: Parked) -> Discarded:
        """Take parked readings off the list, in one transaction with its record."""
        choice = wanted.choice(discarded_too=False)
        intent = _intent(who, DISCARD, wanted.why, choice.told())
        async with in_one_transaction(self._pool, intent) as (connection, noted):
            count = await store.discard_in(connection, choice, wanted.why)
            noted.outcome |= {"discarded": count}
        return Discarded(discarded=count)

    async def again(self, who: str, delivery_id: str, wanted: Again) -> Sent:
        """Have one delivery of the archive enter once more, parked or not."""
        found = await delivery_on_file(self._pool, delivery_id)
        if found is None:
            raise NotFoundError("no delivery of this id is in the archive")
        intent = _intent(who, AGAIN, wanted.why, {"delivery": found.id})
        async with on_record(self._pool, intent) as noted:
            told = await self._reenter([Kept(found.id, found.received_at)], wanted.wait)
            noted.outcome |= {"asked": told["asked"], "sent": told["sent"]}
        return Sent.model_validate(told)

    async def poll(self, who: str, wanted: Poll) -> Polled:
        """Ask the provider about one object now."""
        reach, ref = await self._target(wanted)
        subject = {"source": reach.source, "ref": ref}
        async with on_record(self._pool, _intent(who, POLL, wanted.why, subject)) as noted:
            done = await poll_now(self._pool, self._publisher, reach, ref, within=wanted.wait)
            noted.outcome |= {"answers": done.answers, "folded": done.folded}
        return Polled(
            source=done.key.source,
            provider_ref=done.key.provider_ref,
            before=None if done.before is None else object_view(done.before),
            after=None if done.after is None else object_view(done.after),
            folded=done.folded,
        )

    async def _target(self, wanted: Poll) -> tuple[Reach, str]:
        if self._access is None:
            raise PermanentError("no sources file is told (CAUDAL_SOURCES), so nobody can be asked")
        rows = await find_objects(self._pool, wanted.ref, source=wanted.source)
        if len(rows) > 1:
            raise PermanentError(f"{len(rows)} objects are called so; name the source, or its ref")
        if rows:
            if rows[0].kind != Kind.PAYMENT:
                raise PermanentError("only payments can be asked about; ask a person")
            return reach_of(self._access, rows[0].source), rows[0].provider_ref
        if wanted.source is None:
            raise NotFoundError("no object is called so; one that is not known yet needs source")
        return reach_of(self._access, wanted.source), wanted.ref

    async def _reenter(self, kept: list[Kept], wait: float) -> dict[str, Any]:
        found = await reenter(self._pool, self._publisher, kept, _untold)
        if wait and found.sent:
            await await_taken(self._pool, found, wait, _untold)
        return _view(found, waited=bool(wait))


def _view(found: Reentered, *, waited: bool) -> dict[str, Any]:
    told = {
        "asked": found.asked,
        "sent": len(found.sent),
        "missing": found.missing,
        "not_opened": [each.id for each in found.unopened],
    }
    if not waited:
        return told
    return told | {
        "resolved": found.resolved,
        "still_parked": found.still_parked,
        "still": [group_view(each) for each in found.still],
        "not_taken": found.not_taken,
    }


def _intent(who: str, action: str, why: str, subject: dict[str, Any]) -> Intent:
    return Intent(Person(who, HTTP), action, why, subject)


def _untold(_progress: str) -> None:
    """Nobody watches how far it is."""
