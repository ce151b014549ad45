"""The payload corpora: a file of bytes beside the readings that it must give.

`<provider>/payloads/<situation>.<ext>` holds the body exactly as it is posted;
`<situation>.expected.json` holds what must come of it:

    {"delivery": {"content_type": …, "authority": …, "route_event": …,    optional
                  "origin": "poll"},     an answer of the API, with the authority `poll`
     "terms": {"currency": …, "timezone": …, "aliases": {…}},             optional
     "readings": [{"reading": "observation", …fields that are not at their default…}],
     "answer": {"status": …, "json": …}}                                  optional
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, cast

from libs.contracts.delivery import Delivery, Origin
from libs.contracts.readings import Reading
from libs.domain.lifecycle import Authority
from libs.domain.money import Money
from libs.providers.port import Provider, Terms

HERE = Path(__file__).parent
RECEIVED_AT = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)
# What depends on the delivery alone, not on the body.
_LEFT_OUT = {"delivery_id", "received_at"}


@dataclasses.dataclass(frozen=True)
class Sample:
    """One payload with what is expected of it."""

    provider: str
    situation: str
    body: bytes
    expected: dict[str, Any]

    def delivery(self) -> Delivery:
        told = {"authority": "secret", **self.expected.get("delivery", {})}
        received_at = told.pop("received_at", None)
        return Delivery(
            id="01900000-0000-7000-8000-000000000001",
            source=self.provider,
            provider=self.provider,
            body=self.body,
            received_at=_time(received_at) if received_at else RECEIVED_AT,
            authority=Authority(told.pop("authority")),
            origin=Origin(told.pop("origin", Origin.WEBHOOK)),
            **told,
        )

    def terms(self) -> Terms:
        return Terms(**self.expected.get("terms", {}))


def samples() -> Iterator[Sample]:
    """Every payload of every provider; a payload without expectations is an error."""
    for path in sorted(HERE.glob("*/payloads/*")):
        if path.name.endswith(".expected.json"):
            continue
        expected = path.with_name(path.name.rsplit(".", 1)[0] + ".expected.json")
        yield Sample(
            provider=path.parts[-3],
            situation=path.name,
            body=path.read_bytes(),
            expected=json.loads(expected.read_text()),
        )


def provider_named(slug: str) -> Provider:
    return cast("Provider", importlib.import_module(f"libs.providers.{slug}").PROVIDER)


def rendered(reading: Reading) -> dict[str, Any]:
    """Give a reading as JSON values, without the fields that are at their default."""
    shown: dict[str, Any] = {"reading": type(reading).__name__.lower()}
    for field in dataclasses.fields(reading):
        value = getattr(reading, field.name)
        if field.name in _LEFT_OUT or value == _default(field):
            continue
        shown[field.name] = _json(value)
    return shown


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _json(value: object) -> Any:  # noqa: ANN401, PLR0911 - one line for each type
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    if isinstance(value, frozenset):
        return sorted(_json(item) for item in value)
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _json(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if getattr(value, f.name) != _default(f)
        }
    return value


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
