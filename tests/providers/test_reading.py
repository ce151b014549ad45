"""JSON of strangers reads as Python's own decoder reads it, whatever stands around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers import reading
from libs.providers.reading import Json, NotReadableError, read_form, read_json

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_AROUND = st.text(" \t\r\n", max_size=2)
_NOISE = st.sampled_from(
    ["", "\ufeff", "x", "{}", '{"a":1,"a":2}', "[1,]", '"\\ud800"', '"\\u0000"', "\0", "NaN", "-", "1e9"]
)  # fmt: skip
_HOSTILE = [
    b"", b" ", b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xff", b"{\xff}",
    b"\xef\xbb\xbf\xff", b"{", b"[", b"{}{}", b"{} ", b" {}", b"[1] 2", b'{"a":1,"a":1}', b"[NaN]",
    b"[Infinity]", b"[1e400]", b"[" + b"9" * 41 + b"]", b"[1e99999999999999999999]", b"[01]", b"[.5]",
    b"[" * 33 + b"]" * 33, b"[" * 32 + b"]" * 32, b"[" * 200_000, b'{"a":' * 100_000,
    b'["\\ud800"]', b'["\\ud83d\\ude00"]', b'["\\u0000"]', b'["\x00"]', b'["\x01"]', b"\x00", b"[1,]",
    "[\u0661]".encode(), b"[-0]", b"[-0.0]", b"[1E+3]", b'{"a"\n:\t1}', b"nul", b"true", b'"x"',
]  # fmt: skip


def by_python(raw: bytes) -> Json:
    """Read with all of the decoder, as `read_json` did before it had a fast way."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotReadableError(f"not UTF-8 at byte {error.start}") from None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_parsed", reading._DECODER.decode)
        return read_json(text)


def outcome(read: Callable[[bytes], Json], raw: bytes) -> str:
    """Give what is read, with its types and digits, or why it is refused."""
    try:
        return repr(read(raw))
    except NotReadableError as error:
        return str(error)


def agree(raw: bytes) -> None:
    assert outcome(read_json, raw) == outcome(by_python, raw)


@given(_VALUES, _AROUND, _AROUND | _NOISE, st.booleans())
def test_fast_way_reads_the_same(value: object, before: str, after: str, plain: bool) -> None:  # noqa: FBT001
    agree((before + json.dumps(value, ensure_ascii=plain) + after).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=40))
def test_any_bytes_read_the_same(raw: bytes) -> None:
    agree(raw)
    agree(b"{" + raw)


@pytest.mark.parametrize("raw", _HOSTILE, ids=lambda raw: repr(raw[:20]))
def test_hostile_bytes_read_the_same(raw: bytes) -> None:
    agree(raw)


_PIECES = st.sampled_from(
    ["%", "%5B", "%5b", "%5D", "%5d", "%255B", "5B", "[", "]", "&", "=", "+", "a", "%C3", "%A9", "é", ";"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_forms_read_as_python_reads_them(text: str) -> None:
    """Brackets are put in before Python takes the form apart; it must not notice."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        expected = None
    else:
        expected = dict(pairs) if len(dict(pairs)) == len(pairs) else None
    try:
        assert read_form(text.encode()) == expected
    except NotReadableError:
        assert expected is None


def test_form_of_too_many_fields_is_refused() -> None:
    fields = [f"{number}=" for number in range(reading.FORM_LIMIT)]
    assert len(read_form("&".join(fields).encode())) == reading.FORM_LIMIT
    with pytest.raises(NotReadableError):
        read_form("&".join([*fields, "x="]).encode())


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b"[" + b"0," * 20_000 + b"0]", b"[" + b"{}," * 6_000 + b"{}]"]
)
def test_too_many_values_are_refused_before_they_are_parsed(
    raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_: str) -> Json:
        pytest.fail("parsed")

    monkeypatch.setattr(reading, "_parsed", parse)
    with pytest.raises(NotReadableError, match="values"):
        read_json(raw)


def test_as_many_values_as_may_be_are_read() -> None:
    count = reading.VALUE_LIMIT - 1
    value = read_json(b"[" + b",".join([b"0"] * count) + b"]")
    assert isinstance(value, list)
    assert len(value) == count
    prose = "a, b " * 2000
    assert read_json(json.dumps({"a": prose})) == {"a": prose}


@given(st.text(st.characters(min_codepoint=0xD700, max_codepoint=0xE100), min_size=1, max_size=8))
def test_surrogates_are_refused_one_by_one_or_not(text: str) -> None:
    """Escaped: two halves make a character, one alone makes none."""
    raw = json.dumps([text]).encode()
    whole = json.loads(raw)[0]
    if any("\ud800" <= character <= "\udfff" for character in whole):
        with pytest.raises(NotReadableError, match="surrogate"):
            read_json(raw)
    else:
        assert read_json(raw) == [whole]


@pytest.mark.parametrize(
    "raw",
    [
        r'"\u0000"', r'["a\u0000b"]', r'{"\u0000":1}', r'"\ud800"', r'"\uD8Ab"', r'"\uDfFF"', r'{"a":"\udc00"}',
        r'{"\uDBFF":1}', r'"\ud83d \ude00"', r'"\u00f3 \uDE00\uD83D"',
    ],
)  # fmt: skip
def test_escape_of_what_no_text_holds_is_refused(raw: str) -> None:
    for told in (raw, raw.encode()):
        with pytest.raises(NotReadableError, match=r"surrogate|NUL"):
            read_json(told)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (r'"\u00f3 \uD83D\uDE00"', "\u00f3 \U0001f600"),
        (r'"\\u0000 \\ud800"', r"\u0000 \ud800"),
        (r'"\ud7ff\ue000"', "\ud7ff\ue000"),
    ],
)
def test_other_escape_is_read(raw: str, value: str) -> None:
    assert read_json(raw) == value
