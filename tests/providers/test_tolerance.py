"""Reading a stranger's object field by field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, ConfigDict

from libs.providers.tolerance import Instant, blamed, digest, key_part, read_partial, told


class _Notice(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    name: str
    at: Instant | None = None


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-22T20:28:27Z",
        "2023-02-22t20:28:27z",
        " 2023-02-22 20:28:27+00:00 ",
        "2023-02-22T14:28:27-06:00",
        "2023-02-22T14:28:27-0600",
        "2023-02-22T20:28:27.000000000Z",
    ],
)
def test_instants_are_read_as_utc(text: str) -> None:
    read = read_partial(_Notice, {"name": "n", "at": text})

    assert read.value is not None
    assert read.value.at == datetime(2023, 2, 22, 20, 28, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-22T20:28:27",
        "2023-02-22",
        "2023-02-30T20:28:27Z",
        "2023-02-22T20:28:60Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2023-02-22T20:28:27+99:99",
        "٢٠٢٣-02-22T20:28:27Z",
    ],
)
def test_doubtful_instants_are_named_broken(text: str) -> None:
    read = read_partial(_Notice, {"name": "n", "at": text})

    assert read.value == _Notice(name="n")
    assert read.broken == ("at",)


def test_missing_required_field_gives_nothing() -> None:
    assert read_partial(_Notice, {}).value is None
    assert read_partial(_Notice, {"name": 1}).broken == ("name",)


def test_null_and_blank_are_untold() -> None:
    assert told({"a": None, "b": " \t", "c": 0, "d": False, "e": []}) == {
        "c": 0,
        "d": False,
        "e": [],
    }


def test_odd_key_parts_are_hashed() -> None:
    assert key_part("retail-2025_0.7") == "retail-2025_0.7"
    assert key_part("a:b") == digest("a:b")
    assert len(digest(b"")) == 32


@pytest.mark.parametrize(
    ("value", "shown"), [(None, None), (True, "true"), ([1], "a list"), ({}, "an object"), (7, "7")]
)
def test_blame_shows_scalars_only(value: object, shown: str | None) -> None:
    assert blamed(value) == shown
