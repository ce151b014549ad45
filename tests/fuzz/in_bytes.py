"""Changes of a body that know nothing of it, and changes of forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Final
from urllib.parse import quote_plus

from tests.fuzz import odd

_PIECES: Final = (
    *(
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\\",
    ),
    *(
        b'"',
        b"{",
        b"[",
        b"}",
        b"]",
        b",",
        b":",
        b"\\u0000",
        b"\\ud800",
        b"\\x",
        b"%00",
        b"%",
        b"&",
        b"=",
    ),
    *(
        b"[" * 40,
        b"{" * 2000,
        b'{"a":' * 1200,
        b"[[]]" * 30,
        b"&a=b",
        b"&a[]=1",
        b"&a[b][c]=1",
        b"&a[=1",
    ),
    *(b"NaN", b"1e99999", b"9" * 60, b"//", b"/**/", b"'", b"\xe9", b"\xf1", b"null", b"true"),
)
_LARGE: Final = 1 << 18  # bytes of a body that is blown up, at most


def changed(body: bytes, rng: Random, others: Sequence[bytes], times: int) -> bytes:
    """Change a body a few times."""
    for _ in range(times):
        body = rng.choice(_CHANGES)(body, rng, others)
    return body


def truncated(body: bytes, rng: Random, _others: Sequence[bytes] = ()) -> bytes:
    """Cut the end off."""
    return body[: rng.randint(0, len(body))]


def _flipped(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    changing = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 8)) if body else 0):
        changing[rng.randrange(len(changing))] ^= 1 << rng.randrange(8)
    return bytes(changing)


def _inserted(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(body))
    return body[:at] + rng.choice(_PIECES) + body[at:]


def _overwritten(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    at, piece = rng.randint(0, len(body)), rng.choice(_PIECES)
    return body[:at] + piece + body[at + len(piece) :]


def _cut_out(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(body))
    return body[:at] + body[at + rng.choice((1, 2, 16, 200)) :]


def _repeated(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(body))
    piece = body[at : at + rng.choice((1, 4, 64, 400))]
    return body[:at] + piece * rng.choice((1, 2, 8)) + body[at:]


def _spliced(body: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Put the end of another payload behind the beginning of this one."""
    other = rng.choice(others)
    return body[: rng.randint(0, len(body))] + other[rng.randint(0, len(other)) :]


def _recoded(body: bytes, rng: Random, _others: Sequence[bytes]) -> bytes:
    text = body.decode("utf-8", "replace")
    coding = rng.choice(("utf-16", "utf-16-be", "latin-1", "utf-8-sig", "cp1252", "utf-7"))
    return text.encode(coding, "replace")


def blown_up(body: bytes, rng: Random) -> bytes:
    """Repeat a piece until the body is large: what takes the square of its length shows itself."""
    at = rng.randint(0, len(body))
    piece = rng.choice(
        (rng.choice(_PIECES), body[at : at + rng.choice((1, 3, 30))], b"\\/", b"%41")
    )
    size = rng.choice((_LARGE >> 4, _LARGE >> 3, _LARGE))
    return body[:at] + piece * (size // max(1, len(piece))) + body[at:]


def form_changed(body: bytes, rng: Random, others: Sequence[bytes], times: int) -> bytes:
    """Change the fields of a form."""
    fields = body.split(b"&")
    for _ in range(times):
        at = rng.randrange(len(fields))
        name, _, value = fields[at].partition(b"=")
        match rng.randrange(8):
            case 0 | 1 | 2:
                drawn = odd.text(rng) if rng.random() < 0.6 else str(odd.number(rng))
                fields[at] = name + b"=" + quote_plus(drawn, errors="surrogatepass").encode()
            case 3:
                fields[at] = (
                    rng.choice((name + b"[]", name + b"[0]", name[:-1], name + b"]")) + b"=" + value
                )
            case 4:
                fields.insert(rng.randint(0, len(fields)), fields[at])
            case 5 if len(fields) > 1:
                del fields[at]
            case 6:
                donor = rng.choice(rng.choice(others).split(b"&"))
                fields[at] = donor if b"=" in donor else name + b"="
            case _:
                rng.shuffle(fields)
    return b"&".join(fields)


def report(rng: Random, words: Sequence[str]) -> bytes:
    """Write a report of PayU's as a spreadsheet does, of odd cells and of words."""
    separator = rng.choice(",,;")
    header = [
        "pushPaymentId",
        "status",
        "value",
        "currency",
        "description",
        "creationDate",
        "fullName",
    ]
    if rng.random() < 0.3:
        rng.shuffle(header)
    rows = [
        header,
        *(list(map(partial(_cell, rng, words), header)) for _ in range(rng.randrange(6))),
    ]
    text = rng.choice(("\n", "\r\n")).join(separator.join(row) for row in rows)
    body = text.encode(rng.choice(("utf-8", "utf-8-sig", "cp1252")), "replace")
    return changed(body, rng, (body,), 1) if rng.random() < 0.2 else body


def _cell(rng: Random, words: Sequence[str], name: str) -> str:
    drawn = rng.random()
    if drawn < 0.2:
        text = odd.text(rng)
        return f'"{text.replace(chr(34), chr(34) * 2)}"' if rng.random() < 0.5 else text
    if drawn < 0.3:
        return str(odd.number(rng))
    if drawn < 0.4 and words:
        return rng.choice(words)
    return rng.choice(_CELLS[name])


_CELLS: Final = {
    "pushPaymentId": ("7202a9a7-ef51-4202-bd23-e604f9cbb25b", "1", "a b"),
    "status": ("Approved", "In progress", "Rejected", "approved ", "Devuelto"),
    "value": ("1500000", "1500000.50", "1500000,50", "1.500.000", ""),
    "currency": ("COP", "USD", "cop", ""),
    "description": ("Primer pago", "", "Año"),
    "creationDate": (
        "1700000000000",
        "2026-10-26T10:00:05-05:00",
        "26/10/2026 10:00",
        "99999999999999",
    ),
    "fullName": ("Canary",),
}
_Change = Callable[[bytes, Random, Sequence[bytes]], bytes]
_CHANGES: Final[tuple[_Change, ...]] = (
    *(_flipped, _flipped, _flipped, truncated, _inserted, _inserted, _overwritten),
    *(_cut_out, _repeated, _spliced, _spliced, _recoded),
)
