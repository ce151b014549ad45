"""What has happened at the providers so far, whoever was told of it.

A step of a life has happened when the turn of its webhook has come, also where that is lost, late or
overtaken: a query tells the truth of the provider, not what the webhooks told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from services.simulator.lives import Known
from services.simulator.webhook import Lived, Webhook


@dataclass(slots=True)
class Standing:
    """An object, and how many steps of its path have happened."""

    source: str
    known: Known
    reached: int = 0

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that have happened, in order."""
        return self.known.path.steps[: self.reached]

    @property
    def ref(self) -> str:
        """The provider's name for it."""
        return self.known.asked.ref

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.reached == len(self.known.path.steps)


@dataclass(slots=True)
class Transfer:
    """A payout that nobody can ask for, and how many of its steps have happened."""

    lived: Lived
    reached: int = 0

    @property
    def last(self) -> str:
        """The last thing that happened to it."""
        return self.lived.path.steps[self.reached - 1]


def _no_others(_: Standing) -> Iterable[str]:
    return ()


@dataclass(slots=True)
class World:
    """Every object that somebody can ask for, by provider and by each name that it has.

    `other_names` tells, by provider, under which further names an object is found.
    """

    other_names: Mapping[str, Callable[[Standing], Iterable[str]]] = field(default_factory=dict)
    standings: dict[str, dict[str, Standing]] = field(default_factory=dict)
    by_reference: dict[str, dict[str, list[Standing]]] = field(default_factory=dict)
    transfers: dict[str, Transfer] = field(default_factory=dict)

    def happens(self, webhook: Webhook) -> None:
        """Let the step happen that a webhook tells of; repetitions and strangers change nothing."""
        lived = webhook.lived
        if lived is None or webhook.step is None:
            return
        if lived.known is not None:
            self._happens(webhook.provider, lived.source, lived.known, webhook.step)
        elif lived.ends.kind == "payout":
            transfer = self.transfers.setdefault(lived.ends.ref, Transfer(lived))
            transfer.reached = max(transfer.reached, webhook.step + 1)

    def _happens(self, provider: str, source: str, known: Known, step: int) -> None:
        of_provider = self.standings.setdefault(provider, {})
        standing = of_provider.get(known.asked.ref)
        if standing is None:
            standing = of_provider[known.asked.ref] = Standing(source, known)
            references = self.by_reference.setdefault(provider, {})
            others = self.other_names.get(provider, _no_others)(standing)
            for name in (known.names.reference, *others):
                references.setdefault(name, []).append(standing)
        standing.reached = max(standing.reached, step + 1)

    def named(self, provider: str, ref: str) -> Standing | None:
        """Return the object of that name, if it is there yet."""
        return self.standings.get(provider, {}).get(ref)

    def referenced(self, provider: str, reference: str) -> list[Standing]:
        """Return the objects of a merchant's reference, or of another name that they have."""
        return self.by_reference.get(provider, {}).get(reference, [])

    @property
    def count(self) -> int:
        """How many objects there are."""
        return sum(map(len, self.standings.values()))
