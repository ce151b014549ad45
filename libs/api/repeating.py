"""Calls that are made again after a failure: only where that cannot do anything twice.

`safe` is for what may be repeated whatever became of it (a question), `never_sent` for everything
else: what has not left this process has done nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from libs.api.breaker import OpenError
from libs.api.errors import RefusedError, UnansweredError, UnsentError

ATTEMPTS: Final = 3
FIRST_PAUSE: Final = 0.25  # seconds, growing
LONGEST_PAUSE: Final = 5.0

Result = TypeVar("Result")
_GROWING: Final = wait_random_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE)


def never_sent(error: BaseException) -> bool:
    """Whether nothing left this process, and it may be otherwise in a moment."""
    return isinstance(error, UnsentError) and not isinstance(error, OpenError)


def safe(error: BaseException) -> bool:
    """Whether a call that changes nothing may be answered well when it is made again."""
    if isinstance(error, RefusedError):
        return error.passing
    return never_sent(error) or isinstance(error, UnansweredError)


def at_once(error: BaseException) -> bool:
    """Whether a question may be answered well in a moment: whoever asks to be left alone is."""
    later = isinstance(error, RefusedError) and (error.after is not None or error.status < 500)
    return safe(error) and not later


async def repeated(
    call: Callable[[], Awaitable[Result]],
    again: Callable[[BaseException], bool],
    *,
    attempts: int = ATTEMPTS,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Result:
    """Make a call, and again while `again` says so of its error; raise the last one."""
    trying = AsyncRetrying(
        stop=stop_after_attempt(attempts),
        wait=_pause,
        retry=retry_if_exception(again),
        sleep=sleep,
        reraise=True,
    )

    async def once() -> Result:  # tenacity awaits a function that is declared so, and no other
        return await call()

    return await trying(once)


def _pause(state: RetryCallState) -> float:
    """Wait as long as was asked for, within reason; else a little, and longer each time."""
    error = state.outcome.exception() if state.outcome else None
    told = getattr(error, "after", None)
    return min(float(told), LONGEST_PAUSE) if told else _GROWING(state)
