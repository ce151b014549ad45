"""Masks what belongs to a person in running text: a message, an error, the attribute of a span.

Found are e-mail addresses, phone numbers, documents with their check digits (CPF, CNPJ, CUIT, RUT, NIT,
CURP, RFC), bank accounts (CLABE, CBU), card numbers, bar codes and the codes of Pix payments. What has no
shape of its own (a name, a DNI, a Pix key that is a UUID) no pattern can find: whoever writes a line hands
over no such thing, see `libs.runtime.log_fields`.

An identifier of ours comes first and is left alone: a UUID, the hex of a trace or of a SHA. A longer number
of a provider is masked only where its check digits hold.
"""

from __future__ import annotations

import re
from typing import Final

from libs.personal import numbers

E_MAIL: Final = "[e-mail]"
PHONE: Final = "[phone]"
PIX: Final = "[pix code]"
# What needs no check: the shape says it all.
_WHOLE: Final = {"mail": E_MAIL, "phone": PHONE, "pix": PIX}

# What is looked for has an @, or six digits at least.
_SHORT: Final = 6
_SIX_DIGITS: Final = re.compile(r"[0-9](?:[ ().-]{0,2}[0-9]){5}")
_FOUND: Final = re.compile(
    r"""(?x)
    (?P<ours>  (?<! [0-9a-fA-F] ) [0-9a-fA-F]{8} (?: -[0-9a-fA-F]{4} ){3} - [0-9a-fA-F]{12} (?! [0-9a-fA-F] )
             | \b (?= [0-9]* [a-f] ) (?: [0-9a-f]{64} | [0-9a-f]{40} | [0-9a-f]{32} ) \b )
  | (?P<pix>   000201 [^\n"<>]{20,500}? 6304 [0-9A-Fa-f]{4} )
  | (?P<mail>  (?<! [\w.+%-] ) [\w.+%-]+ (?: @ | %40 ) [\w-]+ (?: \.[\w-]+ )+ )
  | (?P<phone> \+ [ ]? [0-9] (?: [ ().-]{0,2} [0-9] ){7,14} (?! [0-9] )
             | \( [0-9]{2,4} \) [ ]? [0-9]{4,5} [ -]? [0-9]{4} (?! [0-9] ) )
  | (?P<check> (?<! [\w.-] ) (?: [0-9]{1,3} (?: \.[0-9]{3} ){2} | [0-9]{7,10} ) - [0-9Kk] (?! [\w-] ) )
  | (?P<letters> (?<! [A-Z0-9Ñ&] )
                 (?: [A-Z]{4} [0-9]{6} [A-Z]{6} [A-Z0-9][0-9]
                   | [A-ZÑ&]{3,4} [0-9]{6} [A-Z0-9]{3}
                   | [0-9A-Z]{2} \. [0-9A-Z]{3} \. [0-9A-Z]{3} / [0-9A-Z]{4} - [0-9]{2}
                   | (?= [0-9]* [A-Z] ) [0-9A-Z]{12} [0-9]{2} )
                 (?! [A-Z0-9] ) )
  | (?P<digits> (?<! [0-9] ) [0-9] (?: [ .-]? [0-9] ){9,} )
    """
)
_PIECE: Final = re.compile(r"[0-9]+")
# Digits of a number that is somebody's, and the groups in which it may be written.
_SHORTEST: Final = 11
_LONGEST: Final = 60
_GROUPS: Final = 20


def without_personal(text: str) -> str:
    """Return the text with a mask in place of whatever belongs to a person."""
    if len(text) < _SHORT or not ("@" in text or "%40" in text or _SIX_DIGITS.search(text)):
        return text
    return _FOUND.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    text, kind = found[0], found.lastgroup or ""
    if kind in _WHOLE:
        return _WHOLE[kind]
    if kind == "digits":
        return _of_pieces(text)
    document = (kind == "check" and numbers.is_checked_document(text)) or (
        kind == "letters" and numbers.is_lettered_document(text)
    )
    return numbers.DOCUMENT if document else text


def _of_pieces(text: str) -> str:
    """Mask the numbers in a run of digits with blanks, points or hyphens between them.

    Several numbers may stand side by side: of the pieces that begin at a place, the longest that is
    somebody's number counts.
    """
    pieces = [piece.span() for piece in _PIECE.finditer(text)]
    parts: list[str] = []
    done = at = 0
    while at < len(pieces):
        mask, after = _longest(text, pieces, at)
        if mask is not None:
            parts += (text[done : pieces[at][0]], mask)
            done = pieces[after - 1][1]
        at = after
    return "".join((*parts, text[done:]))


def _longest(text: str, pieces: list[tuple[int, int]], at: int) -> tuple[str | None, int]:
    """Return the mask of the longest number that begins with piece `at`, and the piece behind it."""
    best: tuple[str | None, int] = (None, at + 1)
    digits = ""
    for after in range(at, min(at + _GROUPS, len(pieces))):
        start, end = pieces[after]
        digits += text[start:end]
        if len(digits) < _SHORTEST:
            continue
        if len(digits) > _LONGEST:
            break
        mask = numbers.mask_of(digits)
        if mask is not None:
            best = (mask, after + 1)
    return best
