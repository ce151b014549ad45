"""Changes of a document that know its structure: types, values, keys, nesting, parts of other documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.fuzz import odd
from tests.fuzz.trees import Members, Node, Place, Token, copied, objects, places

_TWICE: Final = (
    0.1  # how often a key may come to stand twice, for which a document is refused at once
)


@dataclass(frozen=True, slots=True)
class Stock:
    """What a provider's corpus has: its documents, its keys, and its short texts."""

    documents: tuple[Node, ...]
    names: tuple[str, ...]
    words: tuple[str, ...]


def changed(root: Node, rng: Random, stock: Stock, times: int) -> Node:
    """Change a document a few times; it is changed in place, but for what takes its place."""
    for _ in range(times):
        root = rng.choice(_CHANGES)(root, rng, stock)
    return root


def _keys(holder: Members | list[Node]) -> set[str]:
    return {key for key, _ in holder}


def _any(root: Node, rng: Random) -> Place | None:
    found = places(root)
    return rng.choice(found) if found else None


def _leaf(root: Node, rng: Random) -> Place | None:
    found = [place for place in places(root) if not isinstance(place.value, list)]
    return rng.choice(found) if found else None


def _new_value(root: Node, rng: Random, stock: Stock) -> Node:
    if (place := _leaf(root, rng)) is not None:
        words = bool(stock.words) and rng.random() < 0.3
        place.put(rng.choice(stock.words) if words else odd.value(rng))
    return root


def _new_number(root: Node, rng: Random, _stock: Stock) -> Node:
    found = [p for p in places(root) if isinstance(p.value, Token)]
    if found:
        drawn = odd.number(rng)
        rng.choice(found).put(str(drawn) if rng.random() < 0.3 else drawn)
    return root


def _new_type(root: Node, rng: Random, _stock: Stock) -> Node:
    """Say the same as another type: a number as text, a value as a list of it, an object as a list."""
    if (place := _any(root, rng)) is None:
        return root
    value = place.value
    if isinstance(value, Members):
        place.put(rng.choice(([child for _, child in value], Members(), "", None)))
    elif isinstance(value, list):
        place.put(Members((str(at), child) for at, child in enumerate(value)))
    elif isinstance(value, Token):
        place.put(str(value))
    elif isinstance(value, str):
        place.put(rng.choice((Token(value) if value.isdecimal() else [value], [value], True, None)))
    else:
        place.put(rng.choice(("null", "true", Token("1"), [])))
    return root


def _retold(root: Node, rng: Random, _stock: Stock) -> Node:
    """Spell a text in another way."""
    found = [p for p in places(root) if isinstance(p.value, str) and not isinstance(p.value, Token)]
    if found:
        place = rng.choice(found)
        place.put(_respelled(place.value, rng))
    return root


def _respelled(text: str, rng: Random) -> str:
    at = rng.randint(0, len(text))
    return rng.choice(
        (
            text.upper(),
            text.lower(),
            f" {text}\t",
            text[:at],
            text[:at] + odd.text(rng) + text[at:],
            text * rng.choice((2, 9, 40)),
            text[::-1],
            text[:at] + rng.choice("\0\ud800é\u200b") + text[at:],
        )
    )


def _renamed(root: Node, rng: Random, stock: Stock) -> Node:
    if found := [each for each in objects(root) if each]:
        holder = rng.choice(found)
        at = rng.randrange(len(holder))
        name, value = holder[at]
        respelled = _respelled(name, rng)
        other = rng.choice(stock.names) if stock.names else respelled
        new = rng.choice((respelled, other))
        if new not in _keys(holder) or rng.random() < _TWICE:
            holder[at] = (new, value)
    return root


def _dropped(root: Node, rng: Random, _stock: Stock) -> Node:
    if (place := _any(root, rng)) is not None:
        del place.holder[place.at]
    return root


def _twice(root: Node, rng: Random, _stock: Stock) -> Node:
    """Say something once more; where it is a key, JSON does not say which counts."""
    if (place := _any(root, rng)) is not None:
        entry = place.holder[place.at]
        if isinstance(place.holder, Members) and rng.random() > _TWICE:
            entry = (f"{entry[0]}_", entry[1])
        place.holder.insert(rng.randint(0, len(place.holder)), copied(entry))
    return root


def _nested(root: Node, rng: Random, _stock: Stock) -> Node:
    deep = rng.choice((1, 1, 1, 2, 3, 30, 33, 40))
    place = _any(root, rng)
    value = root if place is None else place.value
    for _ in range(deep):
        value = [value] if rng.random() < 0.5 else Members([("a", value)])
    if place is None:
        return value
    place.put(value)
    return root


def _swapped(root: Node, rng: Random, _stock: Stock) -> Node:
    one, other = _leaf(root, rng), _leaf(root, rng)
    if one is not None and other is not None:
        value = one.value
        one.put(other.value)
        other.put(value)
    return root


def _grafted(root: Node, rng: Random, stock: Stock) -> Node:
    """Put a part of another document of the provider here."""
    place, donor = _any(root, rng), _any(rng.choice(stock.documents), rng)
    if place is None or donor is None:
        return root
    entry = donor.holder[donor.at]
    named = isinstance(place.holder, Members) and isinstance(donor.holder, Members)
    if named and (entry[0] not in _keys(place.holder) or rng.random() < _TWICE):
        place.holder[place.at] = copied(Members([entry]))[0]
    else:
        place.put(copied(donor.value))
    return root


def _added(root: Node, rng: Random, stock: Stock) -> Node:
    if found := objects(root):
        holder = rng.choice(found)
        name = rng.choice(stock.names) if stock.names and rng.random() < 0.8 else odd.text(rng)
        if name not in _keys(holder):
            holder.insert(rng.randint(0, len(holder)), (name, odd.value(rng)))
    return root


def _shuffled(root: Node, rng: Random, _stock: Stock) -> Node:
    for holder in objects(root):
        rng.shuffle(holder)
    return root


_Change = Callable[[Node, Random, Stock], Node]
_CHANGES: Final[tuple[_Change, ...]] = (
    *(_new_value, _new_value, _new_value, _new_number, _new_number, _new_type, _new_type),
    *(_retold, _retold, _renamed, _dropped, _twice, _nested, _swapped, _grafted, _grafted),
    *(_added, _added, _shuffled),
)
