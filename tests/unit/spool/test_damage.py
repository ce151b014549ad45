"""Whatever happens to a segment's bytes, what is whole comes back, and nothing is invented."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spool.record import FRAME_SIZE, HEADER_SIZE, frame
from tests.unit.spool.reading import drained, opened, written

MESSAGES = [b"first", b"", b"\0" * 9, b"the fourth, which is longer", b"last"]
Spoil = Callable[[bytes, int], bytes]


def places(messages: list[bytes]) -> list[range]:
    """Return where each message's record lies."""
    found: list[range] = []
    at = HEADER_SIZE
    for message in messages:
        found.append(range(at, at + FRAME_SIZE + len(message)))
        at = found[-1].stop
    return found


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def remove(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 1 :]


def insert(data: bytes, at: int) -> bytes:
    return data[:at] + b"x" + data[at:]


def zero_the_rest(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(len(data) - at)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    return written(tmp_path / "spool", MESSAGES)


def test_untouched_comes_back_in_order(tmp_path: Path, segment: Path) -> None:
    assert segment.stat().st_size == places(MESSAGES)[-1].stop
    assert drained(tmp_path / "spool") == MESSAGES
    assert list((tmp_path / "spool").iterdir()) == []


def test_cut_at_every_byte(tmp_path: Path, segment: Path) -> None:
    """A torn tail is what a crash leaves: it is cut, and is no damage."""
    for size in range(segment.stat().st_size):
        root = copied(segment, tmp_path / str(size), lambda data, at: data[:at], size)
        whole = [
            m for m, place in zip(MESSAGES, places(MESSAGES), strict=True) if place.stop <= size
        ]
        assert drained(root) == whole, size
        assert list(root.iterdir()) == [], size


@pytest.mark.parametrize("spoil", [flip, remove, insert], ids=["flip", "remove", "insert"])
def test_damage_at_every_byte(tmp_path: Path, segment: Path, spoil: Spoil) -> None:
    """One record is lost to the damage, kept beside, and all others drain."""
    for at in range(segment.stat().st_size):
        root = copied(segment, tmp_path / str(at), spoil, at)
        spoiled = (root / "room-x" / segment.name).read_bytes()
        marker = bytes.fromhex(segment.stem.partition("-")[2])
        assert drained(root) == [m for m in MESSAGES if frame(marker, m) in spoiled], at
        kept = [path.read_bytes() for path in root.glob("*.damaged")]
        torn = spoil is remove and at in places(MESSAGES)[-1]  # it may look like a torn tail
        assert kept == [spoiled] or (torn and not kept), at


def test_lost_size_at_every_byte(tmp_path: Path, segment: Path) -> None:
    """A power cut may leave the length of a file without its content: zeros."""
    for at in range(HEADER_SIZE, segment.stat().st_size):
        root = copied(segment, tmp_path / str(at), zero_the_rest, at)
        found = drained(root)
        sure = [m for m, place in zip(MESSAGES, places(MESSAGES), strict=True) if place.stop <= at]
        assert found[: len(sure)] == sure, at
        assert set(found) <= set(MESSAGES), at


def test_damage_under_our_eyes(tmp_path: Path, segment: Path) -> None:
    """Bytes that spoil after the segment was opened are noticed as well."""
    for at in range(HEADER_SIZE, segment.stat().st_size):
        root = copied(segment, tmp_path / str(at), lambda data, _: data, at)
        disk = opened(root)
        path = root / "room-x" / segment.name
        path.write_bytes(flip(path.read_bytes(), at))
        lost = [m for m, place in zip(MESSAGES, places(MESSAGES), strict=True) if at in place]
        assert drained(root, disk) == [m for m in MESSAGES if m not in lost], at
        assert len(list(root.glob("*.damaged"))) == 1, at


def test_damage_survives_a_crash_of_the_drain(tmp_path: Path, segment: Path) -> None:
    """Also whoever drains the rest later keeps the damaged bytes."""
    root = copied(segment, tmp_path / "copy", flip, places(MESSAGES)[1].start)
    disk = opened(root)
    for _ in range(2):
        spooled = disk.oldest()
        assert spooled is not None
        disk.remove(spooled)
    disk.close()  # as a crash would, with the rest still there
    drained(root)
    assert len(list(root.glob("*.damaged"))) == 1


def test_strangers_bytes_pass_for_nothing(tmp_path: Path) -> None:
    """A webhook that holds a copy of a segment smuggles no record into another one."""
    first = written(tmp_path / "first", [b"invented"]).read_bytes()
    segment = written(tmp_path / "spool", [first, b"next"])
    segment.write_bytes(flip(segment.read_bytes(), HEADER_SIZE))
    assert drained(tmp_path / "spool") == [b"next"]


@given(
    messages=st.lists(st.binary(max_size=200), min_size=1, max_size=8, unique=True),
    damage=st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([flip, remove, insert])), max_size=4),
)  # fmt: skip
def test_any_damage_invents_nothing(
    tmp_path_factory: pytest.TempPathFactory, messages: list[bytes], damage: list[tuple[int, Spoil]]
) -> None:
    root = tmp_path_factory.mktemp("spool")
    segment = written(root, messages)
    data = segment.read_bytes()
    for at, spoil in damage:
        data = spoil(data, at % len(data))
    segment.write_bytes(data)
    found = drained(root)
    assert found == [message for message in messages if message in found]
    assert len(found) >= len(messages) - 2 * len(damage)
    shutil.rmtree(root)


def copied(segment: Path, root: Path, spoil: Spoil, at: int) -> Path:
    """Copy a segment into a spool of its own, spoiled."""
    room = root / "room-x"
    room.mkdir(parents=True)
    (room / "lock").touch()
    (room / segment.name).write_bytes(spoil(segment.read_bytes(), at))
    return root
