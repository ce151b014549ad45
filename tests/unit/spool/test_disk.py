"""What is promised is on disk; what fails leaves nothing behind; rooms change hands."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from libs.spool.disk import Disk
from libs.spool.errors import SpoolError, SpoolFullError
from libs.spool.segment import Segment
from tests.unit.spool.reading import ROOMY, drained, opened


class PowerCut:
    """Knows what would be left of each file if the power went now: what was synced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: dict[str, bytes] = {}
        self._sync = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)

    def fdatasync(self, descriptor: int) -> None:
        self._sync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        self.synced[path.name] = path.read_bytes()

    def strike(self, root: Path) -> None:
        for path in root.glob("*/*.segment"):
            path.write_bytes(self.synced.get(path.name, b""))


class Broken:
    """A call of the system that does half its work and fails, as often as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
        self.times = 0
        self._number = number
        self._real = getattr(os, name)
        monkeypatch.setattr(os, name, self)

    def __call__(self, descriptor: int, *told: object) -> object:
        if self.times <= 0:
            return self._real(descriptor, *told)
        self.times -= 1
        if told:
            data, at = told
            assert isinstance(data, memoryview)
            self._real(descriptor, data[: len(data) // 2], at)
        raise OSError(self._number, os.strerror(self._number))


def test_promise_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    power = PowerCut(monkeypatch)
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one"])
    disk.commit([b"two", b"three"])
    disk.close()
    power.strike(tmp_path)
    assert drained(tmp_path) == [b"one", b"two", b"three"]


def test_new_segment_is_known_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut takes the whole file away, with what it holds."""
    real, synced = os.fsync, set[str]()

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    root = tmp_path / "deep" / "spool"
    Disk(root, max_bytes=ROOMY).commit([b"one"])
    [room] = root.iterdir()
    assert synced == {str(path) for path in (tmp_path, tmp_path / "deep", root, room)}


@pytest.mark.parametrize("name", ["pwrite", "fdatasync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_failed_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"before"])
    [segment] = tmp_path.glob("*/*.segment")
    broken = Broken(monkeypatch, name, number)
    broken.times = 3
    for _ in range(3):
        with pytest.raises(SpoolError) as caught:
            disk.commit([b"refused"])
        assert isinstance(caught.value, SpoolFullError) == (number in {errno.ENOSPC, errno.EDQUOT})
    disk.commit([b"after"])
    assert disk.figures().records == 2
    assert b"after" not in segment.read_bytes()  # it is trusted no more
    disk.close()
    assert drained(tmp_path) == [b"before", b"after"]


def test_bug_in_the_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_segment: Segment, _messages: list[bytes]) -> None:
        raise RuntimeError

    disk = Disk(tmp_path, max_bytes=ROOMY)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "append", bug)
        with pytest.raises(SpoolError):
            disk.commit([b"refused"])
    disk.commit([b"after"])
    disk.close()
    assert drained(tmp_path) == [b"after"]


def test_bound_holds_for_everything(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=100_000)
    with pytest.raises(SpoolFullError):
        fill(disk)
    files = sum(path.stat().st_size for path in tmp_path.glob("*/*.segment"))
    assert files == disk.figures().bytes
    assert 90_000 < files <= 100_000
    with pytest.raises(SpoolFullError):
        disk.probe()
    disk.close()
    again = Disk(tmp_path, max_bytes=100_000)
    again.take_over()
    with pytest.raises(SpoolFullError):  # what others left counts as well
        again.commit([b"x" * 10_000])
    while again.open_next():
        continue
    for _ in range(50):
        spooled = again.oldest()
        assert spooled is not None
        again.remove(spooled)
    again.probe()
    again.commit([b"x" * 10_000])
    again.close()


def fill(disk: Disk) -> None:
    for _ in range(1000):
        disk.commit([b"x" * 1000])


def test_drained_segments_go(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY, segment_bytes=100)
    messages = [b"%d" % n * 60 for n in range(9)]
    for message in messages:
        disk.commit([message])
    assert len(list(tmp_path.glob("*/*.segment"))) > 3
    for message in messages:
        spooled = disk.oldest()
        assert spooled is not None
        assert spooled.message == message
        disk.remove(spooled)
    assert list(tmp_path.glob("*/*.segment")) == list(tmp_path.glob("*/*.drained")) == []
    disk.commit([b"more"])
    assert disk.figures().records == 1


def test_position_survives_the_process(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one", b"two", b"three"])
    spooled = disk.oldest()
    assert spooled is not None
    disk.remove(spooled)
    assert disk.figures().records == 2
    disk.close()
    assert drained(tmp_path) == [b"two", b"three"]


@pytest.mark.parametrize("spoiled", [b"", b"garbage", b"\xff" * 12])
def test_spoiled_position_drains_again(tmp_path: Path, spoiled: bytes) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one", b"two"])
    spooled = disk.oldest()
    assert spooled is not None
    disk.remove(spooled)
    disk.close()
    [position] = tmp_path.glob("*/*.drained")
    position.write_bytes(spoiled)
    assert drained(tmp_path) == [b"one", b"two"]


def test_what_was_read_and_not_removed_comes_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one"])
    assert disk.oldest() is not None
    disk.close()
    assert drained(tmp_path) == [b"one"]


def test_rooms_of_the_living_are_left_alone(tmp_path: Path) -> None:
    living = Disk(tmp_path, max_bytes=ROOMY)
    living.commit([b"mine"])
    other = opened(tmp_path)
    assert other.figures().records == 0
    living.close()
    assert drained(tmp_path) == [b"mine"]
    other.close()


def test_oldest_of_all_rooms_leaves_first(tmp_path: Path) -> None:
    first, second = Disk(tmp_path, max_bytes=ROOMY), Disk(tmp_path, max_bytes=ROOMY)
    second.commit([b"1"])
    first.commit([b"2"])
    second.close()
    first.close()
    third = opened(tmp_path)
    third.commit([b"3"])
    assert drained(tmp_path, third) == [b"1", b"2", b"3"]
    assert list(tmp_path.iterdir()) == []


def test_unreadable_file_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two segments lies on a bad place of the disk; once it can be read, it drains too."""
    gone = Disk(tmp_path, max_bytes=ROOMY, segment_bytes=10)
    gone.commit([b"bad place"])
    gone.commit([b"good place"])
    gone.close()
    bad = min(tmp_path.glob("*/*.segment"))
    real = os.pread

    def pread(descriptor: int, size: int, at: int) -> bytes:
        if Path(f"/proc/self/fd/{descriptor}").readlink() == bad:
            raise OSError(errno.EIO, "bad place")
        return real(descriptor, size, at)

    disk = Disk(tmp_path, max_bytes=ROOMY)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", pread)
        for _ in range(disk.take_over()):
            disk.open_next()
        spooled = disk.oldest()
        assert spooled is not None
        assert spooled.message == b"good place"
        disk.remove(spooled)
        assert disk.oldest() is None
    disk.take_over()
    disk.open_next()
    assert drained(tmp_path, disk) == [b"bad place"]


def test_later_version_is_left_alone(tmp_path: Path) -> None:
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one"])
    disk.close()
    [segment] = tmp_path.glob("*/*.segment")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("libs.spool.segment.VERSION", 0)
        assert drained(tmp_path) == []
    assert segment.exists()
    assert drained(tmp_path) == [b"one"]


def test_removed_room_is_noticed(tmp_path: Path) -> None:
    """Somebody cleaned up: what is written into removed files would be promised to nobody."""
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"gone"])
    [room] = tmp_path.iterdir()
    for path in room.iterdir():
        path.unlink()
    room.rmdir()
    with pytest.raises(SpoolError):
        disk.commit([b"refused"])
    disk.commit([b"after"])
    disk.close()
    assert drained(tmp_path) == [b"after"]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "spool", max_bytes=ROOMY)
    disk.commit([b"personal"])
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "spool").rglob("*")}
    assert modes == {0}


def test_vanished_folder_closes_no_foreign_file(tmp_path: Path) -> None:
    """The folder goes while a message of it is on its way: its files are closed once, not twice."""
    disk = Disk(tmp_path, max_bytes=ROOMY)
    disk.commit([b"one", b"two"])
    first = disk.oldest()
    assert first is not None
    disk.remove(first)
    second = disk.oldest()
    assert second is not None
    shutil.rmtree(second.room.folder)
    disk.probe()  # notices it, and makes a new room
    foreign = [os.open(tmp_path / f"foreign{n}", os.O_RDWR | os.O_CREAT) for n in range(8)]
    disk.remove(second)
    try:
        assert [os.fstat(each).st_size for each in foreign] == [0] * 8
    finally:
        for each in foreign:
            os.close(each)
