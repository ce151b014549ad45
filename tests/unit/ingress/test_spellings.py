"""A secret is seen in every spelling, and a body without it is told from one with it."""

from __future__ import annotations

import time

import pytest

from services.ingress.spellings import Spellings

SECRET = "open-Sesame"
WAYS = {
    "as it is": "{}",
    "JSON": "\\u00{:02x}",
    "JSON, capital digits": "\\u00{:02X}",
    "JSON in JSON": "\\\\u00{:02x}",
    "form": "%{:02x}",
    "form, capital digits": "%{:02X}",
}


def spelled(way: str, character: str) -> str:
    return WAYS[way].format(character if way == "as it is" else ord(character))


@pytest.mark.parametrize("other_case", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at", range(len(SECRET)))
def test_one_character_in_another_spelling_hides_no_secret(
    way: str, at: int, *, other_case: bool
) -> None:
    character = SECRET[at].swapcase() if other_case else SECRET[at]
    written = SECRET[:at] + spelled(way, character) + SECRET[at + 1 :]
    body = f'{{"note":"before {written} after"}}'
    spellings = Spellings([SECRET])
    assert spellings.may_be_in(body.encode())
    assert spellings.out_of(body) == '{"note":"before [redacted] after"}'


@pytest.mark.parametrize("slash", [r"\/", r"\\\/"])
def test_escaped_slash_hides_no_secret(slash: str) -> None:
    body = f'{{"note":"open{slash}Sesame"}}'
    spellings = Spellings(["open/Sesame"])
    assert spellings.may_be_in(body.encode())
    assert spellings.out_of(body) == '{"note":"[redacted]"}'


@pytest.mark.parametrize("way", WAYS)
def test_all_characters_in_another_spelling_hide_no_secret(way: str) -> None:
    body = "".join(spelled(way, character) for character in SECRET)
    assert Spellings([SECRET]).may_be_in(body.encode())


@pytest.mark.parametrize(
    "body", [b"a%5Bb%5D=c%20d", b'{"a":"\\u00e9 \\u0041"}', b"open-%53esam", b"%6f%70%65%6e"]
)
def test_escapes_without_the_secret_are_not_taken_for_it(body: bytes) -> None:
    assert not Spellings([SECRET]).may_be_in(body)


@pytest.mark.parametrize(
    "body", [b"\\" * 1_000_000, b"\\" * 1_000_000 + b"u00", b"\\u00" * 250_000, b"%" * 1_000_000]
)
def test_body_of_backslashes_is_searched_in_linear_time(body: bytes) -> None:
    """Anybody may send one to an open door; each run of them used to be tried from each of its places."""
    began = time.perf_counter()
    assert not Spellings(["open-sesame/0123"]).may_be_in(body)
    assert time.perf_counter() - began < 2
