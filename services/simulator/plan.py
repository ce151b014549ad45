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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final, Self

from services.simulator.lives import Body, Ends, Life, Path
from services.simulator.names import Names, mark_of
from services.simulator.providers import SIMULATIONS

VERSION: Final = 1
OUTSTANDING: Final = 10_000  # webhooks of one plan that may be begun and not settled
LATE_SHARE: Final = 0.05  # of those that may come at any time, where a delay is asked for
RECENT: Final = 500  # webhooks among which one is chosen to be sent again
_BASE: Final = datetime(2026, 1, 15, 12, tzinfo=UTC)
_BETWEEN_BIRTHS: Final = timedelta(seconds=1)
_NUMBERS: Final = 1_000_000_000  # names of one run
_EVERY_SOURCE: Final = tuple((slug, slug) for slug in SIMULATIONS)


class Role(StrEnum):
    """Why a webhook is in the plan."""

    NEWS = "news"
    AGAIN = "again"  # a byte for byte repetition of another one
    UNKNOWN = "unknown"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What makes a plan. Shares are of all webhooks, from 0 to 1; `delay` is in seconds.

    `count` is None for a plan without an end, which is closed while it runs. `sources` are pairs of
    a source's slug and its provider.
    """

    seed: int
    run: str = "1"
    count: int | None = 1000
    sources: tuple[tuple[str, str], ...] = _EVERY_SOURCE
    duplicates: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    unknown: float = 0.0
    malformed: float = 0.0
    lives: int = 256
    base: datetime = _BASE

    @property
    def mark(self) -> str:
        """What every body of this run has in its text."""
        return mark_of(self.seed, self.run)

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self) | {"base": self.base.isoformat()}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """Read what `as_json` wrote; `TypeError` or `ValueError` for anything else."""
        sources = tuple((str(slug), str(provider)) for slug, provider in told["sources"])
        base = datetime.fromisoformat(told["base"])
        return cls(**(told | {"sources": sources, "base": base}))


def tap_of(options: Options) -> str:
    """Name the queue that takes the events while this run lasts."""
    return f"caudal.simulate.{options.mark}"


@dataclass(eq=False, slots=True)
class Lived:
    """A life in a plan. `number` names it, `told` of its webhooks say something of their own."""

    number: int
    source: str
    ends: Ends
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook. `index` is its place in the plan; it waits for the answer to `after`.

    `late` is how many seconds it comes later than its turn. `taken` tells whether the ingress may
    answer 2xx. `digest` is the SHA-256 of the body as the archive must have it.
    """

    index: int
    source: str
    provider: str
    role: Role
    body: Body
    digest: bytes
    after: int | None = None
    late: float = 0.0
    taken: bool = True
    silent: bool = False
    lived: Lived | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    """One notice of an open life that waits for its place in the plan."""

    body: Body
    silent: bool
    waits: bool
    late: float


@dataclass(slots=True)
class _Open:
    """A life with what is left of it, last first, and where the one before stands."""

    lived: Lived
    turns: list[_Turn]
    last: int | None = None


@dataclass(slots=True)
class Stream:
    """The webhooks of a plan, one after the other. `close` lets the open lives end, and no more."""

    options: Options
    close_at: int | None = None
    _chance: Random = field(init=False)
    _left: dict[Role, float] | None = None
    _index: int = 0
    _number: int = 0
    _owed: int = 0
    _open: list[_Open] = field(default_factory=list)
    _recent: deque[Webhook] = field(default_factory=lambda: deque(maxlen=RECENT))

    def __post_init__(self) -> None:
        options = self.options
        self._chance = Random(f"plan {options.mark}")  # noqa: S311 - repeatable on purpose
        if options.count is not None:
            self._left = _divided(options, options.count)

    def close(self) -> int:
        """Begin no more lives from here on; return the place, which makes the same end again."""
        if self.close_at is None:
            self.close_at = self._index
        return self.close_at

    def __iter__(self) -> Iterator[Webhook]:
        return self

    def __next__(self) -> Webhook:
        role = self._role()
        if role is Role.NEWS:
            webhook = self._news()
        elif role is Role.AGAIN:
            webhook = self._again()
        else:
            webhook = self._malformed() if role is Role.MALFORMED else self._unknown()
        if self._left is not None:
            self._left[role] -= 1
        self._index += 1
        self._recent.append(webhook)
        return webhook

    @property
    def _closed(self) -> bool:
        return self.close_at is not None and self._index >= self.close_at

    def _role(self) -> Role:
        """Draw what comes next: with a count, from what is left; else by the shares."""
        if self._closed:
            return Role.NEWS
        weights = self._left or _shares(self.options)
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

    def _fill(self, room: int) -> None:
        """Open lives up to their number, as long as they fit into what is left."""
        while len(self._open) < self.options.lives and room > 0:
            source, provider = self._chance.choice(self.options.sources)
            path = self._path(SIMULATIONS[provider].paths, room)
            life = SIMULATIONS[provider].live(path, self._names(), self._chance, self._born())
            told = sum(not notice.silent for notice in life.notices)
            lived = Lived(self._number, source, life.ends, told)
            turns = self._arranged(life)
            self._open.append(_Open(lived, turns[::-1]))
            self._owed += len(turns)
            room -= len(turns)

    def _path(self, paths: Sequence[Path], room: int) -> Path:
        fitting = [path for path in paths if len(path.steps) <= room]
        return self._chance.choices(fitting, [path.weight for path in fitting])[0]

    def _arranged(self, life: Life) -> list[_Turn]:
        """Put the notices of a life in the order of their turns: some swapped, some late."""
        bound = len(life.notices) - life.path.in_order
        turns = []
        for place, notice in enumerate(life.notices):
            late = 0.0
            if place < bound and self.options.delay and self._chance.random() < LATE_SHARE:
                late = self.options.delay * self._chance.uniform(0.5, 1.0)
            turns.append(_Turn(notice.body, notice.silent, waits=True, late=late))
        place = 0
        while place + 1 < bound:
            if self._chance.random() < self.options.reorder:
                first, second = turns[place], turns[place + 1]
                turns[place : place + 2] = [_loose(second), _loose(first)]
                place += 1
            place += 1
        return turns

    def _next_of(self, place: int) -> Webhook:
        chosen = self._open[place]
        turn, lived = chosen.turns.pop(), chosen.lived
        self._owed -= 1
        if not chosen.turns:
            self._open[place] = self._open[-1]
            self._open.pop()
        webhook = self._webhook(
            lived.source, self._provider(lived.source), Role.NEWS, turn.body,
            after=chosen.last if turn.waits else None, late=turn.late, silent=turn.silent,
            lived=lived,
        )  # fmt: skip
        if not turn.late:
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
    ) -> Webhook:
        return Webhook(
            index=self._index, source=source, provider=provider, role=role, body=body,
            digest=hashlib.sha256(body.raw).digest(), after=after, late=late, taken=taken,
            silent=silent, lived=lived,
        )  # fmt: skip

    def _provider(self, source: str) -> str:
        return dict(self.options.sources)[source]

    def _names(self) -> Names:
        self._number += 1
        return Names(self.options.mark, self._number)

    def _born(self) -> datetime:
        return self.options.base + self._number * _BETWEEN_BIRTHS


def _shares(options: Options) -> dict[Role, float]:
    """Return the share of each role."""
    beside = options.malformed + options.unknown + options.duplicates
    return {
        Role.NEWS: max(0.0, 1.0 - beside),
        Role.MALFORMED: options.malformed,
        Role.UNKNOWN: options.unknown,
        Role.AGAIN: options.duplicates,
    }


def _divided(options: Options, count: int) -> dict[Role, float]:
    """Divide a count among the roles. Something has to be there before it can come again."""
    left = count
    found: dict[Role, float] = {}
    for role, share in list(_shares(options).items())[1:]:
        most = left - 1 if role is Role.AGAIN and left == count else left
        found[role] = min(round(share * count), most)
        left -= int(found[role])
    return {Role.NEWS: left, **found}


def _loose(turn: _Turn) -> _Turn:
    return _Turn(turn.body, turn.silent, waits=False, late=turn.late)


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
