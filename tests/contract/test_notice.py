"""Notices: what is written is read, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from libs.contracts.errors import ContractError
from libs.contracts.notice import AuthFailure, Notice, NotLetIn, decode, encode

ID = "0f0e0d0c-0b0a-4908-8706-050403020100"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NOTICE = Notice(
    ID,
    AT,
    (NotLetIn("clip-mx", AuthFailure.WRONG, 3), NotLetIn("payu", AuthFailure.MISSING, 1 << 40)),
)


def changed(**fields: Any) -> bytes:  # noqa: ANN401 - anything that may arrive
    return orjson.dumps({**orjson.loads(encode(NOTICE)), **fields})


def test_notice_is_read_as_it_was_written() -> None:
    assert decode(encode(NOTICE)) == (NOTICE,)


def test_time_travels_in_utc() -> None:
    there = Notice(ID, AT.astimezone(timezone(timedelta(hours=-6))), ())
    assert b"2026-03-02T09:30:00+00:00" in encode(there)
    assert decode(encode(there))[0].at == AT


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
    ],
)
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError):
        decode(message)
