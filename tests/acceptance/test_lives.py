"""Thousands of lives over all providers, a twentieth of what they say lost (`make lives LIVES=10000`)."""

from __future__ import annotations

import pytest

from tests.acceptance.playing import nothing_differs, playing, port, stack, verdict
from tests.acceptance.stack import Stack
from tests.processes import wait_until

__all__ = ["port", "stack"]

pytestmark = [pytest.mark.soak, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(0)]

RATE = 150  # webhooks a second
EACH = 3.2  # webhooks of a life, some of them twice
ASKED_WITHIN = 900.0  # seconds from the last webhook until all that can be asked for is true


def test_what_can_be_asked_for_ends_true_and_the_rest_is_listed(
    stack: Stack, port: int, pytestconfig: pytest.Config
) -> None:
    lives = pytestconfig.getoption("lives", 1000)
    ledger = stack.home / "lives.jsonl"
    with playing(
        stack, "--seed", "11", "--lives", str(lives), "--rate", str(RATE), "--losses", "0.05",
        "--duplicates", "0.2", "--reorder", "0.2", "--port", str(port), "--ledger", str(ledger),
    ) as sandbox:  # fmt: skip
        assert wait_until(sandbox.everything_is_sent, seconds=60 + 2 * EACH * lives / RATE)
        told = sandbox.status()["webhooks"]
        wait_until(lambda: nothing_differs(stack, ledger), seconds=ASKED_WITHIN)
        found = verdict(stack, ledger, wait=0, code=0)
    print({name: value for name, value in found.items() if name != "differences"})  # noqa: T201
    assert (found["lost"], found["duplicates_of_effect"], found["unjudged"]) == (0, 0, 0)
    assert found["never_posted"] == told["lost"] > lives * EACH * 0.03
    assert found["objects"] + found["unheard"] == lives
    # of whom nobody was told anything, and who can only be asked by a person: a few of a hundred
    assert found["unheard"] < lives * 0.03
    assert found["overdue"] < lives * 0.03
    assert found["polled"] > lives * 0.1
