"""Floods on one source of the real ingress, and what an honest sender to another one feels of them.

`make hostile` prints the table for longer runs; here each scene takes a second (CAUDAL_HOSTILE_SECONDS).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.hostile.ground import Ground, flood, ground
from tests.hostile.scenes import OTHER, SCENES, Scene
from tests.hostile.victim import Felt, Honest

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SECONDS: Final = float(os.environ.get("CAUDAL_HOSTILE_SECONDS", "1"))
RATE: Final = 50.0  # honest webhooks a second
SETTLE: Final = 0.3  # seconds until a flood is there
# ms: a webhook that takes longer is as good as lost to many providers. Looked at in long runs, which
# have the machine to themselves; in the others each must be answered in `PATIENCE`.
LAG: Final = 1000.0
LONG: Final = 5.0  # seconds a scene
RSS: Final = 200.0  # MB
_ROW: Final = "{:<38}{:>8}{:>8}{:>8}{:>7}{:>8}{:>7}  {}\n"


@dataclass(frozen=True)
class Row:
    """What was measured of one scene."""

    name: str
    felt: Felt
    rss: float  # MB, the most
    cpu: float  # share of a core
    hostile: dict[str, Any]

    def line(self) -> str:
        told = self.hostile.get("statuses", {})
        seconds = self.hostile.get("seconds", 1.0)
        answers = ", ".join(f"{status} {n / seconds:,.0f}/s" for status, n in sorted(told.items()))
        cut = self.hostile.get("cut", 0)
        return _ROW.format(
            self.name,
            *(f"{self.felt.at(share):.1f}" for share in (0.5, 0.99, 1.0)),
            len(self.felt.failures),
            f"{self.rss:.0f} MB",
            f"{self.cpu:.0%}",
            answers + (f", {cut / seconds:,.0f}/s cut" if cut else ""),
        )


async def test_floods_starve_nobody(amqp_url: str, tmp_path: Path) -> None:
    async with ground(amqp_url, tmp_path) as there:
        rows = [await _measured(there, scene) for scene in (None, *SCENES, None)]
    header = _ROW.format("flood", "p50 ms", "p99", "max", "failed", "RSS", "CPU", "it was told")
    sys.stdout.write("\n" + header + "".join(row.line() for row in rows))
    log = (tmp_path / "log").read_text()
    assert "request_failed" not in log
    assert "http_server_failed" not in log
    for row in rows:
        assert row.felt.failures == [], row.name
        assert SECONDS < LONG or row.felt.at(0.99) < LAG, row.name
        assert row.rss < RSS, row.name
        assert not [status for status in row.hostile.get("statuses", {}) if status == "500"]
    for row, scene in zip(rows[1:], SCENES, strict=False):
        if scene.most:
            told = row.hostile["statuses"]
            assert scene.some <= told.keys(), scene.name
            assert max(told, key=told.get) in scene.most, scene.name


async def _measured(there: Ground, scene: Scene | None) -> Row:
    async with AsyncExitStack() as stack:
        hostile: dict[str, Any] = {}
        if scene is not None:
            hostile = await stack.enter_async_context(flood(scene.told(there.port)))
            await asyncio.sleep(SETTLE)
        watching = asyncio.create_task(there.watch())
        cpu, began = there.cpu(), time.perf_counter()
        felt = await Honest(there.port, OTHER).post(RATE, SECONDS)
        used = (there.cpu() - cpu) / (time.perf_counter() - began)
    watching.cancel()
    return Row(scene.name if scene else "none", felt, await watching, used, hostile)
