"""What is sealed opens only with its key, where it belongs, and as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.key_ring import (
    GROWTH,
    HEAD_SIZE,
    MARK,
    NO_KEYS,
    PLAIN,
    AlteredError,
    KeyMissingError,
    KeyRing,
    NotOpenedError,
    name_of,
)

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
OF = b"0123456789abcdef"
BODY = b'{"holder": "canary-7", "amount": "10.00"}'
RING = KeyRing([OLD])


def seal(body: bytes = BODY) -> bytes:
    return RING.seal(body, OF)


@given(body=st.binary(max_size=300), of=st.binary(max_size=20))
def test_sealed_opens_as_it_was(body: bytes, of: bytes) -> None:
    kept = RING.seal(body, of)
    assert RING.open(kept, of) == body
    assert len(kept) == len(body) + GROWTH == len(body) + RING.growth


@given(body=st.binary(max_size=50).map(MARK.__add__) | st.binary(max_size=50))
def test_without_keys_it_rests_as_it_is_and_looks_sealed_never(body: bytes) -> None:
    """A stranger may send what begins with the mark: it is told from what we have sealed."""
    kept = NO_KEYS.seal(body, OF)
    assert body in kept
    assert NO_KEYS.open(kept, OF) == RING.open(kept, OF) == body
    assert name_of(kept[:HEAD_SIZE]) == PLAIN


def test_sealed_shows_nothing() -> None:
    assert b"canary" not in seal()
    assert seal() != seal()  # another nonce: that two are alike is not told
    assert OLD.hex()[:16] not in RING.names
    assert repr(RING) == f"KeyRing({RING.names[0]})"


@pytest.mark.parametrize("at", range(len(MARK) + 1, len(BODY) + GROWTH))
def test_one_bit_flipped_anywhere_is_refused(at: int) -> None:
    """The name of the key, the nonce, the body, the tag: each byte, each bit of it."""
    kept = seal()
    for bit in range(8):
        with pytest.raises(NotOpenedError):
            RING.open(kept[:at] + bytes([kept[at] ^ 1 << bit]) + kept[at + 1 :], OF)


@pytest.mark.parametrize("at", range(len(MARK) + 1))
def test_flipped_mark_is_refused_where_only_sealed_is_read(at: int) -> None:
    """Without that it is taken for a body from before there were keys."""
    strict = KeyRing([OLD], sealed_only=True)
    kept = seal()
    for bit in range(8):
        with pytest.raises(NotOpenedError):
            strict.open(kept[:at] + bytes([kept[at] ^ 1 << bit]) + kept[at + 1 :], OF)


@pytest.mark.parametrize("size", range(len(MARK), len(BODY) + GROWTH))
def test_cut_short_is_refused(size: int) -> None:
    with pytest.raises(NotOpenedError):
        RING.open(seal()[:size], OF)


@pytest.mark.parametrize("more", [b"\0", b"x" * 40])
def test_more_than_was_sealed_is_refused(more: bytes) -> None:
    with pytest.raises(AlteredError):
        RING.open(seal() + more, OF)


def test_put_elsewhere_is_refused() -> None:
    with pytest.raises(AlteredError) as raised:
        RING.open(seal(), OF[::-1])
    assert RING.names[0] in str(raised.value)
    assert "canary" not in str(raised.value)


def test_parts_of_two_are_refused() -> None:
    one, other = seal(b"one"), seal(b"two")
    with pytest.raises(AlteredError):
        RING.open(one[: HEAD_SIZE + 12] + other[HEAD_SIZE + 12 :], OF)


def test_older_key_still_opens_and_the_newest_seals() -> None:
    ring = KeyRing([NEW, OLD])
    assert ring.open(seal(), OF) == BODY
    anew = ring.seal(BODY, OF)
    assert name_of(anew) == ring.names[0] == KeyRing([NEW]).names[0]
    assert KeyRing([NEW]).open(anew, OF) == BODY
    with pytest.raises(KeyMissingError, match=f"under the key {ring.names[0]}, which is not"):
        RING.open(anew, OF)
    with pytest.raises(KeyMissingError):
        NO_KEYS.open(anew, OF)


def test_plain_is_refused_where_only_sealed_is_read() -> None:
    strict = KeyRing([OLD], sealed_only=True)
    assert strict.open(seal(), OF) == BODY
    for kept in (BODY, NO_KEYS.seal(MARK + b"x", OF), b""):
        assert RING.open(kept, OF) is not None
        with pytest.raises(AlteredError, match="is not sealed"):
            strict.open(kept, OF)


def test_without_keys_nothing_is_refused_for_being_plain() -> None:
    assert KeyRing(sealed_only=True).open(BODY, OF) == BODY


def test_later_form_is_said_to_be_one() -> None:
    with pytest.raises(AlteredError, match="this release does not know"):
        RING.open(MARK + b"\x02" + bytes(40), OF)
