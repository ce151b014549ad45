"""The memory that requests may hold together: bodies being read and deliveries not yet confirmed.

Without it a broker that is away would make the process grow until the system ends it, and with
it everything that was waiting.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

# What a request costs beside its body: its objects, its metadata, its place in the batch.
REQUEST_COST: Final = 4096  # bytes


class Budget:
    """At most `limit` bytes held by all requests together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def hold(self) -> Hold:
        """Begin one request's share; it is given back at the end of the `with`."""
        return Hold(self)


class Hold:
    """What one request holds of the budget."""

    __slots__ = ("_budget", "_size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._size = 0

    def take(self, size: int) -> bool:
        """Hold `size` bytes more, or tell that there is no room for them."""
        if self._budget.held + size > self._budget.limit:
            return False
        self._budget.held += size
        self._size += size
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._budget.held -= self._size
        self._size = 0
