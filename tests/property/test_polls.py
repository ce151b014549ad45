"""A poll can be stale: at any place of any history, told any number of times, it never lowers a band."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from libs.domain.fold import fold
from libs.domain.lifecycle import Authority, Band, Kind, State, band_of
from libs.domain.observation import DisputeStatus, Observation
from tests.property.histories import (
    MANY,
    SOME,
    History,
    examples,
    histories,
    one_more,
    redelivered,
    shuffled,
)

KINDS = st.sampled_from(Kind)
SEEDS = st.integers(0, 2**16)
STORIES = KINDS.flatmap(lambda kind: histories(kind).map(lambda said: (kind, said)))
RAW = st.lists(st.binary(min_size=6, max_size=6), min_size=1, max_size=3)


def band(kind: Kind, state: State | None) -> int:
    return -1 if state is None else band_of(kind, state)


def polled(kind: Kind, raw: bytes, number: int) -> Observation:
    """Give anything that an answer can say, stale or not; it may even claim to correct.

    That a refund answers a dispute only an adapter's notice says.
    """
    said = one_more(kind, raw)
    return replace(
        said,
        key=f"poll-{number}",
        delivery_id=f"d-poll-{number}",
        authority=Authority.POLL,
        supersedes=("o0", "o1") if raw[0] % 3 == 0 else (),
        refunds=tuple(replace(each, answers_dispute=False) for each in said.refunds),
    )


def says_won(said: Observation) -> bool:
    return said.dispute is DisputeStatus.WON


@examples(MANY)
@given(STORIES, RAW, SEEDS)
def test_no_poll_lowers_a_band(story: tuple[Kind, History], raw: list[bytes], seed: int) -> None:
    """But the published way down: a dispute of a payment that it calls won leads back to `paid`."""
    kind, said = story
    answers = [polled(kind, each, number) for number, each in enumerate(raw)]
    before = band(kind, fold(kind, said).state)
    after = band(kind, fold(kind, shuffled([*said, *answers], seed)).state)
    if any(map(says_won, answers)):
        assert after >= min(before, Band.POSITIVE)
    else:
        assert after >= before


@examples(SOME)
@given(STORIES, RAW, SEEDS)
def test_polls_are_part_of_the_set(
    story: tuple[Kind, History], raw: list[bytes], seed: int
) -> None:
    """Any order, any repetition: the same object, with polls in its history as without."""
    kind, said = story
    everything = [*said, *(polled(kind, each, number) for number, each in enumerate(raw))]
    expected = fold(kind, everything)
    assert fold(kind, redelivered(everything, seed)) == expected
    assert fold(kind, shuffled(everything, seed + 1)) == expected
