"""`caudal health`: whether the process that runs here does its work."""

from __future__ import annotations

import json
import os
import sys

import click

from libs.runtime.health import WELL, look


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
def health(*, as_json: bool) -> None:
    """Tell whether the process of this machine (or container) does its work.

    Of any long-running process: whether it touched CAUDAL_HEARTBEAT_FILE within 20 s. Of the
    ingress also: whether it could keep a webhook now. A command that ends by itself is well as long
    as it runs. The image's health check does the same (`python -I -m libs.runtime.health`).

    Exit codes: 0 it does, 1 it does not, 2 there is nothing to know it by.
    """
    found = look(os.environ)
    if as_json:
        click.echo(json.dumps({"healthy": found.code == WELL, "why": found.why}))
    else:
        click.echo(found.why)
    sys.exit(found.code)
