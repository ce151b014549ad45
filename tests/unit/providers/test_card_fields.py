"""A card number in its field is masked, however the field is written; no other byte changes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.card_fields import CardFields
from libs.providers.reading import read_json
from libs.providers.registry import PROVIDERS
from tests.providers.corpora import samples

CARD = "4507990000000010"
MASKED = "450799******0010"
MOBBEX = CardFields.of(PROVIDERS["mobbex"].personal_fields)
PAYU = CardFields.of(PROVIDERS["payu"].personal_fields)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.from_regex(r"[0-9]{11,19}", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["number", "source", "card", "cardNumber", "id", "data"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'{{"source": {{"number": "{CARD}"}}}}', f'{{"source": {{"number": "{MASKED}"}}}}'),
        (f'{{"source":{{"number":{CARD}}}}}', f'{{"source":{{"number":"{MASKED}"}}}}'),
        ('{"source":{"number":4507990000000010.0}}', f'{{"source":{{"number":"{MASKED}"}}}}'),
        ('{"source":{"number":4.50799000000001e15}}', f'{{"source":{{"number":"{MASKED}"}}}}'),
        (f'{{"source" : [ {{"number":"{CARD}"}} ] }}', f'{{"source" : [ {{"number":"{MASKED}"}} ] }}'),
        (f'{{"source":{{"number":["{CARD}"]}}}}', f'{{"source":{{"number":["{MASKED}"]}}}}'),
        (f'{{"source":{{"number":{{"v":"{CARD}"}}}}}}', f'{{"source":{{"number":{{"v":"{MASKED}"}}}}}}'),
        (f'{{"SOURCE":{{"Number":"{CARD}"}}}}', f'{{"SOURCE":{{"Number":"{MASKED}"}}}}'),
        (f'{{"source":{{"\\u006eumber":"{CARD}"}}}}', f'{{"source":{{"\\u006eumber":"{MASKED}"}}}}'),
        (f'{{"source":{{"number":"\\u0034{CARD[1:]}"}}}}', f'{{"source":{{"number":"{MASKED}"}}}}'),
        ('{"source":{"number":"4507 9900 0000 0010"}}', '{"source":{"number":"4507 99** **** 0010"}}'),
        (f'{{"card_number":"{CARD}","é":"ñ"}}', f'{{"card_number":"{MASKED}","é":"ñ"}}'),
        (f'{{"PaymentObject":{{"CardNumber":"{CARD}"}}}}', f'{{"PaymentObject":{{"CardNumber":"{MASKED}"}}}}'),
        (f'\ufeff {{"source":{{"number":"{CARD}"}}}}', f'\ufeff {{"source":{{"number":"{MASKED}"}}}}'),
        # a form that begins like JSON
        (f"[=1&source[number]={CARD}", f"[=1&source[number]={MASKED}"),
        (f'{{"=1&card_number={CARD}&a=[', f'{{"=1&card_number={MASKED}&a=['),
        # cut off, repeated, with something behind it: not readable, and masked all the same
        (f'{{"source":{{"number":"{CARD}', f'{{"source":{{"number":"{MASKED}'),
        (f'{{"source":{{"number":"{CARD}","number":1}}}}', f'{{"source":{{"number":"{MASKED}","number":1}}}}'),
        (f'nonsense {{"source":{{"number":"{CARD}"}}}}', f'nonsense {{"source":{{"number":"{MASKED}"}}}}'),
        # forms
        (f"data%5Bpayment%5D%5Bsource%5D%5Bnumber%5D={CARD}&a=%2A", f"data%5Bpayment%5D%5Bsource%5D%5Bnumber%5D={MASKED}&a=%2A"),
        (f"a=1&data[source][number]={CARD}", f"a=1&data[source][number]={MASKED}"),
        (f"data[childs][0][source][number]={CARD}", f"data[childs][0][source][number]={MASKED}"),
        ("data[source][number]=4507+9900+0000+0010", "data[source][number]=4507+99**+****+0010"),
        (f"data[source][number]=%34{CARD[1:]}", f"data[source][number]={MASKED}"),
        (f"data[source][%6Eumber]={CARD}", f"data[source][%6Eumber]={MASKED}"),
    ],
)  # fmt: skip
def test_card_is_masked_where_it_stands(body: str, expected: str) -> None:
    assert MOBBEX.masked(body.encode()) == expected.encode()


def test_json_within_text_is_read() -> None:
    inner = json.dumps({"payment": {"source": {"number": CARD, "name": "x"}}})
    for body in (
        json.dumps({"data": inner}),
        json.dumps({"body": json.dumps({"data": inner})}),
        json.dumps(json.dumps({"source": {"number": CARD, "name": "x"}})),
        urlencode({"data": inner}),
        f"data={inner}",
    ):
        found = MOBBEX.masked(body.encode()).decode()
        assert CARD not in found
        assert MASKED in found
        assert "name" in found


def test_other_product_of_a_provider() -> None:
    assert PAYU.masked(f"cc_number={CARD}&sign=x".encode()) == f"cc_number={MASKED}&sign=x".encode()


@pytest.mark.parametrize(
    "body",
    [
        f'{{"payment":{{"id":"{CARD}","reference":"{CARD}"}}}}',
        f'{{"reference":{CARD},"number":"{CARD}"}}',  # a number of what is not said
        f'{{"source":{{"reference":"{CARD}"}},"transaction":{{"number":"{CARD}"}}}}',
        f'{{"text":"source number {CARD}"}}',
        f"data%5Bpayment%5D%5Breference%5D={CARD}&number={CARD}",
        f"<number>{CARD}</number>",
        '{"source":{"number":"450799******0010"},"updated":"2025-11-03T14:21:40.318Z"}',
    ],
)
def test_identifier_that_looks_like_a_card_is_not_touched(body: str) -> None:
    assert MOBBEX.masked(body.encode()) == body.encode()


@pytest.mark.parametrize(
    "sample", list(samples()), ids=lambda each: f"{each.provider}-{each.situation}"
)
def test_corpora_are_not_touched(sample: Any) -> None:  # noqa: ANN401
    """They hold no whole card number."""
    fields = CardFields.of(PROVIDERS[sample.provider].personal_fields)
    assert fields.masked(sample.body) == sample.body


def _expected(value: Any, names: tuple[str, ...] = (), *, inside: bool = False) -> Any:  # noqa: ANN401
    """Mask a parsed document; in a card's field a number of more than ten digits becomes text."""
    if isinstance(value, dict):
        found = {}
        for name, child in value.items():
            path = (*names, name.lower())[-2:]
            hit = inside or path in {("source", "number"), ("card", "number")}
            hit = hit or path[-1] in {"cardnumber", "card_number", "cc_number"}
            found[name] = _expected(child, path, inside=hit)
        return found
    if isinstance(value, list):
        return [_expected(child, names, inside=inside) for child in value]
    digits = sum(c.isdecimal() for c in value) if isinstance(value, str) else 0
    if not inside or digits <= 10:
        return value if not isinstance(value, int) or isinstance(value, bool) or not inside else ...
    return ...


def _agrees(expected: Any, found: Any) -> bool:  # noqa: ANN401
    if expected is ...:
        text = str(found)
        return isinstance(found, bool | int) or sum(c.isdecimal() for c in text) <= 10
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and list(expected) == list(found)
            and all(_agrees(expected[name], found[name]) for name in expected)
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(map(_agrees, expected, found))
        )
    return bool(expected == found) or isinstance(expected, float)


@given(JSON, st.booleans(), st.sampled_from([None, 1]))
def test_any_document_says_the_same_but_for_its_cards(
    document: Any,  # noqa: ANN401
    ascii_only: bool,  # noqa: FBT001
    indent: int | None,
) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    raw = body.encode("utf-8", "surrogatepass")

    found = json.loads(MOBBEX.masked(raw).decode("utf-8", "surrogatepass"))

    assert _agrees(_expected(json.loads(body)), found)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken(body: bytes) -> None:
    once = MOBBEX.masked(body)
    assert MOBBEX.masked(once) == once


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_stands_around_stays(before: bytes, after: bytes) -> None:
    """In a form: other fields keep their bytes, also where these are no text."""
    before, after = (quote(part, safe="*").encode() for part in (before, after))
    field = b"&data[source][number]="
    body = b"a=" + before + field + CARD.encode() + b"&b=" + after

    assert MOBBEX.masked(body) == b"a=" + before + field + MASKED.encode() + b"&b=" + after


def test_masked_document_stays_readable() -> None:
    body = f'{{"a":"\\"","source":{{"number":"{CARD}\\"","x":1}}}}'.encode()
    assert read_json(MOBBEX.masked(body)) == {"a": '"', "source": {"number": f'{MASKED}"', "x": 1}}


ARABIC = "".join(chr(0x0660 + int(digit)) for digit in CARD)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            f'{{"card":{{"number":"{ARABIC}"}}}}',
            f'{{"card":{{"number":"{ARABIC[:6]}******{ARABIC[-4:]}"}}}}',
        ),
        ('{"card":{"number":"4507,9900,0000,0010"}}', '{"card":{"number":"4507,99**,****,0010"}}'),
        (f'{{"card":{{"number":"}}{CARD}"}}}}', f'{{"card":{{"number":"}}{MASKED}"}}}}'),
        (f'{{"card":{{"number":"&]{CARD}"}}}}', f'{{"card":{{"number":"&]{MASKED}"}}}}'),
        (f'card[number]="{CARD}"', f'card[number]="{MASKED}"'),
        ("cc_number=4507,9900,0000,0010&a=1", "cc_number=4507,99**,****,0010&a=1"),
        ('%5Bcard%5D%5Bnumber%5D=4"507990000000010', '%5Bcard%5D%5Bnumber%5D=4"50799******0010'),
    ],
)
def test_what_the_fuzzer_found(body: str, expected: str) -> None:
    """Digits of another script, and a form whose value has what ends a value of JSON."""
    assert MOBBEX.masked(body.encode()).decode() == expected
