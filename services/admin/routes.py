"""What can be asked of the port: one table, which answers and is what its document is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from libs.contracts.readings import ParkReason
from libs.store.acts import list_acts
from libs.store.database import Pool
from libs.store.inspect import find_objects, list_parked
from libs.store.parked import Choice, parked_groups
from services.admin.actions import Actions
from services.admin.answers import (
    ActJson,
    Discarded,
    GroupJson,
    ObjectJson,
    ParkedJson,
    Polled,
    Replayed,
    Sent,
)
from services.admin.requests import (
    Acts,
    Again,
    Groups,
    Listed,
    Nowhere,
    Objects,
    OneDelivery,
    OneObject,
    Parked,
    Poll,
)
from services.inspection.view import act_view, group_view, object_view, parked_view

GET: Final = "GET"
POST: Final = "POST"


class Desk:
    """Does what is asked for. Each method takes who asks, what the path names, and what is told."""

    def __init__(self, pool: Pool, actions: Actions) -> None:
        self._pool = pool
        self._actions = actions

    async def parked(self, _who: str, _place: Nowhere, wanted: Listed) -> list[ParkedJson]:
        """List what is parked."""
        found = await list_parked(
            self._pool,
            source=wanted.source,
            provider=wanted.provider,
            reason=_value(wanted.reason),
            limit=wanted.limit,
        )
        return [parked_view(each) for each in found]

    async def groups(self, _who: str, _place: Nowhere, wanted: Groups) -> list[GroupJson]:
        """List it by provider, field, value and reason."""
        reason = _value(wanted.reason)
        choice = Choice(source=wanted.source, provider=wanted.provider, reason=reason)
        return [group_view(each) for each in await parked_groups(self._pool, choice)]

    async def objects(self, _who: str, place: OneObject, wanted: Objects) -> list[ObjectJson]:
        """Show the objects that are called so."""
        found = await find_objects(self._pool, place.ref, source=wanted.source)
        return [object_view(row) for row in found]

    async def acts(self, _who: str, _place: Nowhere, wanted: Acts) -> list[ActJson]:
        """List what operators did."""
        found = await list_acts(
            self._pool, who=wanted.who, action=wanted.action, limit=wanted.limit
        )
        return [act_view(each) for each in found]

    async def replay(self, who: str, _place: Nowhere, wanted: Parked) -> Replayed:
        """Have parked deliveries translated again."""
        return await self._actions.replay(who, wanted)

    async def discard(self, who: str, _place: Nowhere, wanted: Parked) -> Discarded:
        """Take parked readings off the list."""
        return await self._actions.discard(who, wanted)

    async def again(self, who: str, place: OneDelivery, wanted: Again) -> Sent:
        """Have one delivery of the archive enter once more."""
        return await self._actions.again(who, str(place.id), wanted)

    async def poll(self, who: str, _place: Nowhere, wanted: Poll) -> Polled:
        """Ask the provider about one object now."""
        return await self._actions.poll(who, wanted)


def _value(reason: ParkReason | None) -> str | None:
    return None if reason is None else reason.value


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked. `takes` is the query of a GET and the body of a POST."""

    method: str
    path: str
    does: Callable[..., Awaitable[Any]]
    takes: type[BaseModel]
    gives: Any
    """The type of the answer."""
    place: type[BaseModel] = Nowhere
    """What the path names."""


ROUTES: Final = (
    Route(GET, "/parked", Desk.parked, Listed, list[ParkedJson]),
    Route(GET, "/parked/groups", Desk.groups, Groups, list[GroupJson]),
    Route(GET, "/objects/{ref}", Desk.objects, Objects, list[ObjectJson], OneObject),
    Route(GET, "/acts", Desk.acts, Acts, list[ActJson]),
    Route(POST, "/parked/replay", Desk.replay, Parked, Replayed),
    Route(POST, "/parked/discard", Desk.discard, Parked, Discarded),
    Route(POST, "/deliveries/{id}/replay", Desk.again, Again, Sent, OneDelivery),
    Route(POST, "/objects/poll", Desk.poll, Poll, Polled),
)
