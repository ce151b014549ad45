"""A process that is asked to stop is told so once, and can be ended the second time."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from libs.runtime.signals import STOP_SIGNALS, stop_event


@pytest.mark.parametrize("number", STOP_SIGNALS)
async def test_signal_sets_the_event(number: signal.Signals) -> None:
    before = [signal.getsignal(one) for one in STOP_SIGNALS]
    with stop_event() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), timeout=5)
        assert signal.getsignal(number) is signal.SIG_DFL
    assert [signal.getsignal(one) for one in STOP_SIGNALS] == before
