"""How likely each small mishap is, and how slow things are: drawn from the seed, calm at the end."""

from __future__ import annotations

from random import Random

# The most that a seed may draw for each; in most seeds most of them do not happen.
WORST = {
    "nack": 0.1,
    "twice": 0.2,
    "lost confirm": 0.1,
    "late confirm": 0.1,
    "requeued at the tail": 0.5,
    "statement fails": 0.03,
    "connection lost": 0.02,
    "lost before commit": 0.05,
    "lost after commit": 0.1,
    "statement hangs": 0.003,
    "bug": 0.1,
    "sync fails": 0.2,
    "disk stalls": 0.05,
}


class Weather:
    """The chances of one seed."""

    def __init__(self, random: Random, slow: float | None = None) -> None:
        self._random = random
        self._chances = {
            name: most * random.random() if random.random() < 0.4 else 0.0
            for name, most in WORST.items()
        }
        drawn = random.choice((0.002, 0.01, 0.05))
        self._slow = drawn if slow is None else slow
        self.calm = False
        self.struck: dict[str, int] = dict.fromkeys(WORST, 0)

    def strikes(self, name: str) -> bool:
        """Tell whether it happens now."""
        chance = self._chances[name]
        if self.calm or chance == 0.0 or self._random.random() >= chance:
            return False
        self.struck[name] += 1
        return True

    def latency(self) -> float:
        """Return seconds for one way."""
        return self._random.random() * self._slow

    def clear(self) -> None:
        """Let nothing happen any more."""
        self.calm = True
