"""A token that many callers share: one renewal for all of them, ahead of time, and none in a hurry.

    token = SharedToken(renew)         # renew asks for a new one
    words = await token.get()          # whoever comes while it is renewed waits for that renewal
    token.spoil(words)                 # it was not accepted: the next `get` renews it

Where a renewal fails, everybody who waits gets that error, and so does who comes within
`HOLD_OFF` seconds: a provider that is down is not asked once for each caller.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

AHEAD: Final = 60.0  # seconds before its end at which a token is renewed
HOLD_OFF: Final = 1.0  # seconds for which a failure stands
MONOTONIC: Final[Callable[[], float]] = time.monotonic


@dataclass(frozen=True, slots=True)
class Issued:
    """What a renewal brought: the token, and for how many seconds it is good."""

    words: str = field(repr=False)
    lasts: float


@dataclass(frozen=True, slots=True)
class _Held:
    words: str = field(repr=False)
    renew_at: float
    until: float


class SharedToken:
    """Asks `renew` for tokens. `clock` gives seconds that only grow."""

    def __init__(
        self,
        renew: Callable[[], Awaitable[Issued]],
        *,
        ahead: float = AHEAD,
        clock: Callable[[], float] = MONOTONIC,
    ) -> None:
        self._renew = renew
        self._ahead = ahead
        self._clock = clock
        self._held: _Held | None = None
        self._renewal: asyncio.Task[_Held] | None = None
        self._failure: tuple[float, Exception] | None = None

    @property
    def lasts(self) -> float:
        """Seconds for which the token that is held is good; 0 where none is."""
        return 0.0 if self._held is None else max(0.0, self._held.until - self._clock())

    async def get(self) -> str:
        """Return a token that is good for a while. Raises what the renewal raises.

        One that cannot be renewed ahead of time is used until its end.
        """
        held, now = self._held, self._clock()
        if held is not None and now < held.renew_at:
            return held.words
        try:
            return (await self._renewed()).words
        except Exception:
            if held is self._held and held is not None and self._clock() < held.until:
                return held.words
            raise

    def spoil(self, words: str) -> None:
        """Say that this token was not accepted; one that came meanwhile stays."""
        if self._held is not None and self._held.words == words:
            self._held = None

    async def _renewed(self) -> _Held:
        if self._failure is not None and self._clock() < self._failure[0]:
            raise self._failure[1].with_traceback(None)
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._ask(), name="renew a token")
            self._renewal.add_done_callback(_noted)
        # One who gives up does not end it for the others.
        return await asyncio.shield(self._renewal)

    async def _ask(self) -> _Held:
        try:
            issued = await self._renew()
        except Exception as error:
            self._failure = (self._clock() + HOLD_OFF, error)
            raise
        else:
            now = self._clock()
            ahead = min(self._ahead, issued.lasts / 2)
            self._held = _Held(issued.words, now + issued.lasts - ahead, now + issued.lasts)
            self._failure = None
            return self._held
        finally:
            self._renewal = None


def _noted(renewal: asyncio.Task[_Held]) -> None:
    """Take note of a failure, also where everybody who waited for it has given up."""
    if not renewal.cancelled():
        renewal.exception()
