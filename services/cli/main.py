"""The root of the command, and what becomes of errors."""

from __future__ import annotations

import importlib
import sys
from typing import Final, NoReturn

import click

from libs.embedded.errors import EmbeddedError
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import PermanentError, TemporaryError
from libs.runtime.harmless import harmless

# Where each command lives. A command is imported when it is called, so that each starts quickly
# and a worker carries nothing that it does not need.
COMMANDS: Final = {
    "up": "services.cli.up",
    "demo": "services.cli.demo",
    "ingress": "services.cli.processes",
    "normalizer": "services.cli.processes",
    "reconciler": "services.cli.processes",
    "admin": "services.cli.processes",
    "migrate": "services.cli.preparation",
    "topology": "services.cli.preparation",
    "roles": "services.cli.roles",
    "secrets": "services.cli.secrets",
    "health": "services.cli.health",
    "objects": "services.cli.objects",
    "parked": "services.cli.parked",
    "sources": "services.cli.sources",
    "replay": "services.cli.replay",
    "archive": "services.cli.archive",
    "retention": "services.cli.retention",
    "dead": "services.cli.dead",
    "restore": "services.cli.restore",
    "payu": "services.cli.payu",
    "overdue": "services.cli.overdue",
    "poll": "services.cli.poll",
    "events": "services.cli.events",
    "audit": "services.cli.audit",
    "simulate": "services.cli.simulate",
    "sandbox": "services.cli.sandbox",
    "lifecycle": "services.cli.published",
    "schemas": "services.cli.published",
    "openapi": "services.cli.published",
    "metrics": "services.cli.published",
}
FAILED = 1
MISUSED = 2


class Commands(click.Group):
    """The commands of `COMMANDS`, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which they are written."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one command."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="caudal")
def caudal() -> None:
    """Webhooks of payment providers in, one stream of facts about payments and payouts out.

    Settings come from CAUDAL_* variables; see each command's help. CAUDAL_AMQP_URL_FILE and
    CAUDAL_POSTGRES_DSN_FILE name files that hold the addresses instead. Exit codes: 0 done, 1 it
    could not be done, 2 bad usage or configuration.
    """


def main() -> NoReturn:
    """Run the command and end the process."""
    try:
        caudal.main(standalone_mode=False)
        sys.exit(0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as misuse:
        misuse.show()
        sys.exit(misuse.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ConfigurationError as error:
        _fail(MISUSED, str(error))
    except (TemporaryError, PermanentError, EmbeddedError) as error:
        _fail(FAILED, str(error))


def _fail(code: int, message: str) -> NoReturn:
    click.echo(f"caudal: {harmless(message, lines=True)}", err=True)
    sys.exit(code)
