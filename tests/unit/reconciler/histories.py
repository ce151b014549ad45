"""Made-up histories of timed observations, and the row that the fold says each must end in.

Every observation tells the provider's time, so arrival must not matter at all. Seeds are fixed:
what fails can be run again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from libs.contracts.webhook_translated import Translated
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Band, Kind, band_of, states_of
from libs.domain.observation import Observation
from tests.unit.domain.saying import brl, entry, lost, opened, refund, say, won
from tests.unit.reconciler.telling import about, told

_VOICES = (Authority.SECRET, Authority.UNSIGNED, Authority.TIMER, Authority.POLL)
_WALKED = {
    Kind.PAYMENT: [s for s in states_of(Kind.PAYMENT) if band_of(Kind.PAYMENT, s) <= Band.POSITIVE],
    Kind.PAYOUT: list(states_of(Kind.PAYOUT)),
}


def history_of(ref: str, random: Random, length: int) -> list[Observation]:
    """Say `length` different things about one object, in no order."""
    kind = random.choice((Kind.PAYMENT, Kind.PAYMENT, Kind.PAYOUT))
    said = [_something(kind, random, at) for at in random.sample(range(900), length)]
    return [replace(about(ref, each), kind=kind) for each in said]


def _something(kind: Kind, random: Random, at: int) -> Observation:
    by = random.choice(_VOICES)
    facet = random.randrange(4) if kind is Kind.PAYMENT else 3
    if facet == 0:
        sum_told = random.choice(("2.50", "4.00", "10.00"))
        return refund(entry(sum_told, ledger=random.choice("abc")), at=at, by=by)
    if facet == 1:
        return random.choice((opened, lost, won))(at=at, by=by)
    amount = brl(random.choice(("10.00", "10.00", "10.00", "11.00")))
    return say(random.choice(_WALKED[kind]), at=at, by=by, amount=amount)


def outcomes_of(observations: Iterable[Observation], first: int = 1) -> list[Translated]:
    """One delivery for each, received in the order given."""
    return [told(number, said) for number, said in enumerate(observations, first)]


def batches_of(outcomes: Sequence[Translated], random: Random, most: int) -> list[list[Translated]]:
    """Cut into batches of 1 to `most`."""
    rest, found = list(outcomes), []
    while rest:
        size = random.randint(1, most)
        found.append(rest[:size])
        rest = rest[size:]
    return found


def expected_rows(observations: Iterable[Observation]) -> dict[str, tuple[object, ...]]:
    """Return the same, straight from the fold."""
    by_ref: dict[str, list[Observation]] = defaultdict(list)
    for said in observations:
        by_ref[str(said.provider_ref)].append(said)
    found: dict[str, tuple[object, ...]] = {}
    for ref, said_of_it in by_ref.items():
        kind = said_of_it[0].kind
        now = fold(kind, said_of_it)
        found[ref] = (
            kind.value,
            now.state.value if now.state else None,
            tuple(sorted(flag.value for flag in now.flags)),
            now.amount,
            now.currency,
            now.refunded_amount,
            now.provider_status,
            now.authority.value,
            now.decided_by,
        )
    return found
