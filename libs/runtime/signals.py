"""One event that SIGINT and SIGTERM set: every process waits for it and then stops in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_event() -> Iterator[asyncio.Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second one ends the process.

    Must be entered inside a running loop, in the main thread.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        stop.set()
        # Whoever asks a second time means it: back to what the system does by itself.
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
