"""The sign of life: a file that is young while the loop turns, and gone at the end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.heartbeat import heartbeat

LONG_AGO = 1_000_000_000


async def test_loop_that_turns_touches(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    async with heartbeat(file, every=0.01):
        assert file.exists()
        os.utime(file, (LONG_AGO, LONG_AGO))
        async with asyncio.timeout(10):
            while file.stat().st_mtime == LONG_AGO:
                await asyncio.sleep(0.01)
    assert not file.exists()


async def test_file_removed_by_others_returns(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    async with heartbeat(file, every=0.01):
        file.unlink()
        async with asyncio.timeout(10):
            while not file.exists():
                await asyncio.sleep(0.01)


async def test_no_file_is_no_heartbeat() -> None:
    async with heartbeat(None):
        assert [task.get_name() for task in asyncio.all_tasks()].count("heartbeat") == 0


async def test_unwritable_heartbeat_names_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with heartbeat(tmp_path / "missing" / "alive"):
            pytest.fail("it began all the same")
    assert caught.value.key == "CAUDAL_HEARTBEAT_FILE"
