"""`caudal parked`: deliveries that were put aside, with the reason and the raw body."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from libs.runtime.harmless import harmless, json_text
from libs.runtime.key_ring import NotOpenedError
from libs.store.archive import delivery_on_file
from libs.store.database import Pool
from libs.store.inspect import ParkedReading, list_parked, parked_of
from libs.store.parked import Choice, parked_groups
from services.cli import options
from services.cli.parked_choice import DELIVERY_ID, by_provider, by_source, park_reason
from services.cli.parked_handling import discard, replay
from services.inspection.tables import group_table, parked_table, show
from services.inspection.view import group_view, parked_view

_discarded = click.option(
    "--discarded", is_flag=True, help="Those that were discarded instead, with reason and time."
)


@click.group()
def parked() -> None:
    """Deliveries that were put aside: kept whole, without effect so far."""


parked.add_command(replay)
parked.add_command(discard)


@parked.command(name="list")
@by_source
@by_provider
@park_reason("--reason")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many.")
@_discarded
@options.data_dir
@options.as_json
def list_(  # noqa: PLR0913 - options of a command
    *,
    source: str | None,
    provider: str | None,
    reason: str | None,
    limit: int | None,
    discarded: bool,
    data_dir: Path,
    as_json: bool,
) -> None:
    """List what is parked, oldest first."""
    found = options.reading(
        data_dir,
        lambda pool: list_parked(
            pool,
            source=source,
            provider=provider,
            reason=reason,
            discarded=discarded,
            limit=limit,
        ),
    )
    if as_json:
        click.echo(json_text([parked_view(each) for each in found]))
        return
    show(parked_table(found))


@parked.command()
@by_source
@by_provider
@park_reason("--reason")
@_discarded
@options.data_dir
@options.as_json
def groups(  # noqa: PLR0913 - options of a command
    *,
    source: str | None,
    provider: str | None,
    reason: str | None,
    discarded: bool,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Count what is parked by provider, field, value and reason, the most first.

    With --json: one array of objects with provider, field, value, reason, count, first_seen and
    last_seen (times of receipt) and sample (the delivery received last, for `parked show`).
    """
    choice = Choice(source=source, provider=provider, reason=reason, discarded=discarded)
    found = options.reading(data_dir, lambda pool: parked_groups(pool, choice))
    if as_json:
        click.echo(json_text([group_view(each) for each in found]))
        return
    show(group_table(found))


@parked.command(name="show")
@click.argument("delivery_id", type=DELIVERY_ID)
@options.data_dir
@options.as_json
def show_(delivery_id: str, data_dir: Path, *, as_json: bool) -> None:
    """Show what was parked of one delivery, with the raw body.

    The body is printed as text where it is UTF-8, control characters escaped; with --json also
    as hex. Exit code 1 where it is sealed under a key that is not at hand, or nothing is parked.
    """

    async def ask(pool: Pool) -> tuple[list[ParkedReading], bytes | None, str | None]:
        readings = await parked_of(pool, delivery_id)
        body = next((each.body for each in readings if each.body is not None), None)
        shut = next((each.unopened for each in readings if each.unopened is not None), None)
        if readings and body is None:
            try:
                filed = await delivery_on_file(pool, delivery_id)
            except NotOpenedError as error:
                return readings, None, shut or str(error)
            body = filed.body if filed else None
        return readings, body, None if body is not None else shut

    found, body, shut = options.reading(data_dir, ask)
    if not found:
        click.echo(f"nothing of the delivery {delivery_id} is parked", err=True)
        sys.exit(1)
    if as_json:
        shown = {
            "readings": [parked_view(each) for each in found],
            "body": None if body is None else body.decode(errors="replace"),
            "body_hex": None if body is None else body.hex(),
            "not_opened": shut,
        }
        click.echo(json_text(shown))
    else:
        _show(found, shut or ("not on file" if body is None else _printable(body)))
    if shut is not None:
        click.echo(f"caudal: the body of the delivery {delivery_id} {shut}", err=True)
        sys.exit(1)


def _show(found: list[ParkedReading], body: str) -> None:
    for each in found:
        for name, value in parked_view(each).items():
            if value is not None:
                click.echo(f"{name:>12}  {harmless(str(value), lines=True)}")
    click.echo(f"{'body':>12}  {body}")


def _printable(body: bytes) -> str:
    text = body.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
