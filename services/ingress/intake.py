"""How much one turn of the event loop may bring.

What a body may hold is asked when its request is handled, which is later in the same turn. Until then it
lies in memory all the same, and a thousand senders can have their large pieces there at once. So once a
turn has brought a lot, no connection is read any more until its requests have been handled: the rest
waits in the kernel, and in the end at its senders. Nothing is refused.

Those that were read in such a turn are left unread until one has brought less: everybody else has been heard
by then. Otherwise they would be the first ones again, as the kernel has them at the head of its list,
and a newcomer would wait as long as they have something to send (more than 20 s, measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

A_LOT: Final = 8_388_608  # bytes


class Reads(Protocol):
    """A connection that can be left unread."""

    def rest(self) -> bool:
        """Read nothing more; False where that is so already, for another reason."""

    def go_on(self) -> None:
        """Read again, unless there is another reason by now not to."""


class Intake:
    """Counts the large pieces of one turn; small ones cannot become many enough."""

    def __init__(self, open_now: Collection[Reads]) -> None:
        self._open = open_now
        self._brought = 0
        self._read: set[Reads] = set()  # in this turn
        self._resting: list[Reads] = []  # until the end of this turn
        self._aside: list[Reads] = []  # until the end of one that has not brought a lot
        self._will_end = False

    def brought(self, connection: Reads, size: int) -> None:
        """Count a large piece that has been read."""
        self._end_soon()
        self._brought += size
        self._read.add(connection)
        if self._brought > A_LOT and not self._resting:
            self._resting = [each for each in self._open if each.rest()]

    def _end_soon(self) -> None:
        """See to it that the turn's end is noted: before anything is read in the next one."""
        if not self._will_end:
            self._will_end = True
            asyncio.get_running_loop().call_soon(self._turn_ends)

    def _turn_ends(self) -> None:
        self._will_end = False
        resting, read = self._resting, self._read
        go_on, self._resting, self._read = resting, [], set()
        if self._brought > A_LOT:
            go_on = [each for each in resting if each not in read]
            self._aside += [each for each in resting if each in read]
            self._end_soon()
        else:
            go_on, self._aside = self._aside, []
        self._brought = 0
        for each in go_on:
            each.go_on()
