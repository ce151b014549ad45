"""Finds the single values in the text of a JSON document, with the names that lead to them.

It goes token by token and takes nothing for granted: a body that is cut off, or has something behind its end,
has values as well. So it says where a value stands, and leaves it to others whether the whole can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from libs.providers.reading import NotReadableError, read_json

# A string may lack its end, where the body was cut off.
_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]|[^\s"{}\[\],:]+', re.DOTALL)
_MARKS: Final = frozenset("{}[],:")
_OPEN: Final = frozenset("{[")


@dataclass(frozen=True, slots=True)
class Names:
    """What is sought: the tails of paths, each of one name or more, in lower case."""

    tails: frozenset[tuple[str, ...]]
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "longest", max(map(len, self.tails), default=0))

    def end(self, path: tuple[str, ...]) -> bool:
        """Tell whether a path ends in one of them."""
        return any(path[-len(tail) :] == tail for tail in self.tails)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands in a document: the last names on the way, and whether a sought one is among all."""

    path: tuple[str, ...] = ()
    inside: bool = False

    def below(self, name: str | None, names: Names) -> Place:
        """Go down by one name, as JSON writes it; an element of a list has none."""
        if name is None:
            return self
        path = (*self.path, unquoted(name).lower())[-max(names.longest, 1) :]
        return Place(path, self.inside or names.end(path))


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number or word at `start` to `end` of the text."""

    start: int
    end: int
    raw: str
    place: Place


def scalars(text: str, names: Names, top: Place, *, longer_than: int) -> Iterator[Scalar]:
    """Yield the longer values that are neither an object nor a list; `top` is where the document stands."""
    trail: list[Place] = [top]
    name: str | None = None  # as it is written: most need not be read
    waiting: re.Match[str] | None = None  # a value, or the name of one: what follows tells
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark not in _MARKS:
            if waiting is not None and waiting.end() - waiting.start() > longer_than:
                yield _scalar(waiting, trail[-1].below(name, names))
            waiting = token
            continue
        if mark == ":":
            if waiting is not None:
                name, waiting = waiting[0], None
            continue
        if waiting is not None and waiting.end() - waiting.start() > longer_than:
            yield _scalar(waiting, trail[-1].below(name, names))
        waiting = None
        if mark in _OPEN:
            trail.append(trail[-1].below(name, names))
        elif mark != "," and len(trail) > 1:
            trail.pop()
        name = None
    if waiting is not None and waiting.end() - waiting.start() > longer_than:
        yield _scalar(waiting, trail[-1].below(name, names))


def unquoted(raw: str) -> str:
    """Return the text of a string token; of a broken one, what stands there."""
    if "\\" not in raw:
        return raw.strip('"')
    try:
        return str(read_json(raw))
    except NotReadableError:
        return raw.strip('"')


def _scalar(token: re.Match[str], place: Place) -> Scalar:
    return Scalar(token.start(), token.end(), token[0], place)
