"""Values on which readers tend to break: numbers of every form, texts of every alphabet, odd times."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.fuzz.trees import Members, Node, Token

NUMBERS: Final = (
    *("0", "-0", "-1", "1e5", "1E+2", "1e-2", "-1e-7", "0.10", "0e9", "47.5", "47.505", "11000.0"),
    *(
        "1e308",
        "1e309",
        "-1e400000",
        "0e-9999999999",
        "0E+400000",
        "1e-400",
        "11000.5",
        "2147483648",
    ),
    *("999999999999999", "1000000000000000", "999999999999999.99", "0.000000000000000000000001"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616"),
    *(
        "253402300800000",
        "99999999999999",
        "9" * 39,
        "9" * 40,
        "-" + "9" * 39,
        "0." + "0" * 37 + "1",
    ),
)
REFUSED: Final = (
    *(
        "00",
        "01",
        "+1",
        "1.",
        ".5",
        "1e9999999999999999999",
        "NaN",
        "-NaN",
        "nan",
        "Infinity",
        "inf",
    ),
    *(
        "-Infinity",
        "0x1F",
        "1_000",
        "1e",
        "-",
        "--1",
        "1.2.3",
        "9" * 41,
        "9" * 400,
        "1" + "0" * 5000,
    ),
)
TEXTS: Final = (
    *(
        "",
        " ",
        "\t",
        "\0",
        "a\0b",
        "\x7f",
        "\x1b[31m",
        "\r\nSet-Cookie: a=b",
        "null",
        "true",
        "[]",
        "{}",
    ),
    *(
        "0",
        "-1",
        "1e5",
        "47.50",
        "47,50",
        "1.000.000",
        "1_000",
        "٣",
        "²",
        "\uff11\uff12\uff13",
        "५०",
        "\u22125",
        "½",
        "Ⅷ",
    ),
    *(
        "\ud800",
        "\udfff",
        "\udfff\ud800",
        "a\ud83d",
        "\U0001f4b8",
        "\U0010ffff",
        "\ufffe",
        "\ufeff",
    ),
    *(
        "\u202eevil",
        "\u200b",
        "e\u0301",
        "ß",
        "İ",
        "\u0131",
        "\u017f",
        "K",
        "Ǆ",
        "\u2028",
        "\u0085",
        "\xa0",
        "\u3000",
    ),
    *(
        "'; DROP TABLE objects; --",
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        "%s%n",
        "../../etc",
    ),
    *(
        "a" * 120,
        "a" * 121,
        "é" * 200,
        "\U0001f4b8" * 201,
        "a" * 513,
        "x" * 700,
        "\\" * 50,
        '"' * 20,
    ),
    *('{"a": {"b": [1]}}', '["1"]', "a=b&c=d", "%", "%zz", "%00", "%ED%A0%80", "a[b]=c", "]", "["),
    *("2026-01-15T12:00:00Z", "2026-01-15T12:00:00", "2026-02-30T12:00:00Z", "0001-01-01T00:00:00"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999999Z"),
    *(
        "2026-01-15t24:00:00z",
        "2026-01-15T12:00:60Z",
        "2026-01-15 12:00:00+25:00",
        "2026-W03-4T12:00:00Z",
    ),
    *(
        "20260115T120000Z",
        "2026-01-15T12:00:00+00:00:30.5",
        "1970-01-01T00:00:00Z",
        "15/01/2026 12:00",
    ),
    *("2018-11-04T00:30:00", "2026-10-18T02:30:00", "1914-01-01T00:00:00", "0002-01-01T00:00:00"),
    *("some@body.example", "+54 9 11 5555-4444", "20-12345678-6", "123.456.789-09", "12.345.678-5"),
    *("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "[redacted]"),
    *("USD", "CLF", "KWD", "JPY", "TEST", "XXX", "usd", "ars ", "US", "BRLX", "ÅÄÖ", "CLP"),
)


def number(rng: Random) -> Token:
    """Draw a number, or a word that looks like one."""
    if rng.random() < 0.5:
        return Token(rng.choice(NUMBERS if rng.random() < 0.85 else REFUSED))
    whole = str(rng.randrange(10 ** rng.choice((1, 3, 6, 12, 16, 38))))
    text = rng.choice(("", "", "-")) + whole
    if rng.random() < 0.5:
        text += f".{rng.randrange(10 ** rng.choice((1, 2, 3, 8))):0{rng.choice((1, 2))}d}"
    if rng.random() < 0.2:
        text += f"{rng.choice('eE')}{rng.choice(('', '+', '-'))}{rng.randrange(10 ** rng.choice((1, 2, 5)))}"
    return Token(text)


def text(rng: Random) -> str:
    """Draw a text."""
    if rng.random() < 0.7:
        return rng.choice(TEXTS)
    highest = rng.choice((0x7F, 0x7F, 0x2FF, 0xFFFF, 0x10FFFF))
    return "".join(chr(rng.randint(0, highest)) for _ in range(rng.randrange(12)))


def value(rng: Random, depth: int = 2) -> Node:
    """Draw a value of any type."""
    kind = rng.randrange(10 if depth else 8)
    if kind < 3:
        return number(rng)
    if kind < 6:
        return text(rng)
    if kind < 8:
        return rng.choice((None, True, False))
    inner = [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return inner if kind == 8 else Members((text(rng), child) for child in inner)
