"""A trace context as text: what is one, and how one leads to the next."""

from __future__ import annotations

import pytest

from libs.runtime.tracing.context import (
    child_of,
    drawn,
    is_context,
    is_sampled,
    of_message,
    of_sender,
    parent_of_publish,
    span_id_of,
    trace_id_of,
    unsampled,
)

ONE = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def test_drawn_contexts_are_valid_and_differ() -> None:
    found = {drawn(sampled=sampled) for sampled in (True, False) for _ in range(100)}
    assert len(found) == 200
    assert all(map(is_context, found))
    assert {len(each) for each in found} == {55}


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_last_bit_says_sampled(flags: str, *, sampled: bool) -> None:
    assert is_sampled(ONE[:53] + flags) is sampled


@pytest.mark.parametrize("told", [None, "", "01", "\ud800-01", "00-" + "0" * 32 + ONE[35:]])
def test_no_context_is_not_sampled(told: str | None) -> None:
    assert not is_sampled(told)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_child_is_another_span_of_the_same_trace(flags: str) -> None:
    above = ONE[:53] + flags
    below = child_of(above)
    assert is_context(below)
    assert trace_id_of(below) == trace_id_of(above)
    assert span_id_of(below) != span_id_of(above)
    assert below[52:] == above[52:]


def test_trace_of_a_sender_goes_on() -> None:
    assert trace_id_of(drawn(sampled=False, trace_id="ef" * 16)) == "ef" * 16


@pytest.mark.parametrize("span", ["0000000000000001", "8000000000000001", "cd" * 8, "ff" * 8])
def test_request_and_publish_lead_to_one_another(span: str) -> None:
    publish = f"00-{'ab' * 16}-{span}-01"
    request = parent_of_publish(publish)
    assert is_context(request)
    assert request != publish
    assert trace_id_of(request) == trace_id_of(publish)
    assert parent_of_publish(request) == publish


def test_the_one_id_that_leads_nowhere_is_not_drawn() -> None:
    """Turning its one bit would give the id that is none."""
    assert not is_context(parent_of_publish(f"00-{'ab' * 16}-8000000000000000-01"))


@pytest.mark.parametrize("told", [ONE, ONE.encode(), bytearray(ONE.encode())])
def test_header_of_a_message_is_read(told: object) -> None:
    assert of_message({"traceparent": told}) == ONE


@pytest.mark.parametrize(
    "told",
    [None, 7, "", "x", ONE.upper(), b"\xff", ONE[:-1], "00-" + "0" * 32 + ONE[35:], {"a": 1}],
)
def test_what_is_no_context_is_none(told: object) -> None:
    assert of_message({"traceparent": told}) is None
    assert of_message({}) is None


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (None, None),
        (ONE, ONE),
        ("01" + ONE[2:], ONE),
        ("cc" + ONE[2:53] + "00-what comes later", ONE[:53] + "00"),
        ("fe" + ONE[2:] + "-", ONE),
        (ONE + "-more", None),  # version 00 has nothing behind its flags
        ("01" + ONE[2:] + "more", None),
        ("01" + ONE[2:-1], None),
        ("01-" + "0" * 32 + ONE[35:], None),
        ("ff" + ONE[2:], None),
        ("0A" + ONE[2:], None),
        ("", None),
        ("x", None),
    ],
)
def test_later_version_is_read_as_far_as_it_is_known(told: str | None, read: str | None) -> None:
    assert of_sender(told) == read
    assert read is None or is_context(read)


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_nothing_of_it_is_kept_any_more(flags: str) -> None:
    assert unsampled(ONE[:53] + flags) == ONE[:53] + "00"
