"""What a request's target leads to: a door, the event that the URL names, the query.

/webhooks/<source>          /webhooks/<source>/<event>
a path of the source's own  the path that the provider's document prescribes
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from multidict import MultiMapping
from yarl import URL

from services.ingress.doors import Door, Doors
from services.ingress.guard import Guard, Turnstile
from services.ingress.redaction import Redactor
from services.ingress.rejections import Refusal, not_found

PREFIX: Final = "/webhooks/"
EVENT: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
# Targets that lead in are remembered, as senders use the same ones for ever; it is bounded, as a
# stranger can make up queries.
_REMEMBERED: Final = 1024
_LONGEST: Final = 512  # characters of a target that is remembered


@dataclass(frozen=True, slots=True)
class Way:
    """Where a target leads. `query` may hold a credential; `route_event` has none any more."""

    door: Door
    route_event: str | None
    query: MultiMapping[str]
    turnstile: Turnstile
    """What the door's source has used of its limits."""


class Ways:
    """The ways to all doors."""

    def __init__(self, doors: Doors, guard: Guard) -> None:
        self._doors = doors
        self._guard = guard
        self._known: dict[str, Way] = {}

    def of(self, target: str, url: URL) -> Way | None:
        """Return where a request's target leads, which is `url`; None where no door is behind it.

        Raises `Rejection` where the event is not readable.
        """
        way = self._known.get(target)
        if way is not None:
            return way
        found = self._found(url.path_safe)
        if found is None:
            return None
        door, in_path = found
        event = _route_event(in_path, url.query.get("event"), door.redactor)
        way = Way(door, event, url.query, self._guard.turnstile(door.source.slug))
        if len(target) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[target] = way
        return way

    def takes(self, path: str) -> bool:
        """Tell whether the path has the form of one that a webhook may come to."""
        return path in self._doors.by_path or _split(path) is not None

    def _found(self, path: str) -> tuple[Door, str | None] | None:
        if path in self._doors.by_path:
            slug, event = self._doors.by_path[path].source.slug, None
        else:
            parts = _split(path)
            if parts is None:
                return None
            slug, event = parts
        door = self._doors.open_at(slug)
        return None if door is None else (door, event)


def _split(path: str) -> tuple[str, str | None] | None:
    """Split `/webhooks/<source>[/<event>]`."""
    if not path.startswith(PREFIX):
        return None
    slug, slash, event = path[len(PREFIX) :].partition("/")
    if not slug or "/" in event or (slash and not event):
        return None
    return slug, event or None


def _route_event(in_path: str | None, in_query: str | None, redactor: Redactor) -> str | None:
    """Return the event that the URL names: the path's last segment, else `?event=`."""
    event = in_query if in_path is None else in_path
    if not event:
        return None
    if not EVENT.fullmatch(event):
        raise not_found() if in_path is not None else Refusal.EVENT_UNREADABLE.rejection()
    return redactor.text(event)
