"""What may be asked again at once, and what only later or never."""

from __future__ import annotations

import pytest

from libs.api.breaker import OpenError
from libs.api.errors import RefusedError, UnansweredError, UnsentError
from libs.api.repeating import at_once


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (UnsentError("x"), True),
        (UnansweredError("x"), True),
        (RefusedError("x", 500), True),
        (RefusedError("x", 503), True),
        (RefusedError("x", 503, after=3), False),
        (RefusedError("x", 429), False),
        (RefusedError("x", 408), False),
        (RefusedError("x", 404), False),
        (OpenError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_at_once(error: Exception, *, wanted: bool) -> None:
    assert at_once(error) is wanted
