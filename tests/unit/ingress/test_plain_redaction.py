"""The quick way to redact says what the thorough one says, or nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.providers.reading import NotReadableError, read_object
from services.ingress.redaction import RedactionError, Redactor

SECRET = "open-sesame/2"
NAMES = st.sampled_from(
    ["SecretKey", "secretkey", "SECRETKEY", "Secret\\u004bey", "\u017fecretKey", "Secret\u212aey",
     "Secret", "key", "a", "SecretKey2"]
)  # fmt: skip
TEXTS = st.sampled_from(
    [SECRET, SECRET.upper(), "open-sesame", "x", "", "SecretKey", '\\"SecretKey\\"', "[redacted]",
     "open%2Dsesame%2f2", "open\\u002dsesame/2", "open-sesame\\/2", "open-sesame\\\\/2", "São",
     "another-secret-1", "\u212a", "S\\u00e3o", "\\u00df", "%", "\\u00e9"]
)  # fmt: skip
SCALARS = st.one_of(
    TEXTS.map(lambda text: f'"{text}"'), st.sampled_from(["1", "null", "true", "1.50"])
)
SPACE = st.sampled_from(["", " ", "\n", "\t "])


def _object(members: list[tuple[str, str, str, str]]) -> str:
    return "{" + ",".join(f'{a}"{name}"{b}:{a}{value}' for a, name, b, value in members) + "}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: "[" + ",".join(values) + "]"),
        st.lists(st.tuples(SPACE, NAMES, SPACE, inner), max_size=3).map(_object),
    ),
    max_leaves=6,
)
DOCUMENTS = st.lists(st.tuples(SPACE, NAMES, SPACE, VALUES), max_size=4).map(_object)


def both(redactor: Redactor, body: bytes) -> tuple[bytes | None, bytes | None]:
    document: dict[str, Any] = read_object(body)
    try:
        thorough = redactor.thoroughly(body, document)
    except RedactionError:
        thorough = None
    return redactor.plainly(body), thorough


@given(DOCUMENTS)
def test_quick_way_says_the_same(text: str) -> None:
    body = text.encode()
    try:
        quick, thorough = both(Redactor(["SecretKey"], [SECRET]), body)
    except NotReadableError:
        return
    assert quick is None or quick == thorough


def test_usual_body_goes_the_quick_way() -> None:
    said = {"IdTransaction": 1, "SecretKey": SECRET, "Vendor": "Loja S\u00e3o"}
    for escaped in (True, False):
        body = json.dumps(said, ensure_ascii=escaped).encode()
        quick, thorough = both(Redactor(["SecretKey"], [SECRET]), body)
        assert quick == thorough == body.replace(SECRET.encode(), b"[redacted]")


@given(
    st.lists(
        st.sampled_from(
            [*SECRET, *SECRET.upper(), "\\", "\\\\", "\\u006f", "\\u004F", "%70", "%6E", "%", "u00",
             "open", "sesame", "\\/", "%2f", " ", "\\\\u0065", "%2d"]
        ),
        max_size=20,
    ).map("".join)
)  # fmt: skip
def test_nothing_that_is_there_is_ruled_out(text: str) -> None:
    for secret in (SECRET, "open", "%70n", "u006fpen", "a b"):
        redactor = Redactor([], [secret + "-of-some-length-1"])
        whole = text + secret + "-of-some-length-1" if len(text) % 2 else text
        spellings = redactor._secrets
        if spellings.out_of(whole) != whole:
            assert spellings.may_be_in(whole.encode())
