"""Each simulated history is one that its provider's adapter understands, and ends as it says.

The generator knows the end from the provider's documents, the fold from the observations. Neither
knows the other; here they must agree, in every order of arrival that a path allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Poke, Reading, Unknown
from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Kind, State, states_of
from libs.domain.observation import Observation
from libs.providers.port import Terms
from libs.providers.registry import PROVIDERS
from services.simulator.lives import SECRET_SLOT, Body, Notice, Path
from services.simulator.names import Names
from services.simulator.providers import SIMULATIONS

BORN = datetime(2026, 1, 15, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 2, 1, tzinfo=UTC)
PATHS = [
    pytest.param(slug, path, id=f"{slug}:{'>'.join(path.steps)}={path.state}")
    for slug, simulation in SIMULATIONS.items()
    for path in simulation.paths
]


def read(slug: str, body: Body, place: int = 0) -> tuple[Reading, ...]:
    delivery = Delivery(
        id=f"delivery-{place}",
        source=slug,
        provider=slug,
        body=body.raw,
        received_at=RECEIVED + timedelta(seconds=place),
        authority=Authority.SECRET,
        content_type=body.content_type,
        route_event=body.event,
    )
    return PROVIDERS[slug].translate(delivery, Terms())


def arrivals(path: Path, notices: Sequence[Notice], chance: Random) -> list[Notice]:
    """Shuffle what may come at any time, around what has to keep its order."""
    bound = len(notices) - path.in_order
    loose, fixed = list(notices[:bound]), list(notices[bound:])
    places = sorted(chance.sample(range(len(notices)), len(fixed)))
    chance.shuffle(loose)
    for place, notice in zip(places, fixed, strict=True):
        loose.insert(place, notice)
    return loose


def test_every_provider_is_simulated() -> None:
    assert SIMULATIONS.keys() == PROVIDERS.keys()


@pytest.mark.parametrize("slug", SIMULATIONS)
def test_each_state_of_a_provider_is_a_state(slug: str) -> None:
    known = {state.value for state in State}
    assert {path.state for path in SIMULATIONS[slug].paths} <= known
    assert any(len(path.steps) == 1 for path in SIMULATIONS[slug].paths)


def test_most_final_states_are_reached() -> None:
    """What no provider can be told by a webhook stands here by name."""
    payments = {p.state for s in SIMULATIONS.values() if s.slug != "payu" for p in s.paths}
    payouts = {path.state for path in SIMULATIONS["payu"].paths}
    assert {state.value for state in states_of(Kind.PAYMENT)} - payments == set()
    assert {state.value for state in states_of(Kind.PAYOUT)} - payouts == {"created", "failed"}


@pytest.mark.parametrize(("slug", "path"), PATHS)
def test_history_ends_as_it_says(slug: str, path: Path) -> None:
    chance = Random(str(path))
    for number in range(8):
        life = SIMULATIONS[slug].live(path, Names("0123456789ab", number), chance, BORN)
        said: list[Observation] = []
        for place, notice in enumerate(arrivals(path, life.notices, chance)):
            (reading,) = read(slug, notice.body, place)
            if notice.silent:
                assert isinstance(reading, Poke)
                continue
            assert isinstance(reading, Observation), reading
            assert reading.provider_ref == life.ends.ref
            said.append(reading)
        assert len({each.key for each in said}) == len(said)
        folded = fold(Kind(life.ends.kind), said)
        assert folded.state is State(life.ends.state)
        assert (folded.amount, folded.currency) == (life.ends.amount, life.ends.currency)
        assert folded.refunded_amount == life.ends.refunded


@pytest.mark.parametrize("slug", SIMULATIONS)
def test_unknown_words_are_parked(slug: str) -> None:
    chance = Random(slug)
    for number in range(40):
        body = SIMULATIONS[slug].unknown(Names("0123456789ab", number), chance, BORN)
        (reading,) = read(slug, body)
        assert isinstance(reading, Unknown)
        assert reading.reason.value == "unknown_value"


@pytest.mark.parametrize("slug", SIMULATIONS)
def test_malformed_bodies_cannot_be_translated(slug: str) -> None:
    chance = Random(slug)
    for number in range(40):
        drawn = SIMULATIONS[slug].malformed(Names("0123456789ab", number), chance, BORN)
        (reading,) = read(slug, drawn.body)
        assert isinstance(reading, Unknown)
        assert reading.reason.value != "unknown_value"


def test_only_the_secret_slot_is_a_credential() -> None:
    """The archive has the slot's text where the secret stood, so the body is known beforehand."""
    for slug, simulation in SIMULATIONS.items():
        life = simulation.live(simulation.paths[0], Names("0123456789ab", 1), Random(1), BORN)
        held = [SECRET_SLOT.encode() in notice.body.raw for notice in life.notices]
        assert all(held) is bool(PROVIDERS[slug].secret_body_fields)
        assert any(held) is bool(PROVIDERS[slug].secret_body_fields)
