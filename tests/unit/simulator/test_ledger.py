"""The ledger keeps every answer, and a torn end costs the last one at most."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.runtime.failures import PermanentError
from services.simulator.ledger import Header, LedgerWriter, read_ledger
from services.simulator.plan import Options

HEADER = Header(
    options=Options(seed=3, run="x", count=5), tap="tap", begun=datetime(2026, 1, 1, tzinfo=UTC)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "ledger.jsonl"


def write(path: Path) -> None:
    with LedgerWriter(path, HEADER) as ledger:
        ledger.answered(1, 503, 12.5, 0.1)
        ledger.unanswered(1, "timeout", 5000.0, 5.1)
        ledger.answered(1, 200, 3.0, 5.2)
        ledger.answered(0, 201, 4.0, 5.3)


def test_every_answer_comes_back(path: Path) -> None:
    write(path)
    answers = read_ledger(path)
    assert answers.header == HEADER
    assert list(answers.tries) == [1, 3]
    assert list(answers.accepted) == [1, 1]
    assert list(answers.final) == [201, 200]
    assert answers.kinds == {"503": 1, "timeout": 1, "200": 1, "201": 1}
    assert answers.longest_ms == pytest.approx(12.5)
    assert answers.end is None


def test_refused_connection_is_no_try(path: Path) -> None:
    """Nothing can have arrived over it, so nothing may be in the archive for it."""
    with LedgerWriter(path, HEADER) as ledger:
        ledger.unanswered(0, "not_connected", 1.0, 0.1)
        ledger.unanswered(0, "cut", 1.0, 0.2)
    answers = read_ledger(path)
    assert list(answers.tries) == [1]
    assert answers.kinds == {"not_connected": 1, "cut": 1}


def test_refusal_without_a_time_to_come_again_is_counted(path: Path) -> None:
    with LedgerWriter(path, HEADER) as ledger:
        ledger.answered(0, 503, 1.0, 0.1, retry_after=1.0)
        ledger.answered(0, 503, 1.0, 0.2)
        ledger.answered(0, 200, 1.0, 0.3)
    assert read_ledger(path).bare_refusals == 1


def test_lines_are_there_before_the_end(path: Path) -> None:
    """A driver that is killed closes nothing."""
    ledger = LedgerWriter(path, HEADER)
    ledger.answered(0, 200, 1.0, 0.1)
    assert list(read_ledger(path).accepted) == [1]
    ledger.__exit__(None, None, None)


@pytest.mark.parametrize("missing", [1, 5, 30])
def test_torn_end_costs_one_line(path: Path, missing: int) -> None:
    write(path)
    path.write_bytes(path.read_bytes()[:-missing])
    answers = read_ledger(path)
    assert list(answers.tries)[-1] == 3


def test_torn_middle_is_damage(path: Path) -> None:
    write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:10] + b"\n", *lines[2:]]))
    with pytest.raises(PermanentError, match="damaged"):
        read_ledger(path)


def test_end_is_told(path: Path) -> None:
    with LedgerWriter(path, HEADER) as ledger:
        ledger.ended("done", 17, 1.0)
    answers = read_ledger(path)
    assert (answers.end, answers.close_at) == ("done", 17)


def test_ledger_is_never_written_over(path: Path) -> None:
    write(path)
    with pytest.raises(PermanentError, match="is there already"):
        LedgerWriter(path, HEADER)


@pytest.mark.parametrize("text", ["", "{}", '{"caudal": "simulate", "version": 99}', "nonsense"])
def test_another_file_is_no_ledger(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(PermanentError, match="no ledger"):
        read_ledger(path)


def test_missing_ledger_says_so(path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        read_ledger(path)
