"""Which error means what to do."""

from __future__ import annotations

import pytest

from libs.bus.backoff import Backoff
from libs.bus.verdict import Ack, Park, Retry, decide
from libs.runtime.failures import PermanentError, TemporaryError

CARD = "4111111111111111"


def test_nothing_wrong_is_acknowledged() -> None:
    assert decide(None) == Ack()


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (TemporaryError("the database is away"), None),
        (TemporaryError("asked to slow down", after=30.0), 30.0),
        (ConnectionResetError(), None),
        (TimeoutError(), None),
    ],
)
def test_temporary_trouble_is_retried_for_ever(error: Exception, after: float | None) -> None:
    assert decide(error, attempt=10_000) == Retry(after)


def test_permanent_trouble_is_parked_at_once() -> None:
    verdict = decide(PermanentError("unknown_value"), attempt=1)

    assert isinstance(verdict, Park)
    assert verdict.reason == "unknown_value"


def test_bug_is_parked_at_limit() -> None:
    error = KeyError("amount")
    verdicts = [decide(error, attempt=attempt, attempts=3) for attempt in (1, 2, 3)]

    assert verdicts[:2] == [Retry(), Retry()]
    assert isinstance(verdicts[2], Park)
    assert verdicts[2].reason == "bug: KeyError"


def test_traceback_quotes_no_value() -> None:
    """The frames and types are kept, of the causes too; what the errors say is not."""
    try:
        try:
            int(f"{CARD}x")
        except ValueError as cause:
            raise LookupError(CARD) from cause
    except LookupError as error:
        verdict = decide(error, attempt=5)

    assert isinstance(verdict, Park)
    assert CARD not in verdict.traceback + verdict.reason
    assert "test_verdict.py" in verdict.traceback
    assert verdict.traceback.splitlines()[-1] == "ValueError"


def test_pauses_double_to_bound() -> None:
    pauses = Backoff(first=1.0, most=4.0)
    drawn = [pauses.pause() for _ in range(5)]
    pauses.reset()

    for pause, step in zip(drawn, [1, 2, 4, 4, 4], strict=True):
        assert step / 2 <= pause <= step
    assert pauses.pause() <= 1.0
