"""What things are called: references that carry the mark of their run.

The mark is twelve hex digits, made of seed and run. Every body has it somewhere in its text, so
that what the archive holds of a run is found again, among whatever else is there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MARK_DIGITS: Final = 12
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def mark_of(seed: int, run: str) -> str:
    """Return the mark of a run: the same seed and name, the same mark."""
    return hashlib.sha256(f"{seed}\0{run}".encode()).hexdigest()[:MARK_DIGITS]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the `number`-th thing of a run."""

    mark: str
    number: int

    @property
    def reference(self) -> str:
        """A merchant's reference, with the mark in it."""
        return f"sim-{self.mark}-{self.number}"

    @property
    def integer(self) -> int:
        """An id of eighteen digits, distinct in the run, and as good as distinct among runs."""
        return (1 + int(self.mark, 16) % 900_000_000) * 1_000_000_000 + self.number

    def uuid(self, role: str) -> str:
        """Return a UUID of version 4 whose last group is the mark; another one for each role."""
        text = self._hash(role).hex()
        return f"{text[:8]}-{text[8:12]}-4{text[12:15]}-8{text[15:18]}-{self.mark}"

    def cents(self, role: str, low: int, high: int) -> Decimal:
        """Return an amount of two decimals from `low` up to `high`; another one for each role."""
        drawn = int.from_bytes(self._hash(role)[:8], "big")
        return Decimal(low * 100 + drawn % ((high - low) * 100)).scaleb(-2)

    def word(self, role: str, length: int) -> str:
        """Return letters and digits, another word for each role."""
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in self._hash(role)[:length])

    def _hash(self, role: str) -> bytes:
        return hashlib.sha256(f"{self.mark}\0{self.number}\0{role}".encode()).digest()
