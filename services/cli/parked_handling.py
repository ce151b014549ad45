"""`caudal parked replay` and `caudal parked discard`: the two ways off the list."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from libs.bus.publisher import Publisher
from libs.runtime.harmless import json_text
from libs.runtime.key_ring import KeyRing
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel, load_settings
from libs.store import parked as store
from libs.store.acts import Intent, in_one_transaction, on_record
from libs.store.database import Pool, open_pool
from libs.store.parked import Choice, Kept
from services.cli import options
from services.cli.parked_choice import choice_of, chosen
from services.inspection.tables import group_table, show
from services.inspection.view import group_view
from services.replay.reentry import Reentered, await_taken, reenter

_PUBLISH_WITHIN: Final = 10.0  # seconds for each publish


@click.command()
@chosen("--reason")
@click.option("--wait/--no-wait", default=True, help="Wait for what becomes of them (the default).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds to wait for the workers to take them.",
)
@options.by
@options.why
@options.data_dir
@options.as_json
def replay(  # noqa: PLR0913 - options of a command
    *,
    wait: bool,
    timeout: float,
    by: str | None,
    why: str,
    data_dir: Path,
    as_json: bool,
    **told: Any,  # noqa: ANN401 - the options of `chosen`
) -> None:
    """Translate parked deliveries again: all of a group, or those named by their ids.

    After a mapping or an alias has been added (and the normalizers run with it):

    \b
        caudal parked replay --provider conectados --field event_type --value venta_creada

    The exact bytes enter through the front door once more, under an identity of their own and with
    the time at which they were first received. What they say now takes the place of what is
    parked; what stands already is not told again, nor taken back (`caudal replay`). A delivery that
    was discarded is replayed when it is named by its id, and is on the list again if it stays
    unknown. Where a delivery is no longer in the archive, the copy that was parked is taken, as
    unsigned.

    Exit code 0 where all were translated again, also if some are parked again; 1 where the broker
    or the workers did not take them, or a named delivery is not parked.
    """  # noqa: D301 - click's mark for a paragraph that is not wrapped
    choice = choice_of(**told, discarded_too=True)
    settings = load_settings()
    configure_logs("replay", LogLevel.ERROR, settings.log_format)
    dsn, url = options.postgres_dsn(data_dir), options.amqp_url(data_dir)
    keys = options.key_ring(data_dir)
    intent = Intent(options.person(by), "parked.replay", why, choice.told())
    found, unknown = asyncio.run(_replay(dsn, url, keys, choice, intent, timeout if wait else None))
    if as_json:
        click.echo(json_text(_report(found, unknown, wait=wait)))
    else:
        _tell(found, unknown, wait=wait)
    sys.exit(0 if found.done and not unknown else 1)


async def _replay(  # noqa: PLR0913, PLR0917 - what a replay needs
    dsn: str, url: str, keys: KeyRing, choice: Choice, intent: Intent, within: float | None
) -> tuple[Reentered, list[str]]:
    """Send and wait; also return the deliveries that were named and are not parked."""
    progress = options.echo_progress()
    async with open_pool(dsn, size=2, keys=keys) as pool:
        kept = await store.parked_deliveries(pool, choice)
        unknown = _unknown(choice, kept)
        if not kept:
            return Reentered(asked=0), unknown
        async with on_record(pool, intent) as noted:
            publisher = await Publisher.open(url, name="caudal-replay", deadline=_PUBLISH_WITHIN)
            try:
                found = await reenter(pool, publisher, kept, progress)
            finally:
                await publisher.close()
            noted.outcome |= {"asked": found.asked, "sent": len(found.sent)}
        if within is not None:
            await await_taken(pool, found, within, progress)
        return found, unknown


def _unknown(choice: Choice, kept: list[Kept]) -> list[str]:
    return sorted(set(choice.delivery_ids or ()) - {each.delivery_id for each in kept})


def _report(found: Reentered, unknown: list[str], *, wait: bool) -> dict[str, Any]:
    sent: dict[str, Any] = {
        "asked": found.asked,
        "sent": len(found.sent),
        "missing": found.missing,
        "not_opened": [each.id for each in found.unopened],
        "not_parked": unknown,
    }
    if not wait:
        return sent
    return sent | {
        "resolved": found.resolved,
        "still_parked": found.still_parked,
        "still": [group_view(each) for each in found.still],
        "not_taken": found.not_taken,
    }


def _tell(found: Reentered, unknown: list[str], *, wait: bool) -> None:
    for each in unknown:
        click.echo(f"nothing of the delivery {each} is parked", err=True)
    for each in found.missing:
        click.echo(f"the body of the delivery {each} is kept nowhere any more", err=True)
    for shut in found.unopened:
        click.echo(str(shut), err=True)
    if not found.asked:
        if not unknown:
            click.echo("nothing that is parked matches", err=True)
        return
    if not wait:
        click.echo(f"{len(found.sent)} sent")
        return
    click.echo(f"{found.resolved} resolved, {found.still_parked} still parked")
    if found.still:
        show(group_table(found.still))
    if found.not_taken:
        click.echo(
            f"{len(found.not_taken)} not taken in time; do the normalizers and reconcilers run?",
            err=True,
        )


@click.command()
@chosen("--parked-as")
@click.option("--reason", "why", required=True, help="Why; it is kept with what is discarded.")
@options.by
@options.data_dir
@options.as_json
def discard(
    *,
    why: str,
    by: str | None,
    data_dir: Path,
    as_json: bool,
    **told: Any,  # noqa: ANN401 - the options of `chosen`
) -> None:
    """Take parked readings off the list, for a reason.

    Nothing is deleted: the delivery stays in the archive, and the reading with reason and time
    (`caudal parked list --discarded`). A discarded delivery can still be replayed by its id.
    """
    choice = choice_of(**told, discarded_too=False)
    if not why.strip():
        raise click.BadParameter("must not be empty", param_hint="--reason")
    intent = Intent(options.person(by), "parked.discard", why.strip(), choice.told())

    async def ask(pool: Pool) -> tuple[int, list[str]]:
        unknown = _unknown(choice, await store.parked_deliveries(pool, choice))
        async with in_one_transaction(pool, intent) as (connection, noted):
            count = await store.discard_in(connection, choice, why.strip())
            noted.outcome |= {"discarded": count}
        return count, unknown

    count, unknown = options.reading(data_dir, ask)
    if as_json:
        click.echo(json.dumps({"discarded": count, "not_parked": unknown}))
    else:
        for each in unknown:
            click.echo(f"nothing of the delivery {each} is parked", err=True)
        click.echo(f"{count} discarded")
    sys.exit(1 if unknown else 0)
