"""Pauses between attempts grow to a bound, and never in step."""

from __future__ import annotations

from libs.runtime.backoff import Backoff


def test_pauses_double_to_bound() -> None:
    pauses = Backoff(first=1.0, most=4.0)
    drawn = [pauses.pause() for _ in range(5)]
    pauses.reset()

    for pause, step in zip(drawn, [1, 2, 4, 4, 4], strict=True):
        assert step / 2 <= pause <= step
    assert pauses.pause() <= 1.0
