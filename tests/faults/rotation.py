"""Operators change secrets under load: whoever still has the old one notices nothing."""

from __future__ import annotations

import re
from pathlib import Path

from libs.runtime.development import development_sources
from tests.faults.case import PLAIN, Case, Scene


def cases() -> list[Case]:
    return [
        Case(
            name="rotate-secrets",
            matrix="P2",
            on="ingress",
            fault="a second secret beside each, before it, and gone again; restarted each time",
            shape=PLAIN,
            act=_rotate,
            restore=_as_before,
            webhooks=900,
            open_door=False,
        )
    ]


async def _rotate(scene: Scene) -> None:
    for secrets in ('"{old}", "{old}-next"', '"{old}-next", "{old}"', '"{old}"'):
        _write(scene, _with(secrets))
        await scene.house.ingress.restart()
        await scene.some_more()


def _with(secrets: str) -> str:
    """Return the sources with these secrets in the place of each."""
    return re.sub(
        r'"(literal:[^"]*)"', lambda found: secrets.format(old=found[1]), development_sources()
    )


async def _as_before(scene: Scene) -> None:
    _write(scene, development_sources())


def _write(scene: Scene, text: str) -> None:
    Path(scene.house.ingress.environment["CAUDAL_SOURCES"]).write_text(text)
