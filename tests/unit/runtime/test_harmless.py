"""What strangers wrote is stored as it came and shown harmlessly: tables, JSON, logs."""

from __future__ import annotations

import io
import json

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.harmless import escaped, harmless, json_text
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogFormat

ODD = [
    "<script>alert(1)</script>",
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\u202etxt.exe",
    "\u2066\u2069",
    "a\0b",
    "a\r\nlevel=critical all is well",
    "\x7f\x08\x08\x08",
    "\u2028\u2029",
    "\U000e0041\U000e007f",
    "\ufeff\u200b",
]


def obeyed(text: str) -> list[str]:
    """Return the characters that are not simply seen."""
    return [each for each in text if not each.isprintable() and each != "\n"]


@pytest.mark.parametrize("odd", ODD)
def test_nothing_is_left_to_obey(odd: str) -> None:
    assert obeyed(harmless(odd)) == []
    assert "\n" not in harmless(odd)
    assert len(harmless(odd)) == len(odd)
    assert harmless(odd, lines=True).count("\n") == odd.count("\n")


@given(st.text())
def test_json_says_the_same_and_shows_nothing_odd(text: str) -> None:
    told = json_text({text: [text, 1.5, None]})
    assert obeyed(told) == []
    assert json.loads(told) == {text: [text, 1.5, None]}


def test_letters_stay_as_they_are() -> None:
    assert json_text("ñandú 支付 \U0001f600") == '"ñandú 支付 \U0001f600"'
    assert escaped('{"a": "\u202e\U000e0041"}') == '{"a": "\\u202e\\udb40\\udc41"}'


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
@pytest.mark.parametrize("odd", ODD)
def test_logs(form: LogFormat, odd: str) -> None:
    stream = io.StringIO()
    configure_logs("test", form=form, stream=stream)
    structlog.get_logger().warning("odd", why=odd, failed=[odd], who=odd)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert obeyed(text) == []
    if form is LogFormat.JSON:
        assert json.loads(text)["why"] == odd
