"""Whether what a document or a manifest has typed is a command of ours, with arguments that it takes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from services.cli.main import caudal


def parsed(words: Sequence[str]) -> click.Command:
    """Go down to the command and have it read its arguments; a group alone stands for what it has.

    Raises `click.UsageError` where there is no such command, or it does not take them.
    """
    command: click.Command = caudal
    context = click.Context(command)
    left = list(words)
    while isinstance(command, click.Group) and left:
        name, found, left = command.resolve_command(context, left)
        assert found is not None
        command, context = found, click.Context(found, parent=context, info_name=name)
    if not isinstance(command, click.Group):
        command.make_context(context.info_name, left, parent=context.parent)
    return command
