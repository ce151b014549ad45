"""`python -m bench.scaling`: what a number of webhooks a day needs, and the tables of deploy/scaling.md."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import MEASURED, RELEASE, costs_by_processor, dearest, measured
from bench.scaling.document import BLOCKS, DOCUMENT, Told, needs_table, written
from bench.scaling.model import need


def _assumption(
    _context: click.Context, _parameter: click.Parameter, told: tuple[str, ...]
) -> Assumptions:
    found: dict[str, float] = {}
    for each in told:
        name, _, value = each.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"{each} is not NAME=NUMBER") from None
    try:
        return Assumptions().with_told(found)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group(invoke_without_command=True)
@click.option(
    "--per-day",
    type=click.FloatRange(min=1),
    default=None,
    help="Webhooks a day; else the four volumes.",
)
@click.option(
    "--processor",
    default=None,
    help="As release.json calls it; else the one on which a webhook costs most.",
)
@click.option(
    "--set",
    "taken",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=_assumption,
    help="Another assumption.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
@click.pass_context
def main(
    context: click.Context,
    *,
    per_day: float | None,
    processor: str | None,
    taken: Assumptions,
    as_json: bool,
) -> None:
    """Tell what a number of webhooks a day needs, from what the bench measured.

    Exit codes: 0 done; 1 `check` found something else in the document; 2 bad usage.
    """
    if context.invoked_subcommand is not None:
        return
    told = _told(taken, processor)
    if per_day is None and not as_json:
        click.echo(needs_table(told), nl=False)
        return
    found = [
        need(each, *told[1:]) for each in ([per_day] if per_day else [1e6, 10e6, 100e6, 1000e6])
    ]
    if as_json:
        click.echo(
            json.dumps(
                [asdict(each) | {"month": each.month, "vcpus": each.vcpus} for each in found],
                indent=1,
            )
        )
        return
    for name, block in BLOCKS.items():
        if name in {"costs", "limits"}:
            click.echo(block(told))
    for line, value in asdict(found[0]).items():
        click.echo(f"{line:20} {value}")


@main.command()
@click.option(
    "--document", type=click.Path(path_type=Path, exists=True), default=DOCUMENT, show_default=True
)
def write(document: Path) -> None:
    """Write the tables into the document."""
    told = _told(Assumptions(), None)
    document.write_text(written(document.read_text(encoding="utf-8"), told), encoding="utf-8")


@main.command()
@click.option(
    "--document", type=click.Path(path_type=Path, exists=True), default=DOCUMENT, show_default=True
)
def check(document: Path) -> None:
    """End with 1 where the document has something else than what was measured gives."""
    text = document.read_text(encoding="utf-8")
    if text != written(text, _told(Assumptions(), None)):
        click.echo(f"{document} is not of today: python -m bench.scaling write", err=True)
        sys.exit(1)


@main.command()
@click.option("--webhooks", type=click.IntRange(min=1000), default=20_000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=MEASURED, show_default=True)
def measure(webhooks: int, out: Path) -> None:
    """Measure what the bench's figures do not have: bytes of a webhook, and the relay by itself.

    Takes some two minutes, and servers of its own.
    """
    from bench.scaling.measure import measure as run  # noqa: PLC0415 - servers, for this one only

    found = asyncio.run(run(webhooks, lambda line: click.echo(line, err=True)))
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(found["figures"], indent=1))


def _told(taken: Assumptions, processor: str | None) -> Told:
    by_processor: dict[str, Any] = costs_by_processor(RELEASE)
    if processor is not None and processor not in by_processor:
        raise click.BadParameter(f"there is {', '.join(by_processor)}", param_hint="--processor")
    costs = by_processor[processor] if processor else dearest(by_processor)
    return by_processor, costs, measured(MEASURED), taken


if __name__ == "__main__":
    main()
