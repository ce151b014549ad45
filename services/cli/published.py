"""What the code publishes about itself: the lifecycle, the schemas, the HTTP surface, the metrics."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from libs.contracts import published
from libs.domain.diagram import as_data, as_mermaid
from libs.runtime import metrics_document
from services.cli import options
from services.surface import document as surface


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "json"]),
    default="mermaid",
    show_default=True,
    help="A diagram, or the table as data.",
)
def lifecycle(form: str) -> None:
    """Print the state machine of payments and payouts."""
    click.echo(as_mermaid() if form == "mermaid" else json.dumps(as_data(), indent=2), nl=False)
    if form == "json":
        click.echo()


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the ingress and of the port for operators."""
    [text] = surface.documents().values()
    click.echo(text, nl=False)


@click.command()
@options.as_json
def metrics(*, as_json: bool) -> None:
    """Print every metric that the processes tell, as the document that deploy/metrics.md is."""
    found = metrics_document.described()
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found], indent=2))
    else:
        click.echo(metrics_document.document(found), nl=False)


@click.group()
def schemas() -> None:
    """Write or check the public contract: JSON Schema of the event, AsyncAPI of the exchange, OpenAPI."""


_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=published.FOLDER,
    help="Where the documents lie; the package's own folder by default.",
)


@schemas.command()
@_folder
def write(folder: Path) -> None:
    """Write the documents from the code."""
    for path in published.write(folder, surface.documents()):
        click.echo(f"written: {path}")


@schemas.command()
@_folder
def check(folder: Path) -> None:
    """Compare the documents with the code; exit code 1 where they differ."""
    drifted = published.drifted(folder, surface.documents())
    for name in drifted:
        click.echo(f"differs from the code: {name} (`caudal schemas write` writes it)", err=True)
    if drifted:
        sys.exit(1)
    click.echo("the documents match the code")
