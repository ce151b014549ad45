"""An error is told by where it happened, never by what it says."""

from __future__ import annotations

from libs.runtime.failures import where

CARD = "4111111111111111"


def test_place_quotes_no_value() -> None:
    """The frames and types are kept, of the causes too; what the errors say is not."""
    try:
        try:
            int(f"{CARD}x")
        except ValueError as cause:
            raise LookupError(CARD) from cause
    except LookupError as error:
        told = where(error)

    assert CARD not in told
    assert "test_failures.py" in told
    assert told.splitlines()[-1] == "ValueError"
