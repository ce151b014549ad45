"""What the commands on parked deliveries and replays take, before they ask anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from services.cli.main import caudal
from services.cli.parked_choice import choice_of
from services.cli.replay import _When

ID = "01900000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["parked", "replay"], "--all"),
        (["parked", "replay", "--all", "--value", "x"], "exclude"),
        (["parked", "replay", ID, "--value", "x"], "exclude"),
        (["parked", "replay", ID, "--all"], "exclude"),
        (["parked", "replay", "no-uuid"], "UUID"),
        (["parked", "discard", ID], "--reason"),
        (["parked", "discard", ID, "--reason", " "], "--reason"),
        (["parked", "discard", "--reason", "x"], "--all"),
        (["parked", "show", "no-uuid"], "UUID"),
        (["replay"], "--since"),
        (["replay", "--since", "yesterday"], "ISO 8601"),
        (["replay", "--since", "9999999w"], "ISO 8601"),
        (["replay", "--since", "1h", "--until", "2h"], "--until"),
    ],
)
def test_misuse_is_told_before_anything_is_done(arguments: list[str], said: str) -> None:
    ran = CliRunner().invoke(caudal, arguments)

    assert ran.exit_code == 2
    assert said in ran.output


def test_ids_mean_the_discarded_too_where_asked() -> None:
    nothing = dict.fromkeys(("source", "provider", "field", "value", "reason"))
    named = {"delivery_ids": [ID, ID], "everything": False, **nothing}

    assert choice_of(**named, discarded_too=True).discarded is None  # type: ignore[arg-type]
    assert choice_of(**named, discarded_too=False).discarded is False  # type: ignore[arg-type]
    assert choice_of(**named, discarded_too=True).delivery_ids == [ID]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25", datetime(2026, 11, 25, tzinfo=UTC)),
        ("2026-11-25T14:00", datetime(2026, 11, 25, 14, tzinfo=UTC)),
        ("2026-11-25T14:00:00-03:00", datetime(2026, 11, 25, 17, tzinfo=UTC)),
    ],
)
def test_moment_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert _When().convert(text, None, None) == moment


@pytest.mark.parametrize(
    ("text", "span"),
    [("90m", timedelta(minutes=90)), ("2h", timedelta(hours=2)), ("7d", timedelta(days=7))],
)
def test_span_counts_back_from_now(text: str, span: timedelta) -> None:
    before = datetime.now(UTC)
    found = _When().convert(text, None, None)

    assert before - span <= found <= datetime.now(UTC) - span
