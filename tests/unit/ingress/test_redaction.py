"""A credential never travels, wherever it stands and however it is spelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.ingress.redaction import RedactionError, Redactor

SECRET = 'Key-7f3a/9c"é'
KEYED = Redactor(["SecretKey"], [SECRET])
PLAIN = Redactor([], [SECRET, "other-secret"])

_CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
_SECRETS = st.text(_CHARACTERS, min_size=8, max_size=30).filter(
    lambda text: text.strip() and "redacted" not in text.lower() and len(text.lower()) == len(text)
)
_LEAVES = (
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(_CHARACTERS, max_size=8)
)


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """Write a JSON string whose characters stand as they are or as escapes."""
    out = []
    for character in text:
        units = character.encode("utf-16-be")
        escape = "".join(rf"\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        out.append(draw(st.sampled_from([plain, escape, escape.upper().replace("\\U", "\\u")])))
    return '"' + "".join(out) + '"'


@st.composite
def documents(draw: st.DrawFn, secret: str) -> str:
    """Write a JSON object with the secret in some of its keys and strings, and in its field."""
    space = st.sampled_from(["", " ", "\n\t"])
    holding = st.builds("{}{}{}".format, st.sampled_from(["", "a ", "?token="]), st.just(secret),
                        st.sampled_from(["", " z", "&b"]))  # fmt: skip

    def tree(depth: int) -> str:
        kind = draw(st.sampled_from(["leaf", "secret", "array", "object"] if depth else ["leaf"]))
        if kind == "leaf":
            return json.dumps(draw(_LEAVES))
        if kind == "secret":
            return str(draw(spelled(draw(holding))))
        if kind == "array":
            return f"[{','.join(tree(depth - 1) for _ in range(draw(st.integers(0, 3))))}]"
        return "{" + ",".join(
            f"{draw(spelled(draw(holding)))}{draw(space)}:{draw(space)}{tree(depth - 1)}"
            for _ in range(draw(st.integers(0, 1)))
        ) + "}"  # fmt: skip

    fields = [f"{draw(spelled('SecretKey'))}{draw(space)}:{draw(space)}{draw(spelled(secret))}"]
    fields += [
        f'"k{n}":{draw(space)}{tree(3)}{draw(space)}' for n in range(draw(st.integers(0, 4)))
    ]
    order = draw(st.permutations(fields))
    return draw(space) + "{" + draw(space) + ",".join(order) + draw(space) + "}" + draw(space)


def texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
        for child in node.values():
            yield from texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from texts(child)
    elif isinstance(node, str):
        yield node


@given(st.data())
def test_secret_survives_nowhere(data: st.DataObject) -> None:
    secret = "k-7" + data.draw(_SECRETS)  # of more than letters or digits: no word by chance
    document = data.draw(documents(secret))
    redactor = Redactor(["SecretKey"], [secret])
    found = json.loads(redactor.body(document.encode()))
    assert found["SecretKey"] == "[redacted]"
    assert not [text for text in texts(found) if secret.lower() in text.lower()]


@given(st.data())
def test_clean_bodies_stay_exact(data: st.DataObject) -> None:
    leaf = _LEAVES.filter(lambda value: value not in {SECRET, "other-secret"})
    value = data.draw(st.dictionaries(st.text(_CHARACTERS, max_size=8), leaf, max_size=6))
    indent = data.draw(st.sampled_from([None, 1]))
    body = json.dumps(value, ensure_ascii=data.draw(st.booleans()), indent=indent).encode()
    assert PLAIN.body(body) == body
    assert PLAIN.body(b"\xef\xbb\xbf" + body) == b"\xef\xbb\xbf" + body


@given(st.binary(max_size=200))
def test_any_bytes_without_secret_stay(body: bytes) -> None:
    assume(b"secret" not in body.lower())
    assert Redactor([], ["other-secret"]).body(body) == body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"SecretKey":"%s"}', '{"SecretKey":"[redacted]"}'),
        ('{ "SecretKey" :\n\t"%s" , "a":1.50}', '{ "SecretKey" :\n\t"[redacted]" , "a":1.50}'),
        ('{"a":{"SecretKey":[1]},"SecretKey":0}', '{"a":{"SecretKey":"[redacted]"},"SecretKey":"[redacted]"}'),
        ('{"SecretKey":{"x":["}",","]},"b":2}', '{"SecretKey":"[redacted]","b":2}'),
        ('{"secretKEY":null}', '{"secretKEY":"[redacted]"}'),
        (r'{"\u0053ecretKey":"x"}', r'{"\u0053ecretKey":"[redacted]"}'),
        ('{"a":"SecretKey","b":"\\"SecretKey\\":1"}', '{"a":"SecretKey","b":"\\"SecretKey\\":1"}'),
        ('{"a":[{},"x"],"SecretKey":""}', '{"a":[{},"x"],"SecretKey":"[redacted]"}'),
    ],
)  # fmt: skip
def test_field_loses_only_its_value(body: str, expected: str) -> None:
    assert KEYED.body(body.replace("%s", json.dumps(SECRET)[1:-1]).encode()) == expected.encode()


def test_byte_order_mark_stays() -> None:
    mark = b"\xef\xbb\xbf"
    assert KEYED.body(mark + b'{"SecretKey":"x"}') == mark + b'{"SecretKey":"[redacted]"}'


@pytest.mark.parametrize(
    "spelling",
    [
        "https://host/hook?token=other-secret&x=1",
        "https:\\/\\/host\\/other-secret",
        "OTHER-Secret",
        "\\u006fther-secret",
        "other%2Dsecret",
        "%6F%74her-secret",
        '{\\"token\\":\\"other-secret\\"}',
        '{\\"token\\":\\"\\\\u006fther-secret\\"}',
    ],
)
def test_echo_is_taken_out(spelling: str) -> None:
    body = f'{{"a":1.10,"echo":"{spelling}","b":[2.0]}}'.encode()
    redacted = PLAIN.body(body)
    assert b"[redacted]" in redacted
    assert b"secret" not in redacted.lower()
    assert redacted.startswith(b'{"a":1.10,"echo":"')
    assert redacted.endswith(b',"b":[2.0]}')
    json.loads(redacted)


@pytest.mark.parametrize("secret", ["other-secret", 'Key-7f3a/9c"é', "a b+c%20d&=x"])
def test_forms_are_freed(secret: str) -> None:
    redactor = Redactor([], [secret])
    form = urlencode({"a": "1", "url": f"https://h/?token={quote(secret)}", "token": secret})
    redacted = redactor.body(form.encode())
    assert redacted.count(b"[redacted]") >= 1
    assert quote(secret).encode() not in redacted
    assert urlencode({"token": secret}).encode() not in redacted


def test_unreadable_json_is_freed() -> None:
    body = b'{"a":"other-secret","a":NaN,"b":"\\u006fther-secret"'
    assert PLAIN.body(body) == b'{"a":"[redacted]","a":NaN,"b":"[redacted]"'


def test_field_needs_a_readable_object() -> None:
    for body in (b"[]", b"x", b'{"SecretKey":1,"SecretKey":2}', b"\xff"):
        with pytest.raises(RedactionError):
            KEYED.body(body)


def test_unchecked_credential_is_sought_too() -> None:
    """Where nobody checks it, the field's value is the only thing that tells what to look for."""
    redactor = Redactor(["SecretKey"], [])
    body = b'{"SecretKey":"unknown-to-us","log":"key=UNKNOWN-to-us"}'
    assert redactor.body(body) == b'{"SecretKey":"[redacted]","log":"key=[redacted]"}'


def test_numbers_that_hold_it_go() -> None:
    redactor = Redactor([], ["12345678901234567890"])
    assert redactor.body(b'{"a":12345678901234567890,"b":5}') == b'{"a":"[redacted]","b":5}'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"amount":100.50,"b":1000}', b'{"amount":100.50,"b":1000}'),
        (b'{"amount":"100.50","d":"2026-100-1"}', b'{"amount":"100.50","d":"2026-100-1"}'),
        (b'{"url":"?token=100&x"}', b'{"url":"?token=100&x"}'),
        (b'{"100":1}', b'{"100":1}'),
    ],
)
def test_short_secret_harms_no_amount(body: bytes, expected: bytes) -> None:
    assert Redactor([], ["100"]).body(body) == expected


def test_secret_like_the_mark_works() -> None:
    assert Redactor([], ["redacted-8"]).body(b'{"a":"x redacted-8"}') == b'{"a":"x [redacted]"}'


def test_hostile_bodies_end_soon() -> None:
    """Only that they end: a pattern that goes back and forth would take hours."""
    for body in (b"\\" * 300_000, b"other-" * 50_000 + b"%", b'"' * 300_001):
        PLAIN.body(b'{"a":"%' + body + b'"}')
        PLAIN.body(body)


@pytest.mark.parametrize(
    ("token", "body"),
    [
        ("test", b'{"currency":{"code":"TEST"}}'),
        ("12345", b'{"transaction_id":12345}'),
        ("approved", b'{"event_type":"sale_conditions_approved"}'),
        ("checkout", b'{"resource":"CHECKOUT","origin":"checkout-api"}'),
        ("1234567890123456789", b'{"id":1234567890123456789}'),
    ],
)
def test_token_that_is_a_word_harms_nothing(token: str, body: bytes) -> None:
    """What a simple token has in common with a payload is chance; replaced, it would be lost."""
    assert Redactor([], [token]).body(body) == body


def test_text_loses_secrets() -> None:
    assert PLAIN.text("agent other-SECRET/1") == "agent [redacted]/1"
