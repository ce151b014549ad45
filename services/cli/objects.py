"""`caudal objects`: what there is, and why it is in its state."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from libs.domain.lifecycle import Kind, State
from libs.providers.registry import PROVIDERS
from libs.runtime.harmless import harmless, json_text
from libs.store.database import Pool
from libs.store.inspect import Poked, list_objects, pokes_of
from libs.store.overdue import polls_of
from libs.store.polls import Poll
from services.cli import options
from services.inspection.explanation import Explanation, explain
from services.inspection.tables import object_table, print_explanation, show
from services.inspection.view import object_view

_source = click.option("--source", default=None, help="Only this source (slug).")
_kind = click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=None)


@click.group()
def objects() -> None:
    """Payments and payouts."""


@objects.command(name="list")
@_source
@_kind
@click.option("--state", type=click.Choice([state.value for state in State]), default=None)
@click.option(
    "--provider", type=click.Choice(sorted(PROVIDERS)), default=None, help="Only this provider."
)
@click.option("--limit", type=click.IntRange(min=1), default=None, help="At most so many.")
@options.data_dir
@options.as_json
def list_(  # noqa: PLR0913 - options of a command
    *,
    source: str | None,
    kind: str | None,
    state: str | None,
    provider: str | None,
    limit: int | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """List objects in the order in which they became known.

    With --json: one array with the fields of the event's data, and sequence, attempts and
    settlement_step.
    """
    rows = options.reading(
        data_dir,
        lambda pool: list_objects(
            pool, source=source, kind=kind, state=state, provider=provider, limit=limit
        ),
    )
    if as_json:
        click.echo(json_text([object_view(row) for row in rows]))
        return
    show(object_table(rows))


@objects.command(name="show")
@click.argument("ref")
@_source
@_kind
@options.data_dir
@options.as_json
def show_(ref: str, source: str | None, kind: str | None, data_dir: Path, *, as_json: bool) -> None:
    """Explain why an object is in its state.

    REF is the provider's reference, the merchant's, or another name of the object. Exit code 1
    where there is none, or where several objects are called so (--source and --kind choose).
    """

    async def ask(pool: Pool) -> tuple[list[Explanation], list[Poked], list[Poll]]:
        found = await explain(pool, ref, source=source, kind=kind)
        if found:
            return found, [], []
        pokes = await pokes_of(pool, ref, source=source)
        return found, pokes, await polls_of(pool, ref, source=source)

    found, pokes, polls = options.reading(data_dir, ask)
    if not found:
        _not_found(ref, pokes, polls)
    if len(found) > 1:
        click.echo(
            f"{len(found)} objects are called {ref!r}; choose with --source and --kind:", err=True
        )
        for each in found:
            click.echo(
                f"  {each.row.source} {each.row.kind} {harmless(each.row.provider_ref)}", err=True
            )
        sys.exit(1)
    if as_json:
        click.echo(json_text(found[0].as_json()))
        return
    print_explanation(found[0])


def _not_found(ref: str, pokes: list[Poked], polls: list[Poll]) -> None:
    click.echo(f"no object is called {ref!r}", err=True)
    for poke in pokes:
        click.echo(
            f"but {poke.source} asked us to look it up at the provider: {harmless(poke.why)}",
            err=True,
        )
    for poll in polls:
        became = poll.outcome or "not yet"
        click.echo(
            f"but {poll.source} asked us to look it up at the provider: {harmless(poll.note or '')}; answered: {became}",
            err=True,
        )
    sys.exit(1)
