"""A queue in which each line has its turn: who sends much waits for itself, not for others."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lines by name. In each the order is kept; between them, one item of each in turn."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}
        self._order: deque[deque[T]] = deque()  # the lines that are not empty
        self.waiting = 0  # items in all lines

    def put(self, line: str, item: T) -> None:
        """Add an item at the end of a line. Names are ours: their lines are kept when empty."""
        queue = self._lines.get(line)
        if queue is None:
            queue = self._lines[line] = deque()
        if not queue:
            self._order.append(queue)
        queue.append(item)
        self.waiting += 1

    def first(self) -> T:
        """Return what is next; there must be something."""
        return self._order[0][0]

    def take(self) -> T:
        """Remove what is next; the next line has its turn then."""
        queue = self._order.popleft()
        item = queue.popleft()
        self.waiting -= 1
        if queue:
            self._order.append(queue)
        return item
