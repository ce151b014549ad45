"""What deploy/backup.md has people type with Compose exists: commands, files of secrets, services, the image of the receiver."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from libs.embedded.images import POSTGRES
from services.secrets.plan import DRAWN, Place, seen
from tests.deploy.typed import parsed

ROOT: Final = Path(__file__).parents[2]
BACKUP: Final = (ROOT / "deploy/backup.md").read_text()
SERVICES: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
_RUN: Final = re.compile(r"^    docker compose run --rm (?P<words>.*?)(?:\s+#.*)?$", re.MULTILINE)


def runs() -> Iterator[tuple[dict[str, str], str, list[str]]]:
    """Give each call of `docker compose run`: what it is told, which service, what the container is to do."""
    for found in _RUN.finditer(BACKUP):
        words = shlex.split(found["words"])
        told: dict[str, str] = {}
        while words[0].startswith("-"):
            option = words.pop(0)
            if option == "-e":
                name, _, value = words.pop(0).partition("=")
                told[name] = value
            elif option in {"-v", "--entrypoint"}:
                told[option] = words.pop(0)
        yield told, words[0], words[1:]


def override() -> dict[str, dict[str, object]]:
    """Return the services of the override file that stands there."""
    found = re.search(r"^    services:\n(?:      .*\n)+", BACKUP, re.MULTILINE)
    assert found is not None
    services: dict[str, dict[str, object]] = yaml.safe_load(found[0])["services"]
    return services


def test_services_are_there() -> None:
    known = SERVICES.keys() | override().keys()
    named = re.findall(
        r"^    docker compose (?:exec -T|stop|start|rm --force|up --detach --no-deps|logs --tail 50)"
        r" ([a-z]+(?: [a-z]+(?= |$))?)",
        BACKUP,
        re.MULTILINE,
    )
    assert len(named) > 15
    for each in named:
        assert each.split()[0] in known, each
    assert override().keys() == {"receiver"}
    assert override()["receiver"]["image"] == POSTGRES == SERVICES["postgres"]["image"]
    assert override()["receiver"]["networks"] == ["database"]


def test_commands_exist_and_see_the_files_that_they_are_told() -> None:
    files = seen(dict.fromkeys(DRAWN, "x"), Place())
    ours = [each for each in runs() if "--entrypoint" not in each[0]]
    assert {service for _, service, _ in ours} == {"roles", "migrate", "topology", "operator"}
    for told, service, words in ours:
        for path in told.values():
            assert f"{service}/{path.removeprefix('/run/secrets/')}" in files
        if words:  # else what the compose file has
            assert not isinstance(parsed(words), click.Group)


@pytest.mark.parametrize("words", [["restore", "--what"], ["topology", "apply", "--keep", "999"]])
def test_what_is_no_command_is_noticed(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(words)
