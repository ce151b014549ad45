"""Forms with bracket keys into the nested values that the same notice has as JSON.

`data[payment][status][code]=200` and `data[transactions][0][uid]=x` are written as PHP and most
form encoders write them. Every value is text. A node whose keys are exactly 0..n-1 is a list;
`a[]=x` appends, as PHP reads it. What could be read in two ways (`a=1&a[b]=2`) is refused.
"""

from __future__ import annotations

import re
from typing import Final

from libs.providers.reading import DEPTH_LIMIT, Json, NotReadableError, read_form

_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

_Branch = dict[str, "_Branch | str"]


def read_brackets(raw: bytes) -> dict[str, Json]:
    """Parse a form with bracket keys, or raise `NotReadableError`."""
    root: _Branch = {}
    for key, value in read_form(raw.strip(b" \t\r\n")).items():
        _plant(root, _segments(key), value)
    return {key: _grown(child) for key, child in root.items()}


def _segments(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise NotReadableError("a form key whose brackets do not match")
    rest = match[2][1:-1].split("][") if match[2] else []
    if len(rest) >= DEPTH_LIMIT:
        raise NotReadableError(f"nested deeper than {DEPTH_LIMIT}")
    return [match[1], *rest]


def _plant(root: _Branch, segments: list[str], value: str) -> None:
    node = root
    for segment in segments[:-1]:
        child = node.setdefault(_place(node, segment), {})
        if isinstance(child, str):
            raise NotReadableError("a form key that is both a value and a node")
        node = child
    leaf = _place(node, segments[-1])
    if leaf in node:
        raise NotReadableError("a form key that is both a value and a node")
    node[leaf] = value


def _place(node: _Branch, segment: str) -> str:
    return segment or str(len(node))


def _grown(node: _Branch | str) -> Json:
    if isinstance(node, str):
        return node
    children = {key: _grown(child) for key, child in node.items()}
    if children and "0" not in children:
        return children
    places = [str(place) for place in range(len(children))]
    if all(place in children for place in places):
        return [children[place] for place in places]
    return children
