"""With keys, no message lies on disk as it came; rotated, damaged or mixed, what is whole drains."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from libs.runtime.key_ring import GROWTH, MARK, NO_KEYS, KeyRing
from libs.spool.disk import Disk
from libs.spool.errors import SpoolFullError
from libs.spool.record import FRAME_SIZE, HEADER_SIZE, frame
from tests.unit.spool.reading import ROOMY

OLD, NEW = KeyRing([bytes(range(32))]), KeyRing([bytes(range(9, 41)), bytes(range(32))])
STRANGE = KeyRing([bytes(range(40, 72))])
MESSAGES = [b"canary one", b"", b"canary three", b"canary four"]


def kept(root: Path, keys: KeyRing, messages: list[bytes] = MESSAGES) -> Path:
    disk = Disk(root, max_bytes=ROOMY, keys=keys)
    before = set(root.glob("*/*.segment"))
    disk.commit(messages)
    disk.close()
    [segment] = set(root.glob("*/*.segment")) - before
    return segment


def opened(root: Path, keys: KeyRing) -> Disk:
    disk = Disk(root, max_bytes=ROOMY, keys=keys)
    disk.take_over()
    while disk.open_next():
        continue
    return disk


def drained(root: Path, keys: KeyRing) -> list[bytes]:
    disk, found = opened(root, keys), list[bytes]()
    while (spooled := disk.oldest()) is not None:
        found.append(spooled.message)
        disk.remove(spooled)
    disk.close()
    return found


def everything(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_nothing_of_a_message_lies_on_disk(tmp_path: Path) -> None:
    kept(tmp_path, OLD)
    assert b"canary" not in everything(tmp_path)
    assert drained(tmp_path, OLD) == MESSAGES
    kept(tmp_path, NO_KEYS)
    assert b"canary" in everything(tmp_path)


def test_same_process_drains_what_it_keeps(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY, keys=OLD)
    for message in MESSAGES:
        disk.commit([message])
        spooled = disk.oldest()
        assert spooled is not None
        assert spooled.message == message
        disk.remove(spooled)
    assert disk.oldest() is None


def test_older_key_still_drains_after_a_rotation(tmp_path: Path) -> None:
    """And what came before there were keys, and what looks sealed and is not."""
    kept(tmp_path, NO_KEYS, [b"plain", MARK + b"\x01 from a stranger"])
    kept(tmp_path, OLD, [b"old"])
    kept(tmp_path, NEW, [b"new"])
    assert drained(tmp_path, NEW) == [b"plain", MARK + b"\x01 from a stranger", b"old", b"new"]


def test_missing_key_loses_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    kept(tmp_path, STRANGE, [b"waits"])
    kept(tmp_path, OLD, [b"goes"])
    with structlog.testing.capture_logs() as logged:
        assert drained(tmp_path, OLD) == [b"goes"]
    [told] = [each for each in logged if each["event"] == "spool_not_readable"]
    assert STRANGE.names[0] in told["error"]
    assert drained(tmp_path, NO_KEYS) == []
    assert drained(tmp_path, STRANGE) == [b"waits"]


def test_key_that_comes_back_is_noticed(tmp_path: Path) -> None:
    """Nobody has to start anew: the next look for rooms tries what could not be read."""
    kept(tmp_path, STRANGE, [b"waits"])
    disk = opened(tmp_path, OLD)
    assert disk.oldest() is None
    assert disk.figures().records == 1
    disk._keys = STRANGE
    disk.take_over()
    spooled = disk.oldest()
    assert spooled is not None
    assert spooled.message == b"waits"
    disk.close()


@pytest.mark.parametrize("at", range(GROWTH + len(MESSAGES[0])))
def test_altered_record_is_set_aside_alone(tmp_path: Path, at: int) -> None:
    """Also by somebody who mends the checksum. A flipped mark is told by `sealed_only`."""
    segment = kept(tmp_path, OLD)
    data, start = segment.read_bytes(), HEADER_SIZE + FRAME_SIZE
    end = start + GROWTH + len(MESSAGES[0])
    sealed = bytearray(data[start:end])
    sealed[at] ^= 1
    marker = bytes.fromhex(segment.stem.rpartition("-")[2])
    segment.write_bytes(data[:HEADER_SIZE] + frame(marker, bytes(sealed)) + data[end:])
    strict = KeyRing([bytes(range(32))], sealed_only=True)
    found = drained(tmp_path, strict)
    if len(MARK) < at < len(MARK) + 9:  # the name of a key: of one that may be found
        assert found == []
        segment.write_bytes(data)
        assert drained(tmp_path, strict) == MESSAGES
    else:
        assert found == MESSAGES[1:]
        [damaged] = tmp_path.glob("*.damaged")
        assert b"canary" not in damaged.read_bytes()


def test_record_of_another_segment_is_no_message(tmp_path: Path) -> None:
    first, second = kept(tmp_path, OLD, [b"one"]), kept(tmp_path, OLD, [b"two"])
    marker = bytes.fromhex(second.stem.rpartition("-")[2])
    moved = first.read_bytes()[HEADER_SIZE + FRAME_SIZE :]
    second.write_bytes(second.read_bytes()[:HEADER_SIZE] + frame(marker, moved))
    assert drained(tmp_path, OLD) == [b"one"]


def test_cut_at_every_byte_leaves_the_whole_ones(tmp_path: Path) -> None:
    segment = kept(tmp_path / "whole", OLD)
    data = segment.read_bytes()
    ends = [HEADER_SIZE]
    for message in MESSAGES:
        ends.append(ends[-1] + FRAME_SIZE + GROWTH + len(message))
    assert ends[-1] == len(data)
    for size in range(len(data)):
        root = tmp_path / str(size)
        folder = root / segment.parent.name
        folder.mkdir(parents=True)
        (folder / "lock").touch()
        (folder / segment.name).write_bytes(data[:size])
        whole = sum(size >= end for end in ends[1:])
        assert drained(root, OLD) == MESSAGES[:whole]


def test_release_without_keys_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would bring to the broker what nobody can read."""
    segment = kept(tmp_path, OLD)
    monkeypatch.setattr("libs.spool.segment.SEALED_VERSION", 1)
    with structlog.testing.capture_logs() as logged:
        assert drained(tmp_path, NO_KEYS) == []
    assert [each["event"] for each in logged][-1:] == ["spool_segment_of_later_version"]
    monkeypatch.undo()
    assert segment.exists()
    assert drained(tmp_path, OLD) == MESSAGES


def test_bound_counts_what_sealing_adds(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=100_000, keys=OLD)
    with pytest.raises(SpoolFullError):
        disk.commit([b""] * 3000)  # 72 kB as they are
    disk.commit([b""] * 1000)
    disk.close()
