"""`caudal dead`: messages that a worker could not read, and how they come back."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from libs.bus import buried as bus
from libs.bus.buried import WORKED_ON, Buried, Choose, Raised
from libs.bus.topology import DEAD_QUEUE
from libs.runtime.harmless import harmless, json_text
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.store.acts import Intent, Noted, on_record
from libs.store.database import open_pool
from services.cli import options

Result = TypeVar("Result")

_queue = click.option(
    "--queue", type=click.Choice(sorted(WORKED_ON)), default=None, help="Only what it gave up."
)
_ids = click.option("--id", "ids", multiple=True, help="Only this one (`dead list`); repeatable.")
_all = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group()
def dead() -> None:
    """Messages that a worker could not read: whole in the queue caudal.dead, with the reason.

    That is a message of a newer release, or one that is none. Its neighbours went on.
    """


@dead.command(name="list")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="At most."
)
@options.data_dir
@options.as_json
def list_(*, limit: int, data_dir: Path, as_json: bool) -> None:
    """List what lies there; nothing is taken, and no body is shown.

    Needs CAUDAL_AMQP_URL. With --json: count (of all) and messages, an array with id, queue, reason,
    content_type, size and comes_back.
    """
    _quiet()
    found, count = asyncio.run(bus.look(options.amqp_url(data_dir), limit))
    if as_json:
        click.echo(json_text({"count": count, "messages": [_view(each) for each in found]}))
        return
    for each in found:
        queue = each.queue or "(nobody knows)"
        click.echo(f"{each.id}  {queue:<18} {each.size:>9}  {harmless(each.reason)}")
    by_queue = Counter(each.queue for each in found)
    told = ", ".join(f"{number} of {queue or 'nobody'}" for queue, number in by_queue.items())
    click.echo(f"{count} in {DEAD_QUEUE}{f': {told}' if told else ''}", err=True)


@dead.command()
@_queue
@_ids
@_all
@options.by
@options.why
@options.data_dir
@options.as_json
def replay(  # noqa: PLR0913 - options of a command
    *,
    queue: str | None,
    ids: tuple[str, ...],
    everything: bool,
    by: str | None,
    why: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Bring messages back to the queue that gave them up, after an upgrade that can read them.

    What still cannot be read is soon here again. What comes twice has no effect. On record (`caudal
    audit list`): needs CAUDAL_POSTGRES_DSN beside CAUDAL_AMQP_URL.

    Exit codes: 0 all that were chosen are back; 1 some belong to no queue that is worked on, one that was
    named is not there, or the broker did not take them. With --json: back and homeless (arrays as of
    `dead list`), left (how many others there are), not_found (ids).
    """
    choose = _choice(queue, ids, everything=everything)
    _quiet()
    url = options.amqp_url(data_dir)

    async def work(noted: Noted) -> Raised:
        raised = await bus.bring_back(url, choose)
        noted.outcome |= {"back": len(raised.back), "left": raised.left}
        return raised

    raised = _on_record(data_dir, "dead.replay", by, why, _told(queue, ids), work)
    missing = _missing(ids, (*raised.back, *raised.homeless))
    if as_json:
        told = {
            "back": [_view(each) for each in raised.back],
            "homeless": [_view(each) for each in raised.homeless],
            "left": raised.left,
            "not_found": missing,
        }
        click.echo(json_text(told))
    click.echo(f"{len(raised.back)} brought back, {raised.left} left", err=True)
    for each in raised.homeless:
        click.echo(f"{each.id} belongs to no queue that is worked on: {each.queue}", err=True)
    _tell_missing(missing)
    sys.exit(1 if raised.homeless or missing else 0)


@dead.command()
@_queue
@_ids
@_all
@options.by
@click.option("--reason", "why", required=True, help="Why; it is on record.")
@options.data_dir
@options.as_json
def discard(  # noqa: PLR0913 - options of a command
    *,
    queue: str | None,
    ids: tuple[str, ...],
    everything: bool,
    by: str | None,
    why: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Take messages away for good, for a reason, which is on record.

    A delivery that only this message carried is lost then. Exit code 1 where one that was named is not
    there. With --json: discarded (an array as of `dead list`), not_found (ids).
    """
    if not why.strip():
        raise click.BadParameter("must not be empty", param_hint="--reason")
    choose = _choice(queue, ids, everything=everything)
    _quiet()
    url = options.amqp_url(data_dir)

    async def work(noted: Noted) -> list[Buried]:
        gone = await bus.take_away(url, choose)
        noted.outcome |= {"discarded": [each.id for each in gone[:100]], "count": len(gone)}
        return gone

    gone = _on_record(data_dir, "dead.discard", by, why.strip(), _told(queue, ids), work)
    missing = _missing(ids, gone)
    if as_json:
        click.echo(json_text({"discarded": [_view(g) for g in gone], "not_found": missing}))
    click.echo(f"{len(gone)} discarded", err=True)
    _tell_missing(missing)
    sys.exit(1 if missing else 0)


def _on_record(  # noqa: PLR0913, PLR0917 - who did what, why, to what
    data_dir: Path,
    action: str,
    by: str | None,
    why: str,
    subject: dict[str, Any],
    work: Callable[[Noted], Awaitable[Result]],
) -> Result:
    intent = Intent(options.person(by), action, why, subject)
    dsn = options.postgres_dsn(data_dir)

    async def main() -> Result:
        async with open_pool(dsn, size=1) as pool, on_record(pool, intent) as noted:
            return await work(noted)

    return asyncio.run(main())


def _choice(queue: str | None, ids: tuple[str, ...], *, everything: bool) -> Choose:
    if everything == bool(queue or ids):
        raise click.UsageError("say which: --queue or --id, or --all")
    return lambda each: (not queue or each.queue == queue) and (not ids or each.id in ids)


def _told(queue: str | None, ids: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in (("queue", queue), ("ids", list(ids))) if value}


def _missing(ids: tuple[str, ...], found: tuple[Buried, ...] | list[Buried]) -> list[str]:
    return sorted(set(ids) - {each.id for each in found})


def _tell_missing(missing: list[str]) -> None:
    for each in missing:
        click.echo(f"nothing there is called {harmless(each)}", err=True)


def _view(each: Buried) -> dict[str, Any]:
    return asdict(each) | {"comes_back": each.comes_back}


def _quiet() -> None:
    configure_logs("dead", LogLevel.ERROR, load_settings().log_format)
