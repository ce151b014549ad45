"""Deliveries that touch the same objects belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from libs.store.objects import ObjectKey
from libs.store.parked import Kept


@dataclass(frozen=True, slots=True)
class Touching:
    """A delivery that differs, and the objects that it touches: those it was about, and is."""

    kept: Kept
    provider: str
    objects: frozenset[ObjectKey]


def groups(found: Sequence[Touching]) -> list[list[Touching]]:
    """Return the deliveries in groups, so that no object is in two; in order of receipt."""
    parents: dict[ObjectKey, ObjectKey] = {}
    for each in found:
        for one, other in pairwise(sorted(each.objects)):
            parents[_root(parents, other)] = _root(parents, one)
    together: dict[ObjectKey | Kept, list[Touching]] = {}
    for each in sorted(found, key=lambda t: (t.kept.received_at, t.kept.delivery_id)):
        of = _root(parents, min(each.objects)) if each.objects else each.kept
        together.setdefault(of, []).append(each)
    return list(together.values())


def _root(parents: dict[ObjectKey, ObjectKey], key: ObjectKey) -> ObjectKey:
    while (parent := parents.get(key, key)) != key:
        parents[key] = parents.get(parent, parent)
        key = parents[key]
    return key
