"""The memory that requests may hold together: bodies being read and deliveries not yet confirmed.

Without it a broker that is away would make the process grow until the system ends it, and with
it everything that was waiting. No source may hold more than what it leaves free: one alone gets half of
it, and whoever comes beside one that floods finds the other half (dynamic thresholds, as switches share
a buffer: Choudhury and Hahne, 1998).
"""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

# What a request costs beside its body: its objects, its metadata, its place in the batch.
REQUEST_COST: Final = 4096  # bytes


class Share:
    """What the requests of one source hold now."""

    __slots__ = ("held", "requests")

    def __init__(self) -> None:
        self.held = 0  # bytes
        self.requests = 0


class Budget:
    """At most `limit` bytes held by all requests together."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def hold(self, share: Share) -> Hold:
        """Begin one request of a source; it ends with the `with`, or with `give_back`."""
        return Hold(self, share)


class Hold:
    """What one request holds of the budget, as one of its source's requests under way."""

    __slots__ = ("_budget", "_share", "_size", "_under_way")

    def __init__(self, budget: Budget, share: Share) -> None:
        self._budget = budget
        self._share = share
        self._size = 0
        self._under_way = True
        share.requests += 1

    def take(self, size: int) -> bool:
        """Hold `size` bytes more, or tell that there is no room for them."""
        budget, share = self._budget, self._share
        free = budget.limit - budget.held - size
        if share.held + size > free:
            return False
        budget.held += size
        share.held += size
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
        """Hold nothing any more, and be under way no more."""
        self._budget.held -= self._size
        self._share.held -= self._size
        self._size = 0
        if self._under_way:
            self._under_way = False
            self._share.requests -= 1
