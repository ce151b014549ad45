"""No command takes a secret as an argument, where every process of the machine could read it."""

from __future__ import annotations

import re

import click
import pytest

from services.cli.main import caudal
from tests.unit.cli.test_commands import _commands

SECRET = re.compile(r"(?i)secret|passw|token|api_?key|credential|dsn|amqp|url")
# what is called so and is none: files, addresses of ours and of others, a name
HARMLESS = {
    ("roles", "login", "password_file"),
    ("topology", "users", "passwords"),
    ("roles", "apply", "passwords"),
}


def parameters() -> list[tuple[tuple[str, ...], click.Parameter]]:
    found = []
    for path in _commands(caudal):
        command: click.Command = caudal
        for name in path:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), name) or command
        found += [(path, each) for each in command.params]
    return found


def test_no_argument_is_called_like_a_secret() -> None:
    called = {
        (*path, each.name or "")
        for path, each in parameters()
        if SECRET.search(each.name or "") or any(SECRET.search(opt) for opt in each.opts)
    }
    left = {each for each in called - HARMLESS if each[0] not in {"simulate", "sandbox"}}
    assert {each for each in left if "url" not in each[-1]} == set()
    for each in sorted(called & HARMLESS):
        [found] = [p for path, p in parameters() if (*path, p.name) == each]
        assert isinstance(found.type, click.Path)


@pytest.mark.parametrize("words", [["ingress"], ["admin"], ["reconciler"], ["migrate"]])
def test_help_names_variables_and_no_option_for_them(words: list[str]) -> None:
    options = {opt for path, each in parameters() if list(path) == words for opt in each.opts}
    assert not options & {"--amqp-url", "--postgres-dsn", "--token", "--admin-token", "--password"}
