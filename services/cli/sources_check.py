"""`caudal sources check`: whether a request would be let in, and which rule says no."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO

import click

from libs.providers.registry import PROVIDERS
from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import load_settings
from libs.runtime.sources import Source, load_sources
from libs.store.archive import delivery_on_file
from services.cli import options
from services.cli.parked_choice import DELIVERY_ID
from services.ingress.authentication.verdict import Address
from services.ingress.checking import (
    Finding,
    NotARequestError,
    check_given,
    check_on_file,
    given,
    let_in,
)
from services.stack.addresses import recall_sources

NOT_LET_IN = 1
CANNOT_BE_SAID = 3


class _Address(click.ParamType[Address]):
    name = "address"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            return ip_address(value)
        except ValueError:
            self.fail("is not an IP address", param, ctx)


class _Time(click.ParamType[datetime]):
    name = "time"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail("is not a time with its zone, such as 2026-01-15T12:00:00Z", param, ctx)
        return at


@click.command()
@click.argument("source")
@click.option(
    "--request",
    "request_file",
    type=click.File("rb"),
    help="A file with the HTTP request as it came: request line, headers, empty line, body; - for stdin.",
)
@click.option("--delivery", type=DELIVERY_ID, help="The id of a delivery that is on file.")
@click.option("--address", type=_Address(), help="Where the request came from.")
@click.option("--at", type=_Time(), help="When; else now, or when the delivery was received.")
@options.sources
@options.data_dir
@options.as_json
def check(  # noqa: PLR0913, PLR0917 - one each
    source: str,
    request_file: BinaryIO | None,
    delivery: str | None,
    address: Address | None,
    at: datetime | None,
    sources: Path | None,
    data_dir: Path,
    *,
    as_json: bool,
) -> None:
    """Check a request, or a delivery on file, against the rules of SOURCE; nothing is sent.

    What a request holds stays in its file: a credential has no place on a command line. Of a delivery
    on file the tokens were taken out; its signature can be checked.

    Exit code 0: it would be let in; 1: it would not; 3: that cannot be said any more.
    """
    if (request_file is None) == (delivery is None):
        raise click.UsageError("needs either --request or --delivery")
    of = _source(source, sources, data_dir)
    if request_file is not None:
        try:
            request = given(request_file.read())
        except NotARequestError as error:
            raise click.UsageError(f"--request: {error}") from None
        findings = check_given(of, request, address=address, at=at)
    else:
        on_file = options.reading(data_dir, lambda pool: delivery_on_file(pool, str(delivery)))
        if on_file is None:
            raise click.UsageError("--delivery: no such delivery is on file")
        if on_file.source != of.slug:
            raise click.UsageError("--delivery: it is of another source")
        findings = check_on_file(of, on_file, at=at)
    verdict = let_in(findings)
    _show(of, findings, verdict=verdict, as_json=as_json)
    sys.exit({True: 0, False: NOT_LET_IN, None: CANNOT_BE_SAID}[verdict])


def _source(slug: str, told: Path | None, data_dir: Path) -> Source:
    path = load_settings(sources=told).sources or recall_sources(data_dir)
    if path is None:
        raise ConfigurationError("CAUDAL_SOURCES", "must name the sources file (TOML)")
    found = load_sources(path, PROVIDERS).by_slug.get(slug)
    if found is None:
        raise click.UsageError("the sources file has no source of that name")
    return found


def _show(source: Source, findings: list[Finding], *, verdict: bool | None, as_json: bool) -> None:
    whole = findings[0]
    if as_json:
        told = {
            "source": source.slug,
            "provider": source.provider,
            "closed": source.closed,
            "let_in": verdict,
            "authority": whole.as_json()["authority"],
            "rules": [finding.as_json() for finding in findings],
        }
        click.echo(json.dumps(told, indent=2))
        return
    for finding in findings:
        mark = {True: "holds ", False: "FAILS ", None: "  ?   "}[finding.holds]
        authority = finding.as_json()["authority"]
        click.echo(f"{mark} {finding.path} ({finding.rule}) {authority or finding.why}")
    words = {True: "let in", False: "not let in", None: "cannot be said"}
    click.echo(f"{source.slug}: {words[verdict]}")
