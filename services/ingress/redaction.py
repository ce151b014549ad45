"""Takes a credential out of what travels on, and leaves every other byte as it was.

Two ways at once. A body field that is a credential loses its value however the field's name is
spelled: keys are compared after JSON's escapes are read. And the text of every unmistakable secret is
looked for in the rest of the body; only the string or number that holds it is written anew. What cannot
be freed of its secret with certainty is refused.

Of a card's number, in a field for it, no more travels on than its first six and last four digits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from libs.providers.card_fields import CardFields
from libs.providers.reading import Json, NotReadableError, read_json, read_object
from services.ingress.spellings import REDACTED, Spellings

# A secret that may be a word, an amount or an id of a payload by chance is not looked for in the
# text, since what was replaced is lost: shorter than eight characters, or than twenty where it is
# of letters alone or of digits alone.
_SHORT: Final = 8
_PLAIN_WORD: Final = 20
# A credential that nobody has checked is looked for elsewhere only where that stays cheap.
_LONGEST: Final = 128
_STRING: Final = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# Letters with accents, as many senders write them: nothing that a name, a quote or a secret has.
_ACCENTED: Final = re.compile(rb"\\u00(?!df)[a-f][0-9a-f]", re.IGNORECASE)
_STRUCTURE: Final = re.compile(_STRING + r"|[{}\[\],:]")
_SCALAR: Final = re.compile(rf"({_STRING})(\s*:)?|-?[0-9][0-9.eE+-]*")


class RedactionError(Exception):
    """The body cannot be freed of its credential with certainty; nothing of it is quoted."""


class Redactor:
    """Frees the deliveries of one source of its `secrets`, of the values of `fields`, and of whole `cards`."""

    def __init__(
        self, fields: Iterable[str], secrets: Iterable[str], cards: CardFields | None = None
    ) -> None:
        self._cards = CardFields(()) if cards is None else cards
        self._fields = frozenset(name.casefold() for name in fields)
        self._secrets = Spellings(filter(_unmistakable, secrets))
        names = b"|".join(re.escape(name.encode()) for name in sorted(self._fields))
        self._plain_field = re.compile(
            rb'"(?:' + names + rb')"[ \t\r\n]*:[ \t\r\n]*"([^"\\]*)"', re.IGNORECASE
        )

    def body(self, body: bytes, document: Mapping[str, Json] | None = None) -> bytes:
        """Return the body without credentials, and with masks for card numbers.

        `document` is what it says, where that is known.

        Raises `RedactionError` where a credential may be left, or cannot be looked for.
        """
        if self._fields and document is not None:
            redacted = self.plainly(body)
            if redacted is not None:
                return self._cards.masked(redacted)
        return self._cards.masked(self.thoroughly(body, document))

    def plainly(self, body: bytes) -> bytes | None:
        """Redact a readable document whose text leaves no doubt, or return None.

        That is nearly every one: the name of a credential field stands once in it, as a key, without
        escapes, before a string that is a secret of ours. 5 µs, where reading the text token by
        token and the result once more takes 90.
        """
        if b"\\" in body and b"\\" in _ACCENTED.sub(b"", body):
            return None
        text = body.decode().casefold()
        if sum(text.count(name) for name in self._fields) != 1:
            return None
        field = self._plain_field.search(body)
        if field is None or not self._needs_no_search(field[1].decode()):
            return None
        start, end = field.span(1)
        redacted = body[:start] + REDACTED.encode() + body[end:]
        return None if self._secrets.may_be_in(redacted) else redacted

    def thoroughly(self, body: bytes, document: Mapping[str, Json] | None = None) -> bytes:
        """Redact any body, see `body`."""
        secrets, redacted = self._secrets, body
        if self._fields:
            found = self._found(dict(document or _document(body)))
            secrets = secrets.plus(_worth_seeking(found))
            redacted = self._without_fields(body) if found else body
        if secrets.may_be_in(redacted):
            redacted = _without_secrets(redacted, secrets)
        if redacted is not body:
            self._check(redacted, secrets)
        return redacted

    def text(self, text: str) -> str:
        """Return a header's value, or what else travels beside the body, without secrets."""
        if len(text) < self._secrets.shortest:
            return text
        if not self._secrets.may_be_in(text.encode("utf-8", "surrogatepass")):
            return text
        return self._secrets.out_of(text)

    def _needs_no_search(self, value: str) -> bool:
        return value in self._secrets or not _worth_seeking([value])

    def _found(self, document: Json) -> list[Json]:
        """Return the values of credential fields, at any depth."""
        found: list[Json] = []
        stack = [document]
        while stack:
            node = stack.pop()
            if isinstance(node, dict):
                for key, value in node.items():
                    (found if self._names(key) else stack).append(value)
            elif isinstance(node, list):
                stack.extend(node)
        return found

    def _names(self, key: str) -> bool:
        return key.casefold() in self._fields

    def _without_fields(self, body: bytes) -> bytes:
        text = body.decode()
        parts: list[str] = []
        done = 0
        for start, end in self._values(text):
            parts += (text[done:start], f'"{REDACTED}"')
            done = end
        return "".join((*parts, text[done:])).encode()

    def _values(self, text: str) -> Iterator[tuple[int, int]]:
        """Find where the values of credential fields stand in the text of a JSON document.

        `inside` is the depth of the object whose credential field is being passed over, or 0.
        """
        depth, start, inside, last = 0, 0, 0, ""
        for token in _STRUCTURE.finditer(text):
            mark = token[0]
            if mark[0] == '"':
                last = mark
            elif mark in "{[":
                depth += 1
            elif mark == ":" and not inside and self._names(json.loads(last)):
                start, inside = token.end(), depth
            if mark in {",", "}"} and inside == depth:
                raw = text[start : token.start()]
                yield start + len(raw) - len(raw.lstrip()), start + len(raw.rstrip())
                inside = 0
            if mark in {"}", "]"}:
                depth -= 1

    def _check(self, redacted: bytes, secrets: Spellings) -> None:
        try:
            document = read_json(redacted)
        except NotReadableError:
            if self._fields:
                raise RedactionError("not readable after redaction") from None
            left = _is_in(redacted.decode("utf-8", "surrogateescape"), secrets)
        else:
            left = any(value != REDACTED for value in self._found(document))
            left = left or _is_left(document, secrets)
        if left:
            raise RedactionError("a credential is left")


def _document(body: bytes) -> dict[str, Json]:
    try:
        return read_object(body)
    except NotReadableError as error:
        raise RedactionError(str(error)) from None


def _unmistakable(secret: str) -> bool:
    plain = secret.isalpha() or secret.isdigit()
    return len(secret.strip()) >= (_PLAIN_WORD if plain else _SHORT)


def _worth_seeking(values: Iterable[Json]) -> list[str]:
    return [
        value
        for value in values
        if isinstance(value, str) and len(value) <= _LONGEST and _unmistakable(value)
    ]


def _without_secrets(body: bytes, secrets: Spellings) -> bytes:
    text = body.decode("utf-8", "surrogateescape")
    try:
        read_json(body)
    except NotReadableError:
        redacted = secrets.out_of(text)
    else:
        redacted = _SCALAR.sub(lambda token: _scalar(token, secrets), text)
    return body if redacted == text else redacted.encode("utf-8", "surrogateescape")


def _scalar(token: re.Match[str], secrets: Spellings) -> str:
    string, colon = token[1], token[2]
    if string is None:
        return f'"{REDACTED}"' if secrets.is_number(token[0]) else token[0]
    value: str = json.loads(string) if "\\" in string else string[1:-1]
    freed = secrets.out_of(value)
    return token[0] if freed == value else json.dumps(freed, ensure_ascii=False) + (colon or "")


def _is_left(document: Json, secrets: Spellings) -> bool:
    stack: list[Json] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if any(_is_in(key, secrets) for key in node):
                return True
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, str):
            if _is_in(node, secrets):
                return True
        elif node is not None and not isinstance(node, bool) and secrets.is_number(str(node)):
            return True
    return False


def _is_in(text: str, secrets: Spellings) -> bool:
    """Look for a secret beside what has been redacted, which may itself look like one."""
    rest = text.replace(REDACTED, "\0")
    return secrets.out_of(rest) != rest
