"""A row: some webhooks to a source of their own, and what must have become of them.

Each row has its own source, so that what is listed, parked and published under that slug is the
outcome of this row and of nothing else.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict
from urllib.parse import urlencode

from tests.acceptance.stack import Json, Published, Request, source

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = "t0ken-of-this-row-Zq8"  # what a row with authentication TOKEN_AUTHENTICATION sends
NONE_AUTHENTICATION = '{ kind = "none" }'
TOKEN_AUTHENTICATION = (
    '{ kind = "query_token", parameter = "token", '
    f'secrets = ["literal:retired-Xk2", "literal:{TOKEN}"] }}'
)
MONEY = {"amount", "refunded_amount", "fees", "net"}
RECEIPT = "receipt"  # expected of `occurred_at` where the provider tells no time


@dataclass(frozen=True)
class Step:
    """One webhook. `body` is JSON unless it is bytes."""

    body: object
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    suffix: str = ""  # further path segments and the query
    status: int | None = None  # the answer, where it is not what the provider calls success


@dataclass(frozen=True)
class Row:
    """`objects` is what is listed (reference to fields), `parked` what is parked, in any order."""

    name: str
    provider: str
    steps: Sequence[Step]
    objects: Mapping[str, Json] = field(default_factory=dict)
    parked: Sequence[Json] = ()
    secret: bool = True
    options: Sequence[str] = ()

    @property
    def slug(self) -> str:
        plain = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
        return f"{self.provider}-{plain}"[:63].rstrip("-")

    @property
    def table(self) -> str:
        """The source's table in the sources file."""
        authentication = TOKEN_AUTHENTICATION if self.secret else NONE_AUTHENTICATION
        return source(self.slug, self.provider, authentication, self.options)

    def request(self, step: Step) -> Request:
        path = f"/webhooks/{self.slug}{step.suffix}"
        if self.secret:
            path += ("&" if "?" in path else "?") + f"token={TOKEN}"
        return Request(path, encoded(step.body), step.headers)

    def success(self, step: Step) -> int:
        return step.status or (201 if self.provider == "conectados" else 200)


class More(TypedDict, total=False):
    """`expect`: the fields of the row's one object; without it there must be none."""

    expect: Json
    parked: Sequence[Json]
    secret: bool
    options: Sequence[str]


def make(
    name: str, bodies: Sequence[object], more: More, *, provider: str, kind: str, reference: str
) -> Row:
    """Return a row about one object, called `reference`."""
    steps = [body if isinstance(body, Step) else Step(body) for body in bodies]
    return Row(
        name,
        provider,
        steps,
        {reference: {"kind": kind} | more["expect"]} if "expect" in more else {},
        more.get("parked", ()),
        more.get("secret", True),
        more.get("options", ()),
    )


def encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def form(body: Mapping[str, Any]) -> bytes:
    """Encode as a form with bracket keys, every value a string, as PHP's http_build_query does."""

    def pairs(value: object, key: str) -> list[tuple[str, str]]:
        if isinstance(value, Mapping):
            items = [(f"{key}[{name}]" if key else str(name), part) for name, part in value.items()]
        elif isinstance(value, list):
            items = [(f"{key}[{place}]", part) for place, part in enumerate(value)]
        else:
            text = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
            return [] if value is None else [(key, text if text is not None else str(value))]
        return [pair for name, part in items for pair in pairs(part, name)]

    return urlencode(pairs(body, "")).encode()


def identifier(*names: object) -> str:
    """Return the same UUID for the same names."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, names))))


def number(*names: object) -> int:
    """Return the same number of eight digits for the same names."""
    return 10_000_000 + uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, names))).int % 89_999_999


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def differs(key: str, wanted: object, seen: Json) -> bool:
    """Whether a field is not as wanted: money by value, times as instants, flags in any order."""
    found = seen.get(key)
    if wanted is None or found is None:
        return found is not wanted
    if key in MONEY:
        return Decimal(found) != Decimal(str(wanted))
    if key == "flags":
        return not isinstance(wanted, list) or found != sorted(wanted)
    if key == "occurred_at" and wanted == RECEIPT:
        return moment(found) != moment(seen["received_at"])
    if key in {"occurred_at", "expires_at"}:
        return moment(found) != moment(str(wanted))
    return bool(found != wanted)


def object_faults(row: Row, listed: Sequence[Json]) -> list[str]:
    """Say how the objects of this row's source differ from what the row expects."""
    faults = []
    seen = {item["provider_ref"]: item for item in listed}
    if set(seen) != set(row.objects):
        faults.append(f"objects {sorted(seen)}, expected {sorted(row.objects)}")
    for reference, wanted in row.objects.items():
        item = seen.get(reference, {})
        faults += [
            f"{reference}: {key} is {item.get(key)!r}, expected {value!r}"
            for key, value in wanted.items()
            if item and differs(key, value, item)
        ]
    return faults


def parked_faults(row: Row, listed: Sequence[Json]) -> list[str]:
    """Say how what is parked of this row's source differs from what the row expects."""
    left = list(listed)
    faults = []
    for wanted in row.parked:
        match = next((item for item in left if wanted.items() <= item.items()), None)
        if match is None:
            faults.append(f"not parked: {wanted}")
        else:
            left.remove(match)
    shown = [{key: item[key] for key in ("reason", "field", "value")} for item in left]
    return faults + [f"parked beside what was expected: {item}" for item in shown]


def event_faults(listed: Sequence[Json], events: Sequence[Published]) -> list[str]:
    """Say where the stream of a source breaks its promises or does not end where the objects are."""
    faults = []
    by_object: dict[str, dict[int, Json]] = {}
    for event in events:
        data = event.body["data"]
        key = f"{data['kind']}.{data['state']}.{data['provider']}"
        if event.routing_key != key:
            faults.append(f"routing key {event.routing_key}, expected {key}")
        known = by_object.setdefault(data["provider_ref"], {})
        if known.setdefault(event.body["sequence"], event.body) != event.body:
            faults.append(f"two events are number {event.body['sequence']} of one object")
    for item in listed:
        faults += stream_faults(item, by_object.pop(item["provider_ref"], {}))
    return faults + [f"events of an object that is not listed: {ref}" for ref in by_object]


def stream_faults(item: Json, events: Mapping[int, Json]) -> list[str]:
    """Check one object's events: no gap, each names the state before, the last one is the object."""
    ref = item["provider_ref"]
    if sorted(events) != list(range(1, len(events) + 1)) or not events:
        return [f"{ref}: sequences {sorted(events)}"]
    faults = []
    before = None
    for _, event in sorted(events.items()):
        if event["data"]["previous_state"] != before:
            faults.append(f"{ref}: previous_state {event['data']['previous_state']} after {before}")
        before = event["data"]["state"]
    last = events[len(events)]["data"]
    return faults + [
        f"{ref}: the last event says {key} {value!r}, the list {item.get(key)!r}"
        for key, value in last.items()
        if item.get(key) != value
    ]
