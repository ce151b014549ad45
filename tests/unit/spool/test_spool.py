"""The event loop's side: syncs are shared, waits are bounded, trouble is told and passes."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.spool import spool as spool_module
from libs.spool import thread
from libs.spool.disk import Disk
from libs.spool.errors import SpoolError, SpoolFullError, SpoolStalledError
from libs.spool.spool import Spool
from tests.unit.ingress.stand_ins import until
from tests.unit.spool.reading import ROOMY, drained


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = await Spool.open(tmp_path, max_bytes=ROOMY)
    yield opened
    await opened.close()


class StalledDisk:
    """A commit that does not come back until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.commits = 0
        real = Disk.commit

        def commit(disk: Disk, messages: list[bytes]) -> None:
            self.commits += 1
            self.go.wait(20)
            real(disk, messages)

        monkeypatch.setattr(Disk, "commit", commit)


async def test_all_that_wait_share_a_sync(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StalledDisk(monkeypatch)
    first = asyncio.create_task(spool.append(b"first"))
    await until(lambda: disk.commits == 1)
    others = [asyncio.create_task(spool.append(b"%d" % n)) for n in range(50)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in [first, *others])
    disk.go.set()
    await asyncio.gather(first, *others)
    assert disk.commits == 2
    await spool.close()
    assert drained(tmp_path) == [b"first", *(b"%d" % n for n in range(50))]


async def test_stalled_disk_stalls_nobody(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread, "STALLED_AFTER", 0.05)
    monkeypatch.setattr(spool_module, "PROBE_SOON", 0.02)
    disk = StalledDisk(monkeypatch)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await spool.append(b"under way")
    given_up = asyncio.create_task(spool.append(b"given up"))
    await asyncio.sleep(0)
    given_up.cancel()
    await until(lambda: not spool.usable)
    with pytest.raises(SpoolStalledError):
        await spool.append(b"refused")
    disk.go.set()
    await until(lambda: spool.usable)
    await spool.append(b"after")
    await spool.close()
    assert drained(tmp_path) == [b"under way", b"after"]


async def test_full_disk_is_told_and_passes(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "PROBE_SOON", 0.02)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(SpoolFullError):
            await spool.append(b"refused")
        assert not spool.usable
    await until(lambda: spool.usable)
    await spool.append(b"kept")
    assert spool.records == 1


async def test_trouble_is_noticed_without_traffic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "PROBE_EVERY", 0.02)
    monkeypatch.setattr(spool_module, "PROBE_SOON", 0.02)
    (tmp_path / "in-the-way").touch()
    spool = await Spool.open(tmp_path / "in-the-way" / "spool", max_bytes=ROOMY)
    assert not spool.usable
    with pytest.raises(SpoolError):
        await spool.append(b"refused")
    (tmp_path / "in-the-way").unlink()
    await until(lambda: spool.usable)
    await spool.close()


async def test_what_another_left_is_taken_over(tmp_path: Path) -> None:
    gone = Disk(tmp_path, max_bytes=ROOMY)
    gone.commit([b"one", b"two"])
    gone.close()
    spool = await Spool.open(tmp_path, max_bytes=ROOMY)
    await asyncio.wait_for(spool.filled(), 5)
    assert spool.records == 2
    for message in (b"one", b"two"):
        spooled = await spool.oldest()
        assert spooled is not None
        assert spooled.message == message
        await spool.remove(spooled)
    assert await spool.oldest() is None
    await spool.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the other way warns of a loop that waits
