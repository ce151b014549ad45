"""`caudal poll`: ask the provider about one object now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from libs.bus.publisher import Publisher
from libs.domain.lifecycle import Kind
from libs.providers.registry import PROVIDERS
from libs.runtime.failures import PermanentError
from libs.runtime.harmless import harmless, json_text
from libs.runtime.logs import configure_logs
from libs.runtime.secret_references import OwnCredentials
from libs.runtime.settings import LogLevel, load_settings
from libs.runtime.sources import Sources, load_sources
from libs.store.acts import Intent, on_record
from libs.store.database import Pool, open_pool
from libs.store.inspect import find_objects
from services.cli import options
from services.inspection.tables import change_table, show
from services.inspection.view import change_view, object_view
from services.reconciler.polling.access import Access, Reach
from services.reconciler.polling.by_hand import ByHand, found_by, poll_now, reach_of
from services.stack.addresses import recall_sources

_PUBLISH_WITHIN: Final = 10.0


@click.command()
@click.argument("ref", metavar="OBJECT")
@click.option("--source", default=None, help="Only this source (slug).")
@click.option(
    "--by-reference",
    is_flag=True,
    help="OBJECT is the merchant's reference: ask the provider for all objects that have it.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Seconds to wait until the answer is folded.",
)
@options.by
@options.why
@options.sources
@options.data_dir
@options.as_json
def poll(  # noqa: PLR0913 - options of a command
    *,
    ref: str,
    source: str | None,
    by_reference: bool,
    wait: float,
    by: str | None,
    why: str,
    sources: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Ask the provider about one object now, and show what came of it.

    OBJECT is what `caudal objects show` takes: the provider's reference, the merchant's, or another
    name; or SOURCE/REFERENCE for one that is not known here yet. The answer enters as a delivery of
    origin `poll`; a running stack folds it. With --by-reference (and --source) the provider is asked
    which objects have the merchant's reference OBJECT, and then about each.

    Exit code 1, with the reason, where there is no answer or it was not folded in time. With --json:
    one array of objects with before, after and changed.
    """
    settings = load_settings(sources=sources)
    configure_logs("poll", LogLevel.ERROR, settings.log_format)
    path = settings.sources or recall_sources(data_dir) or settings.required_sources()
    known = load_sources(path, PROVIDERS, reader=OwnCredentials)
    dsn, url = options.postgres_dsn(data_dir), options.amqp_url(data_dir)
    asked = _Asked(ref, source, by_reference=by_reference)
    intent = Intent(options.person(by), "object.poll", why, {"source": source, "ref": ref})
    done = asyncio.run(_poll((dsn, url), known, asked, intent, wait))
    if as_json:
        click.echo(json_text([_view(each) for each in done]))
    else:
        for each in done:
            _tell(each)
    late = [each for each in done if not each.folded]
    for each in late:
        click.echo(
            f"the answer about {harmless(each.key.provider_ref)} was not folded within {wait:g} s; do the "
            "normalizers and reconcilers run?",
            err=True,
        )
    sys.exit(1 if late else 0)


class _Asked:
    """What was typed."""

    def __init__(self, ref: str, source: str | None, *, by_reference: bool) -> None:
        self.ref = ref
        self.source = source
        self.by_reference = by_reference


async def _poll(
    servers: tuple[str, str], known: Sources, asked: _Asked, intent: Intent, within: float
) -> list[ByHand]:
    (dsn, url), access = servers, Access(known)
    try:
        async with open_pool(dsn, size=2) as pool:
            targets = await _targets(pool, access, asked)
            async with on_record(pool, intent) as noted:
                publisher = await Publisher.open(url, name="caudal-poll", deadline=_PUBLISH_WITHIN)
                try:
                    done = [
                        await poll_now(pool, publisher, reach, ref, within=within)
                        for reach, ref in targets
                    ]
                finally:
                    await publisher.close()
                noted.outcome |= {"answers": sum(each.answers for each in done)}
            return done
    finally:
        await access.close()


async def _targets(pool: Pool, access: Access, asked: _Asked) -> Sequence[tuple[Reach, str]]:
    if asked.by_reference:
        if asked.source is None:
            raise click.UsageError("--by-reference needs --source")
        reach = reach_of(access, asked.source)
        return [(reach, ref) for ref in await found_by(reach, asked.ref)]
    rows = await find_objects(pool, asked.ref, source=asked.source)
    if len(rows) > 1:
        listed = ", ".join(f"{row.source} {row.kind} {row.provider_ref}" for row in rows)
        raise PermanentError(f"{len(rows)} objects are called so; choose: {listed}")
    if rows:
        [row] = rows
        if row.kind != Kind.PAYMENT:
            raise PermanentError(f"{row.source} cannot be asked about a {row.kind}; ask a person")
        return [(reach_of(access, row.source), row.provider_ref)]
    source, slash, ref = asked.ref.partition("/")
    if asked.source is not None:
        return [(reach_of(access, asked.source), asked.ref)]
    if slash and source in access.sources.by_slug:
        return [(reach_of(access, source), ref)]
    raise PermanentError(
        f"no object is called {asked.ref!r}; one that is not known yet is asked for as SOURCE/REFERENCE"
    )


def _view(done: ByHand) -> dict[str, Any]:
    key = {"source": done.key.source, "kind": done.key.kind, "provider_ref": done.key.provider_ref}
    if done.before is not None and done.after is not None:
        return {
            **change_view(done.before, done.after),
            "answers": done.answers,
            "folded": done.folded,
        }
    after = None if done.after is None else object_view(done.after)
    return {**key, "before": None, "after": after, "changed": sorted(after or ()),
            "answers": done.answers, "folded": done.folded}  # fmt: skip


def _tell(done: ByHand) -> None:
    before, after = done.before, done.after
    was = "not known" if before is None else before.state or "not told"
    now = "not known" if after is None else after.state or "not told"
    click.echo(
        f"{done.key.source} {done.key.kind} {harmless(done.key.provider_ref)}: {was} → {now}"
    )
    if before is not None and after is not None:
        change = change_view(before, after)
        if change["changed"]:
            show(change_table([change]))
        else:
            click.echo("the answer changes nothing")
