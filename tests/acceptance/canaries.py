"""Plants a canary into every personal field of a body, and finds canaries wherever they flew to.

A canary is a value that stands nowhere else, with the shape of what belongs there: a card number passes the
check of Luhn, a document has its check digits. What a field is called the providers declare themselves.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.br import cpf
from stdnum.cl import rut
from stdnum.co import nit

from libs.personal.datum import Datum, PersonalFields, tail_of
from libs.providers.reading import NotReadableError, read_json

BIRTH = "1907-11-13"  # no two persons can be told apart by it; but nothing else is as old
_SINGLE = re.compile(rf"zq[a-j]{{6}}x|[0-9]{{7,60}}(?:-[0-9k])?|{BIRTH}")
_LETTERS = str.maketrans("0123456789", "abcdefghij")


@dataclass
class Canaries:
    """Those that were let in, by what is looked for, with the field in which each was planted."""

    planted: dict[str, str] = field(default_factory=dict)
    cards: set[str] = field(default_factory=set)
    count: int = 0

    def plant(self, provider: str, situation: str, body: bytes, fields: PersonalFields) -> bytes:
        """Return the body with a new canary in each of the fields: where it stands, and where it could."""

        def make(path: str) -> str:
            self.count += 1
            value, sought = _canary(fields[path], provider, self.count)
            self.planted[sought] = f"{provider} {situation} {path}"
            if fields[path] is Datum.CARD:
                self.cards.add(sought)
            return value

        if situation.endswith(".form"):
            return _into_form(body, provider, fields, make)
        document = _read(body)
        if document is None:
            whole: dict[str, Any] = {}
            for path in fields:
                _into(whole, path.split("."), partial(make, path), parents=9)
            return body + b"\n" + json.dumps(whole).encode()
        tails: set[tuple[str, ...]] = set()
        for path in fields:
            if tail_of(path) not in tails:  # else they have their canaries
                _replace(document, tail_of(path), partial(make, path))
            tails.add(tail_of(path))
            for node in document if isinstance(document, list) else [document]:
                _into(node, path.split("."), partial(make, path), parents=1)
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")

    def in_text(self, text: str) -> list[str]:
        """Return the fields whose canaries are in a text."""
        found = set(_SINGLE.findall(text.lower()))
        return sorted({self.planted[each] for each in found & self.planted.keys()})

    def cards_in(self, text: str) -> list[str]:
        """Return the fields whose whole card numbers are in a text."""
        found = set(re.findall(r"[0-9]{16}", text))
        return sorted({self.planted[each] for each in found & self.cards})


def _canary(datum: Datum, provider: str, number: int) -> tuple[str, str]:
    """Return the `number`-th value of its kind, and what of it is looked for, in lower case."""
    word = f"zq{number:06d}".translate(_LETTERS) + "x"
    match datum:
        case Datum.CARD:
            digits = f"450799{number:09d}"
            value = digits + luhn.calc_check_digit(digits)
        case Datum.PHONE:
            return f"+549115{number:07d}", f"549115{number:07d}"
        case Datum.DOCUMENT:
            value = _document(provider, number)
        case Datum.ACCOUNT:
            value = f"7{number:016d}"
        case Datum.BARCODE:
            value = f"23793{number:042d}"
        case Datum.BIRTH:
            value = BIRTH
        case Datum.E_MAIL:
            return f"{word}@canary.example", word
        case _:
            return f"Canary {word.title()} of Cage 7", word
    return value, value.lower()


def _document(provider: str, number: int) -> str:
    if provider == "safe2pay":
        digits = f"{700_000_000 + number}"
        return next(found for n in range(100) if cpf.is_valid(found := f"{digits}{n:02d}"))
    if provider == "mobbex":
        digits = f"20{40_000_000 + number}"
        return digits + cuit.calc_check_digit(digits)
    if provider == "conectados":
        digits = f"{18_000_000 + number}"
        return f"{digits}-{rut.calc_check_digit(digits)}"
    digits = f"{830_000_000 + number}"
    return f"{digits}-{nit.calc_check_digit(digits)}"


def _read(body: bytes) -> Any:  # noqa: ANN401 - a JSON value
    """Return an object or a list of objects that a provider would read; None for anything else."""
    try:
        read_json(body)
        document = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (NotReadableError, ValueError):
        return None
    if isinstance(document, list):
        return document if all(isinstance(each, dict) for each in document) else None
    return document if isinstance(document, dict) else None


def _replace(node: Any, tail: tuple[str, ...], make: Callable[[], str]) -> None:  # noqa: ANN401
    """Put canaries where a field stands already, at whatever depth."""

    def walk(node: Any, trail: tuple[str, ...]) -> None:  # noqa: ANN401
        if isinstance(node, list):
            for each in node:
                walk(each, trail)
        if not isinstance(node, dict):
            return
        for name, value in node.items():
            path = (*trail, name.lower())[-2:]
            if path[-len(tail) :] == tail:
                node[name] = make()
            else:
                walk(value, path)

    walk(node, ())


def _into(node: Any, names: list[str], make: Callable[[], str], *, parents: int) -> None:  # noqa: ANN401
    """Put a canary where a field is missing; at most so many objects around it are made as well."""
    if isinstance(node, list):
        for each in node:
            _into(each, names, make, parents=parents)
    if not isinstance(node, dict):
        return
    name, *rest = names
    if not rest:
        if name not in node:
            node[name] = make()
    elif node.get(name) is not None:
        _into(node[name], rest, make, parents=parents)
    elif len(rest) <= parents:
        node[name] = {}
        _into(node[name], rest, make, parents=parents)


def _into_form(
    body: bytes, provider: str, fields: PersonalFields, make: Callable[[str], str]
) -> bytes:
    pairs = body.decode("latin-1").split("&")
    wanted = {path: tail_of(path) for path in fields if provider == "mobbex" or "." not in path}
    for place, pair in enumerate(pairs):
        name, equals, _ = pair.partition("=")
        segments = re.findall(r"[^\[\]]+", unquote_plus(name).lower())
        for path, tail in wanted.items():
            if equals and tuple(segments[-len(tail) :]) == tail:
                pairs[place] = f"{name}={quote_plus(make(path))}"
                break
    known = {unquote_plus(pair.partition("=")[0]) for pair in pairs}
    for path in wanted:
        first, *rest = path.split(".")
        key = first + "".join(f"[{name}]" for name in rest)
        if key not in known:
            pairs.append(f"{quote_plus(key)}={quote_plus(make(path))}")
    return "&".join(pairs).encode("latin-1")


def words_of(places: Iterable[str]) -> Iterator[str]:
    """Return the kinds of fields of what was found, for a short message."""
    yield from sorted({place.rpartition(" ")[2] for place in places})
