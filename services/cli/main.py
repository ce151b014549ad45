"""The root of the command, and what becomes of errors."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from libs.embedded.errors import EmbeddedError
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import PermanentError, TemporaryError
from services.cli.demo import demo
from services.cli.events import events
from services.cli.objects import objects
from services.cli.parked import parked
from services.cli.processes import ingress, migrate, normalizer, reconciler, topology
from services.cli.published import lifecycle, schemas
from services.cli.up import up

FAILED = 1
MISUSED = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="caudal")
def caudal() -> None:
    """Webhooks of payment providers in, one stream of facts about payments and payouts out.

    Settings come from CAUDAL_* variables; see each command's help. Exit codes: 0 done, 1 it could
    not be done, 2 bad usage or configuration.
    """


for command in (
    up,
    demo,
    ingress,
    normalizer,
    reconciler,
    migrate,
    topology,
    objects,
    parked,
    events,
    lifecycle,
    schemas,
):
    caudal.add_command(command)


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
    click.echo(f"caudal: {message}", err=True)
    sys.exit(code)
