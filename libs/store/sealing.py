"""Raw bodies are sealed on their way into a table, and opened where they are read.

Sealed for the id of their delivery: a body that was put into another row does not open there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from uuid_utils import UUID

from libs.runtime.key_ring import KeyRing, is_sealed


class _Place(NamedTuple):
    """Which columns of a statement that takes rows have the delivery's id, and its raw body."""

    delivery_id: int
    body: int


_PLACES: Final = {
    "file_deliveries": _Place(delivery_id=0, body=10),
    "park": _Place(delivery_id=0, body=10),
    "park_again": _Place(delivery_id=0, body=10),
}


def sealed_columns(
    keys: KeyRing, name: str, columns: Iterable[tuple[Any, ...]]
) -> Iterable[tuple[Any, ...]]:
    """Return the columns of a statement, its raw bodies sealed; an absent one stays so."""
    place = _PLACES.get(name)
    if place is None:
        return columns
    told = list(columns)
    if told:
        pairs = zip(told[place.delivery_id], told[place.body], strict=True)
        told[place.body] = tuple(
            None if body is None else seal(keys, delivery_id, body) for delivery_id, body in pairs
        )
    return told


def seal(keys: KeyRing, delivery_id: object, body: bytes) -> bytes:
    """Seal a delivery's raw body, where there are keys."""
    return keys.seal(body, _bytes_of(delivery_id) if keys else b"")


def opened(keys: KeyRing, delivery_id: object, kept: bytes) -> bytes:
    """Return a delivery's raw body as it came. Raises `NotOpenedError`."""
    return keys.open(kept, _bytes_of(delivery_id) if is_sealed(kept) else b"")


def _bytes_of(delivery_id: object) -> bytes:
    """Return the 16 bytes of an id, however it is spelled; `ValueError` where it is none."""
    return UUID(str(delivery_id)).bytes
