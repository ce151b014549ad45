r"""Finds secrets in text, however they are spelled there.

Letters of either case; characters as they are, as `\u0061` (the backslash doubled where JSON
stands in a string of JSON), or as `%61`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

REDACTED: Final = "[redacted]"
# from the first of a run of backslashes: tried at each of them, a body of backslashes takes hours
_SLASH: Final = re.compile(rb"(?<!\\)\\+/")


class Spellings:
    """The texts of some secrets, as patterns for every way in which they may stand somewhere."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one secret may be the beginning of another.
        self._texts = sorted({text for text in secrets if text.strip()}, key=len, reverse=True)
        self._plain = tuple(text.lower().encode() for text in self._texts)
        characters = b"".join(self._plain)
        self._escaped = _escaped(characters)
        self._escapes = _escapes(characters)
        self._odd = any(
            not text.isascii() or not text.isprintable() or set(text) & set('"\\ ')
            for text in self._texts
        )
        # Every way to write a character takes one at least.
        self.shortest = min(map(len, self._texts), default=0)
        # Text that reads like an escape might be meant as it stands: then nothing is ruled out.
        self._like_escapes = any("%" in text or "u00" in text.lower() for text in self._texts)

    def __contains__(self, text: str) -> bool:
        return text.lower().encode() in self._plain

    def plus(self, secrets: Iterable[str]) -> Spellings:
        """Return these and others, or itself where the others are known already."""
        others = [text for text in secrets if text not in self]
        return Spellings((*self._texts, *others)) if others else self

    def may_be_in(self, body: bytes) -> bool:
        """Rule out, for the price of a search, what nearly every body is: free of secrets."""
        if not self._plain:
            return False
        if self._odd:
            return True
        flat = body.lower()
        # one byte is found four times as fast as two
        if b"\\" in flat and b"\\/" in flat:
            flat = _SLASH.sub(b"/", flat)
        if self._is_in(flat):
            return True
        if not self._may_be_escaped(flat):
            return False
        return self._like_escapes or self._is_in(self._escaped.sub(_unescaped, flat).lower())

    def _may_be_escaped(self, flat: bytes) -> bool:
        """Look for an escape that matters: what it begins with is a literal, so that the search is fast."""
        percent, unicode = self._escapes
        if b"%" in flat and percent.search(flat) is not None:
            return True
        return b"\\" in flat and unicode.search(flat) is not None

    def _is_in(self, flat: bytes) -> bool:
        for text in self._plain:  # noqa: SIM110 - one or two, and asked for every request: no generator
            if text in flat:
                return True
        return False

    def out_of(self, text: str) -> str:
        """Return the text with `[redacted]` for every secret."""
        return self._pattern.sub(REDACTED, text)

    def is_number(self, text: str) -> bool:
        """Tell whether a JSON number is a secret, or has one in it."""
        return self._pattern.search(text) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_spellings, self._texts)) or r"(?!)", re.IGNORECASE)


def _escapes(characters: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    r"""Make two patterns, of `%61` and of `\u0061`, for these in lower case where they are escaped.

    Others do not matter: the escapes of a form are brackets and spaces, which a token has not.
    """
    either = _codes(characters)
    return re.compile(rb"%%(?:%b)" % either), re.compile(rb"\\u00(?:%b)" % either)


def _escaped(characters: bytes) -> re.Pattern[bytes]:
    """Make one pattern of both, with every backslash of an escape and with its code."""
    either = _codes(characters)
    return re.compile(rb"(?<!\\)\\+u00(%b)|%%(%b)" % (either, either))


def _codes(characters: bytes) -> bytes:
    either = sorted({b"%02x" % code for code in characters + characters.upper()})
    return b"|".join(either) or b"(?!)"


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape[1] or escape[2], 16),))


def _spellings(secret: str) -> str:
    return "".join(f"(?:{'|'.join(_forms(character))})" for character in secret)


def _forms(character: str) -> list[str]:
    """Return every spelling of one character as a pattern.

    At most eight backslashes, so that a body of backslashes is still searched in linear time.
    """
    forms = [re.escape(character)]
    for case in sorted({character, character.lower(), character.upper()}):
        units = case.encode("utf-16-be")
        pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
        forms.append("".join(rf"\\{{1,8}}u{pair}" for pair in pairs))
        forms.append("".join(f"%{byte:02x}" for byte in case.encode()))
    if character in '"\\/':
        forms.insert(0, rf"\\{{1,8}}{re.escape(character)}")
    if character == " ":
        forms.append(r"\+")
    return forms
