"""Whatever is logged, by whomever: one line of JSON, without credentials or anybody's data."""

from __future__ import annotations

import importlib
import io
import json
import logging
import sys
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.logs import configure_logs
from libs.runtime.scrubbing import is_card_number, mask, scrub, scrubbed
from libs.runtime.settings import LogFormat, LogLevel


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_is_json(stream: io.StringIO) -> None:
    configure_logs("ingress", stream=stream)
    structlog.get_logger().info("started", port=1, why="\ud800", sources={"source": (1, None)})
    (line,) = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "started",
        "service": "ingress",
        "level": "info",
        "port": 1,
        "why": "\\ud800",
        "sources": {"source": [1, None]},
    }


def test_field_that_is_not_on_the_list_shows_its_type(stream: io.StringIO) -> None:
    configure_logs("ingress", stream=stream)
    structlog.get_logger().info(
        "started",
        body={"customer": "Bruce Wayne"},
        raw=b"Bruce Wayne",
        customer="Bruce Wayne",
        number=12123123,
        why={"customer": "Bruce Wayne", "reason": "closed"},
        flag=True,
    )
    (line,) = lines(stream)
    assert {name: line[name] for name in ("body", "raw", "customer", "number", "why", "flag")} == {
        "body": "<dict of 1>",
        "raw": "<11 bytes>",
        "customer": "<text of 11>",
        "number": "<int>",
        "why": {"customer": "<text of 11>", "reason": "closed"},
        "flag": True,
    }
    assert "Wayne" not in stream.getvalue()


def test_identifiers_stay_readable(stream: io.StringIO) -> None:
    """Also those that look like a card's number or a document by chance; and nothing but identifiers."""
    configure_logs("ingress", stream=stream)
    delivery = "01900000-0000-7000-8000-000000000001"
    structlog.get_logger().info("x", delivery_id=delivery, provider_ref="4111111111111111")
    structlog.get_logger().info("x", delivery_id="bruce@wayne.com", provider_ref="CPF 12345678909")
    known, odd = lines(stream)
    assert (known["delivery_id"], known["provider_ref"]) == (delivery, "4111111111111111")
    assert (odd["delivery_id"], odd["provider_ref"]) == ("[e-mail]", "CPF [document]")


def test_spans_are_told_the_same() -> None:
    told = {"source": "clip", "error": "bruce@wayne.com", "http.body": "Bruce Wayne"}
    assert scrubbed(told) == {"source": "clip", "error": "[e-mail]", "http.body": "<text of 11>"}


def test_library_is_looked_through(stream: io.StringIO) -> None:
    configure_logs("ingress", stream=stream)
    logging.getLogger("somebody").warning("bad %s from %s", "123.456.789-09", "bruce@wayne.com")
    (line,) = lines(stream)
    assert line["event"] == "bad [document] from [e-mail]"


def test_level_is_kept(stream: io.StringIO) -> None:
    configure_logs("ingress", LogLevel.WARNING, LogFormat.JSON, stream=stream)
    structlog.get_logger().info("quiet")
    logging.getLogger("somebody").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_libraries_log_the_same_way(stream: io.StringIO) -> None:
    configure_logs("ingress", LogLevel.INFO, LogFormat.JSON, stream=stream)
    logging.getLogger("aio_pika").info("chatter")
    logging.getLogger("aio_pika").warning("lost %s", "amqp://user:hunter2@host/v")
    (line,) = lines(stream)
    assert line["event"] == "lost amqp://***@host/v"
    assert (line["logger"], line["service"]) == ("aio_pika", "ingress")


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_exceptions_are_masked(stream: io.StringIO, form: LogFormat) -> None:
    configure_logs("ingress", LogLevel.INFO, form, stream=stream)
    error = OSError("4111 1111 1111 1111 at postgresql://u:hunter2@h/d")
    try:
        raise error
    except OSError:
        structlog.get_logger().exception("failed")
    logging.getLogger("somebody").error("failed", exc_info=error)
    text = stream.getvalue()
    assert "hunter2" not in text
    assert "4111 1111" not in text
    assert text.count("411111******1111") == 2


@pytest.mark.parametrize("form", [LogFormat.JSON, LogFormat.CONSOLE])
def test_messages_of_foreign_exceptions_are_not_shown(stream: io.StringIO, form: LogFormat) -> None:
    """They quote the value that they choked on: a name, which no pattern finds."""
    configure_logs("ingress", LogLevel.INFO, form, stream=stream)
    try:
        try:
            int("Bruce Wayne")
        except ValueError as cause:
            raise ExceptionGroup("Bruce", [KeyError("Wayne"), OSError("disk")]) from cause
    except ExceptionGroup as error:
        structlog.get_logger().exception("failed")
        logging.getLogger("somebody").exception("failed", exc_info=error)
    text = stream.getvalue()
    assert "Bruce" not in text
    assert "Wayne" not in text
    assert text.count("ValueError: <text of ") == 2
    assert text.count("KeyError: <text of 7>") == 2
    assert text.count("OSError: disk") == 2
    assert "test_messages_of_foreign_exceptions_are_not_shown" in text


def test_what_ends_the_process_is_logged(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    configure_logs("ingress", stream=stream)
    error = ValueError("Bruce Wayne")
    sys.excepthook(ValueError, error, None)
    (line,) = lines(stream)
    assert (line["event"], line["exception"]) == ("process_failed", "ValueError: <text of 11>")
    assert capsys.readouterr().err == ""


def test_place_of_a_failure_is_told_beside_the_time(stream: io.StringIO) -> None:
    configure_logs("ingress", stream=stream)
    structlog.get_logger().error("failed", at="link.py:7 connect")
    (line,) = lines(stream)
    assert line["where"] == "link.py:7 connect"
    assert line["at"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card 4111111111111111.", "card 411111******1111."),
        ("5500-0000-0000-0004", "550000******0004"),
        ("4111111111111112", "4111111111111112"),
        ("41111111111111111111111", "41111111111111111111111"),
        ("amqps://u:p%40@h:5671/v?x=1", "amqps://***@h:5671/v?x=1"),
        ("amqp://u:p@ss@h", "amqp://***@h"),
        ("https://h/webhooks/x?token=abc&event=b", "https://h/webhooks/x?token=***&event=b"),
        ('{"SecretKey": "abc", "a": 1}', '{"SecretKey": "***", "a": 1}'),
        ("postgresql://h/d?password=abc", "postgresql://h/d?password=***"),
        ("2026-01-15T12:00:00.123456Z", "2026-01-15T12:00:00.123456Z"),
        ("a@b.example is no URL", "[e-mail] is no URL"),
    ],
)
def test_text_is_masked(text: str, expected: str) -> None:
    assert mask(text) == expected


@given(st.text("0123456789", min_size=12, max_size=18), st.sampled_from(["", " ", "-"]))
def test_no_card_number_survives(prefix: str, gap: str) -> None:
    digits = next(prefix + last for last in "0123456789" if is_luhn(prefix + last))
    text = gap.join(digits)
    event = {"event": f"x {text} y", "n": int(digits), "list": [{"k": text}]}
    shown = repr(scrub(None, "", event))
    if set(digits) != {"0"} and int(digits) >= 10**12:
        assert text not in shown


def is_luhn(digits: str) -> bool:
    doubled = [int(d) * (2 if n % 2 else 1) for n, d in enumerate(reversed(digits))]
    return sum(n // 10 + n % 10 for n in doubled) % 10 == 0


def test_luhn_is_the_check_digit() -> None:
    assert is_card_number("4111111111111111")
    assert not is_card_number("4111111111111112")
    assert not is_card_number("42")


def test_bytes_are_never_shown() -> None:
    assert scrub(None, "", {"body": b"abc"}) == {"body": "<3 bytes>"}


def test_bus_client_stays_silent(stream: io.StringIO) -> None:
    """What the AMQP client would log reaches us as an exception and is logged once, by the bus."""
    importlib.import_module("libs.bus.link")
    configure_logs("ingress", LogLevel.INFO, LogFormat.JSON, stream=stream)
    logging.getLogger("aiormq").error("lost")
    assert lines(stream) == []
