"""Notices: what is written is read, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from libs.contracts.errors import ContractError
from libs.contracts.notice import AuthFailure, Lost, Notice, NotLetIn, decode, encode

ID = "0f0e0d0c-0b0a-4908-8706-050403020100"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NOTICE = Notice(
    ID,
    AT,
    (NotLetIn("clip-mx", AuthFailure.WRONG, 3), NotLetIn("payu", AuthFailure.MISSING, 1 << 40)),
    (
        Lost(
            source="clip-mx",
            at=AT,
            failure=AuthFailure.STALE,
            rule="hmac",
            why="the signed time is too far from now",
            size=7,
            sha256="ab" * 32,
            headers=("content-type", "x-signature"),
        ),
        Lost(
            source="",
            at=AT,
            failure=AuthFailure.UNKNOWN_SOURCE,
            rule="",
            why="",
            size=0,
            sha256=None,
            headers=(),
        ),
    ),
)


def changed(**fields: Any) -> bytes:  # noqa: ANN401 - anything that may arrive
    return orjson.dumps({**orjson.loads(encode(NOTICE)), **fields})


def test_notice_is_read_as_it_was_written() -> None:
    assert decode(encode(NOTICE)) == (NOTICE,)


def test_time_travels_in_utc() -> None:
    there = Notice(ID, AT.astimezone(timezone(timedelta(hours=-6))), ())
    assert b"2026-03-02T09:30:00+00:00" in encode(there)
    assert decode(encode(there))[0].at == AT


def test_message_of_an_older_ingress_is_read() -> None:
    told = orjson.loads(encode(NOTICE))
    del told["lost"]
    assert decode(orjson.dumps(told)) == (replace(NOTICE, lost=()),)


def test_a_field_of_a_later_version_is_no_trouble() -> None:
    assert decode(changed(more={"a": 1})) == (NOTICE,)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"{",
        changed(version=2),
        changed(id="no uuid"),
        changed(id=5),
        changed(at="yesterday"),
        changed(at="2026-03-02T09:30:00"),
        changed(at=None),
        changed(not_let_in={}),
        changed(not_let_in=[1]),
        changed(not_let_in=[{}]),
        *(
            changed(not_let_in=[{"source": "clip", "kind": "wrong", "requests": 1, **wrong}])
            for wrong in (
                {"source": ""},
                {"source": 5},
                {"source": "a\x00b"},
                {"kind": "other"},
                {"requests": 0},
                {"requests": -1},
                {"requests": True},
                {"requests": "1"},
                {"requests": 1 << 63},
            )
        ),
        changed(lost={}),
        changed(lost=[{}]),
        *(
            changed(lost=[{**orjson.loads(encode(NOTICE))["lost"][0], **wrong}])
            for wrong in (
                {"source": None},
                {"why": "a\x1b[31m"},
                {"failure": "other"},
                {"size": -1},
                {"size": True},
                {"at": "2026-03-02T09:30:00"},
                {"sha256": "ab"},
                {"sha256": "zz" * 32},
                {"headers": None},
                {"headers": ["a\nb"]},
                {"headers": [5]},
            )
        ),
    ],
)
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode(message)
