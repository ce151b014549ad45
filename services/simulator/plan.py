"""What a run posts, in which order: the same options, the same bodies in the same places.

Many lives are open at a time and take turns. Inside a life each webhook waits for the answer to
the one before it, but for those that were drawn to be reordered or late; a path says which of its
steps have to keep their order. Nothing here looks at a clock: the times in the bodies count from
`base`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any, Final, Self

from services.simulator.arrangement import Turn, arranged
from services.simulator.faults import can_lose_its_end, spoilt, without_end
from services.simulator.lives import Body, Path
from services.simulator.names import Names
from services.simulator.options import Options, tap_of
from services.simulator.providers import SIMULATIONS
from services.simulator.roles import Role, divided, shares
from services.simulator.webhook import Lived, Webhook

__all__ = [
    "OUTSTANDING",
    "VERSION",
    "Lived",
    "Options",
    "Plan",
    "Role",
    "Stream",
    "Webhook",
    "tap_of",
]

VERSION: Final = 1
OUTSTANDING: Final = 10_000  # webhooks of one plan that may be begun and not settled
RECENT: Final = 500  # webhooks among which one is chosen to be sent again
_BETWEEN_BIRTHS: Final = timedelta(seconds=1)
_NUMBERS: Final = 1_000_000_000  # names of one run


@dataclass(slots=True)
class _Open:
    """A life with what is left of it, last first, and where the one before stands."""

    lived: Lived
    turns: list[Turn]
    last: int | None = None


@dataclass(slots=True)
class Stream:
    """The webhooks of a plan, one after the other. `close` lets the open lives end, and no more."""

    options: Options
    close_at: int | None = None
    _chance: Random = field(init=False)
    _faults: Random = field(init=False)
    _left: dict[Role, float] | None = None
    _index: int = 0
    _number: int = 0
    _lives: int = 0
    _owed: int = 0
    _open: list[_Open] = field(default_factory=list)
    _recent: deque[Webhook] = field(default_factory=lambda: deque(maxlen=RECENT))

    def __post_init__(self) -> None:
        options = self.options
        self._chance = Random(f"plan {options.mark}")  # noqa: S311 - repeatable on purpose
        # Of their own, so that the same webhooks are in the plan with and without them.
        self._faults = Random(f"faults {options.mark}")  # noqa: S311 - repeatable on purpose
        if options.count is not None:
            self._left = divided(options, options.count)

    def close(self) -> int:
        """Begin no more lives from here on; return the place, which makes the same end again."""
        if self.close_at is None:
            self.close_at = self._index
        return self.close_at

    def __iter__(self) -> Iterator[Webhook]:
        return self

    def __next__(self) -> Webhook:
        role = self._role()
        webhook = self._made[role](self)
        if self._left is not None:
            self._left[role] -= 1
        self._index += 1
        if not webhook.lost:
            self._recent.append(webhook)
        return webhook

    @property
    def _closed(self) -> bool:
        return self.close_at is not None and self._index >= self.close_at

    def _role(self) -> Role:
        """Draw what comes next: with a count, from what is left; else by the shares."""
        if self._closed:
            return Role.NEWS
        weights = self._left or shares(self.options)
        roles = [role for role in weights if self._recent or role is not Role.AGAIN]
        if not any(weights[role] for role in roles):
            raise StopIteration
        return self._chance.choices(roles, [weights[role] for role in roles])[0]

    def _news(self) -> Webhook:
        if not self._closed:
            self._fill(_NUMBERS if self._left is None else int(self._left[Role.NEWS]) - self._owed)
        if not self._open:
            raise StopIteration
        return self._next_of(self._chance.randrange(len(self._open)))

    def _malformed(self) -> Webhook:
        source, provider = self._chance.choice(self.options.sources)
        drawn = SIMULATIONS[provider].malformed(self._names(), self._chance, self._born())
        return self._webhook(source, provider, Role.MALFORMED, drawn.body, taken=drawn.taken)

    def _unknown(self) -> Webhook:
        source, provider = self._chance.choice(self.options.sources)
        body = SIMULATIONS[provider].unknown(self._names(), self._chance, self._born())
        return self._webhook(source, provider, Role.UNKNOWN, body)

    def _again(self) -> Webhook:
        first = self._chance.choice(self._recent)
        return Webhook(
            index=self._index, source=first.source, provider=first.provider, role=Role.AGAIN,
            body=first.body, digest=first.digest, after=first.index, taken=first.taken,
        )  # fmt: skip

    def _truncated(self) -> Webhook:
        """Cut one of the last ones; where none can be cut, something malformed takes its place."""
        whole = [w for w in self._recent if w.role is Role.NEWS and can_lose_its_end(w.body)]
        if not whole:
            return self._malformed()
        first = self._faults.choice(whole)
        body = without_end(first.body, self.options.mark.encode(), self._faults)
        taken = SIMULATIONS[first.provider].takes_the_unreadable
        return self._webhook(first.source, first.provider, Role.TRUNCATED, body, taken=taken)

    _made = MappingProxyType(
        {
            Role.NEWS: _news,
            Role.AGAIN: _again,
            Role.UNKNOWN: _unknown,
            Role.MALFORMED: _malformed,
            Role.TRUNCATED: _truncated,
        }
    )

    def _fill(self, room: int) -> None:
        """Open lives up to their number, as long as they fit into what is left."""
        born = self.options.born
        while len(self._open) < self.options.lives and room > 0:
            if born is not None and self._lives >= born:
                return
            source, provider = self._chance.choice(self.options.sources)
            path = self._path(SIMULATIONS[provider].paths, room)
            life = SIMULATIONS[provider].live(path, self._names(), self._chance, self._born())
            told = sum(not notice.silent for notice in life.notices)
            lived = Lived(self._number, source, life.ends, told, path, life.known)
            turns = arranged(life, self.options, self._chance)
            self._open.append(_Open(lived, turns[::-1]))
            self._lives += 1
            self._owed += len(turns)
            room -= len(turns)

    def _path(self, paths: Sequence[Path], room: int) -> Path:
        fitting = [path for path in paths if len(path.steps) <= room]
        return self._chance.choices(fitting, [path.weight for path in fitting])[0]

    def _next_of(self, place: int) -> Webhook:
        chosen = self._open[place]
        turn, lived = chosen.turns.pop(), chosen.lived
        self._owed -= 1
        if not chosen.turns:
            self._open[place] = self._open[-1]
            self._open.pop()
        losses = self.options.losses
        webhook = self._webhook(
            lived.source, self._provider(lived.source), Role.NEWS,
            spoilt(turn.body, self.options, self._faults),
            after=chosen.last if turn.waits else None, late=turn.late, silent=turn.silent,
            lived=lived, step=turn.step, lost=bool(losses) and self._faults.random() < losses,
        )  # fmt: skip
        if not turn.late and not webhook.lost:
            chosen.last = webhook.index
        return webhook

    def _webhook(  # noqa: PLR0913 - what a webhook is made of
        self,
        source: str,
        provider: str,
        role: Role,
        body: Body,
        *,
        after: int | None = None,
        late: float = 0.0,
        taken: bool = True,
        silent: bool = False,
        lived: Lived | None = None,
        step: int | None = None,
        lost: bool = False,
    ) -> Webhook:
        return Webhook(
            index=self._index, source=source, provider=provider, role=role, body=body,
            digest=hashlib.sha256(body.raw).digest(), after=after, late=late, taken=taken,
            silent=silent, lived=lived, step=step, lost=lost,
        )  # fmt: skip

    def _provider(self, source: str) -> str:
        return dict(self.options.sources)[source]

    def _names(self) -> Names:
        self._number += 1
        return Names(self.options.mark, self._number)

    def _born(self) -> datetime:
        return self.options.base + self._number * _BETWEEN_BIRTHS


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it runs."""

    options: Options

    @classmethod
    def from_seed(cls, seed: int, **options: Any) -> Self:  # noqa: ANN401 - fields of Options
        """Make a plan from a seed and any of the fields of `Options`."""
        return cls(Options(seed=seed, **options))

    def webhooks(self, close_at: int | None = None) -> Stream:
        """Return the webhooks, made one by one; `close_at` repeats the end of an earlier stream."""
        return Stream(self.options, close_at)
