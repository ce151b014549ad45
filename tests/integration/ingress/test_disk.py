"""The spool on a real disk that is full or read-only: 503 within the deadline, then well again."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, apply_topology
from tests.integration.ingress.test_broker_away import arrived, sender

pytestmark = pytest.mark.servers

SIZE = 512 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of half a megabyte. That it cannot be mounted is a failure in CI only."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place)
    except (OSError, subprocess.CalledProcessError):
        if os.environ.get("CI"):
            raise
        pytest.skip("a file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True, timeout=20)


async def test_full_disk_refuses_until_there_is_room(amqp_url: str, small_disk: Path) -> None:
    """No message counts of which only a part found room."""
    body = b'{"id":"%04d","fill":"' + b"x" * 20_000 + b'"}'
    async with sender(amqp_url, spool_dir=small_disk / "spool") as ingress:
        statuses = await ingress.post_all(body % number for number in range(40))
        accepted = statuses.index(503)
        assert 10 < accepted < SIZE / 20_000
        assert {*statuses[:accepted]} == {200}
        assert {*statuses[accepted:]} == {503}
        await ingress.until_level("refusing")
        await apply_topology(amqp_url)  # the broker takes everything again
        await ingress.until_level("confirmed")
        assert await ingress.post(b'{"id":"after"}') == 200
    wanted = [*(body % number for number in range(accepted)), b'{"id":"after"}']
    for queue in (NORMALIZER_QUEUE, ARCHIVE_QUEUE):
        assert {*await arrived(amqp_url, queue)} == {*wanted}


async def test_others_fill_the_disk(amqp_url: str, small_disk: Path) -> None:
    """Found out without any traffic, in both directions."""
    fill = small_disk / "fill"
    async with sender(amqp_url, spool_dir=small_disk / "spool") as ingress:
        assert await ingress.post(b"{}") == 200
        await ingress.until_level("spooling")
        with pytest.raises(OSError, match="No space"):
            await asyncio.to_thread(fill.write_bytes, bytes(SIZE))
        await ingress.until_level("refusing")
        fill.unlink()
        await ingress.until_level("spooling")
        assert await ingress.post(b"{}") == 200


async def test_read_only_disk_refuses(small_disk: Path) -> None:
    nowhere = "amqp://guest:guest@127.0.0.1:1/"
    async with sender(nowhere, spool_dir=small_disk / "spool", grace=0) as ingress:
        assert await ingress.level() == (200, "spooling")
        _mount("-o", "remount,ro", small_disk)
        assert [await ingress.post(b"{}") for _ in range(3)] == [503] * 3
        await ingress.until_level("refusing")
        _mount("-o", "remount,rw", small_disk)
        await ingress.until_level("spooling")
        assert await ingress.post(b"{}") == 200


def _mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, timeout=20)
