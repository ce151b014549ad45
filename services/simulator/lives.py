"""The words in which a provider's simulation speaks: paths as data, lives, bodies, and how it sends.

A *path* is one way in which an object of a provider can go, with the state in which its documents
say that it ends. A *life* is one object that goes such a path: its bodies, and how it must end.
What is written here is the simulation's own knowledge; nothing of it is computed by Caudal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from random import Random
from typing import Final, Protocol

from services.simulator.names import Names

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
# Stands in a body where its credential goes; the archive has this text in its place for ever.
SECRET_SLOT: Final = "[redacted]"  # noqa: S105 - what stands there instead of one


class Back(Enum):
    """How much money went back in the end."""

    NOTHING = auto()
    PART = auto()
    ALL = auto()
    UNTOLD = auto()  # some, and nobody tells how much


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way to go. `steps` are the provider's own words, in the order in which things happen.

    `in_order` of the last steps have to arrive in this order for the outcome to be defined, since
    the provider tells no time of them; all others may come at any time. `told` is False where
    none of its bodies tells the amount.
    """

    steps: tuple[str, ...]
    state: str
    weight: int = 1
    back: Back = Back.NOTHING
    in_order: int = 0
    told: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """One body as it is posted, but for `SECRET_SLOT`; `event` is the last segment of the URL."""

    raw: bytes
    content_type: str = JSON
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """What an object must be in the end. An amount is None where nobody told it."""

    kind: str
    ref: str
    state: str
    amount: Decimal | None
    currency: str | None
    refunded: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the provider itself knows of an object: what a query is answered from.

    `asked` is how it ends for whoever asks, with what no webhook tells. `parts` is what went back,
    by the place of the step in the path. `unseen` are steps of which no query shows everything, each
    with how the object ends for somebody who asks and was not told of it by a webhook. `vague` are
    steps of which neither webhook nor query says whose the sum is that they show.
    """

    path: Path
    names: Names
    born: datetime
    amount: Decimal
    asked: Ends
    parts: Mapping[int, Decimal] = field(default_factory=dict)
    unseen: Mapping[str, Ends] = field(default_factory=dict)
    vague: frozenset[str] = frozenset()
    method: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """One body of a life. `silent` says nothing of its own: a request to look, an empty ping."""

    body: Body
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """One object: what is said about it, in order, and how it ends."""

    path: Path
    notices: tuple[Notice, ...]
    ends: Ends
    known: Known | None = None  # where the provider can be asked


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that nobody can translate; `taken` tells whether the ingress may answer 2xx."""

    body: Body
    taken: bool = True


@dataclass(frozen=True, slots=True)
class Retries:
    """How a provider repeats what was not taken, in seconds: doubling, and never longer apart."""

    first: float = 0.2
    longest: float = 5.0


class Simulation(Protocol):
    """One provider, as it behaves towards us. The engine knows nothing else of it."""

    @property
    def slug(self) -> str:
        """The provider's name in the sources file."""

    @property
    def success(self) -> int:
        """The status that it calls success."""

    @property
    def takes_the_unreadable(self) -> bool:
        """Whether the ingress may answer 2xx to a body of it that lost its end."""

    @property
    def retries(self) -> Retries:
        """How it repeats what was not taken."""

    @property
    def paths(self) -> Sequence[Path]:
        """Every way in which its objects go; at least one of them has a single step."""

    def live(self, path: Path, names: Names, chance: Random, born: datetime) -> Life:
        """Make one object that goes this path."""

    def unknown(self, names: Names, chance: Random, born: datetime) -> Body:
        """Make a body whose status is a word that no document has; it names an object all right."""

    def malformed(self, names: Names, chance: Random, born: datetime) -> Malformed:
        """Make a body that cannot be translated."""
