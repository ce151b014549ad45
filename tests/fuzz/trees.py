"""JSON documents that may break JSON's rules: keys that stand twice, numbers that are none, lone surrogates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote, quote_plus

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\u0000"}
_STYLES: Final = ((",", ":"), (", ", ": "), (",\n  ", " : "), (" ,", "\t:"))


class Token(str):
    """A word that stands in the document as it is: a number, or what somebody takes for one."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """The members of an object, in their order; a key may stand twice."""


Node = Any  # None | bool | str | Token | list[Node] | Members


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: at `at` in an object or a list."""

    holder: Members | list[Node]
    at: int

    @property
    def value(self) -> Node:
        found = self.holder[self.at]
        return found[1] if isinstance(self.holder, Members) else found

    def put(self, value: Node) -> None:
        if isinstance(self.holder, Members):
            self.holder[self.at] = (self.holder[self.at][0], value)
        else:
            self.holder[self.at] = value


def read(body: bytes) -> Node:
    """Read a payload as a tree; None for what is no JSON, and for what is nested too deep for a tree."""
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=Members,
            parse_int=Token,
            parse_float=Token,
            parse_constant=Token,
        )
    except (ValueError, RecursionError):
        return None


def copied(node: Node) -> Node:
    """Return a copy that can be changed."""
    if isinstance(node, Members):
        return Members((key, copied(value)) for key, value in node)
    if isinstance(node, list):
        return [copied(value) for value in node]
    return node


def places(node: Node) -> list[Place]:
    """Return where all values of a document stand, the document itself left out."""
    return list(_places(node))


def _places(node: Node) -> Iterator[Place]:
    if isinstance(node, list):
        for at in range(len(node)):
            place = Place(node, at)
            yield place
            yield from _places(place.value)


def objects(node: Node) -> list[Members]:
    """Return all objects of a document."""
    every = [node, *(place.value for place in places(node))]
    return [each for each in every if isinstance(each, Members)]


def written(node: Node, rng: Random) -> bytes:
    """Write a document in one of the ways in which senders write JSON."""
    style = _Style(
        *rng.choice(_STYLES),
        ascii_only=rng.random() < 0.4,
        slashes=rng.random() < 0.2,
        odd=rng if rng.random() < 0.1 else None,
    )
    return style.text(node).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class _Style:
    comma: str
    colon: str
    ascii_only: bool
    slashes: bool
    odd: Random | None
    """Draws letters that are written as escapes, which no sender does without a reason."""

    def text(self, node: Node) -> str:
        if isinstance(node, Members):
            members = [f"{self._string(k)}{self.colon}{self.text(value)}" for k, value in node]
            return f"{{{self.comma.join(members)}}}"
        if isinstance(node, list):
            return f"[{self.comma.join(map(self.text, node))}]"
        if isinstance(node, Token):
            return node
        if isinstance(node, str):
            return self._string(node)
        return "null" if node is None else "true" if node is True else "false"

    def _string(self, text: str) -> str:
        return f'"{"".join(map(self._character, text))}"'

    def _character(self, character: str) -> str:
        if (written := _ESCAPES.get(character)) is not None:
            return written
        if self.slashes and character == "/":
            return "\\/"
        odd = self.odd is not None and self.odd.random() < 0.05
        if odd or character < " " or (self.ascii_only and character > "~"):
            units = character.encode("utf-16-be", "surrogatepass").hex()
            return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        return character


def as_form(node: Members, rng: Random) -> bytes:
    """Write a document as PHP's `http_build_query` does, with bracket keys, quoted or plain."""
    brackets = "" if rng.random() < 0.8 else "[]"
    pairs = [
        f"{quote(key, safe=brackets, errors='replace')}={quote_plus(value, errors='replace')}"
        for name, child in node
        for key, value in _flat(name, child)
    ]
    return "&".join(pairs).encode()


def _flat(name: str, node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for at, child in enumerate(node):
            key, value = child if isinstance(node, Members) else (str(at), child)
            yield from _flat(f"{name}[{key}]", value)
    elif isinstance(node, str):
        yield name, str(node)
    else:
        yield name, "" if node is None else "true" if node else "false"
