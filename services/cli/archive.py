"""`caudal archive`: the keys under which raw bodies rest."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from libs.runtime.archive_keys import KEYS, fresh_key
from libs.runtime.configuration import ConfigurationError
from libs.runtime.key_ring import PLAIN, KeyRing
from libs.runtime.settings import load_settings
from libs.store.database import open_pool
from libs.store.rekey import ALTERED, resting
from services.archive.rekeying import Counted, Rekeyed, not_under
from services.archive.rekeying import rekey as seal_anew
from services.cli import options


@click.group()
def archive() -> None:
    """Look after the keys under which raw bodies rest."""


@archive.command()
def key() -> None:
    """Print a new key, drawn by chance.

    It goes in front of the others in CAUDAL_ARCHIVE_KEYS, or in the file that
    CAUDAL_ARCHIVE_KEYS_FILE names, of every ingress, reconciler and operator. Who loses a key loses
    what rests under it.
    """
    click.echo(fresh_key())


@archive.command()
@click.option(
    "--check", is_flag=True, help="Exit code 1 where something does not rest under the newest key."
)
@options.data_dir
@options.as_json
def status(*, check: bool, data_dir: Path, as_json: bool) -> None:
    """Count what rests under which key.

    Keys are told by their names, which are digests. An old key may be taken out when nothing rests
    under it here, and no ingress has a spool with messages from its time. Looks at every row.

    With --json: newest (null without keys), keys, and for each place the count of each name.
    """
    keys, counted = _counted(data_dir)
    _show(keys, counted, as_json=as_json)
    newest = _newest(keys)
    sys.exit(1 if check and (newest is None or not_under(newest, counted)) else 0)


@archive.command()
@click.option("--dry-run", is_flag=True, help="Count what rests under which key; touch nothing.")
@options.data_dir
@options.as_json
def rekey(*, dry_run: bool, data_dir: Path, as_json: bool) -> None:
    """Seal under the newest key what rests under an older one, or unencrypted.

    Runs beside the workers, in portions of at most 500 rows or 4 MiB, each a transaction. It may be
    interrupted at any time and run again, and several may run at once: what is done stays done. Give
    every process the newest key first: what one without it writes meanwhile rests under an older key,
    and is in the count at the end.

    Exit codes: 0 all of it rests under the newest key; 1 something does not, for want of its key or
    because it was altered, and is named; 2 no keys, or bad ones. With --json: done (by place),
    unopened (by the name of the missing key, or `altered`), and the counts of `status`.
    """
    if dry_run:
        keys, counted = _counted(data_dir)
        newest = _required(keys)
        _show(keys, counted, as_json=as_json)
        click.echo(f"{not_under(newest, counted)} would be sealed anew", err=True)
        return
    keys = options.key_ring(data_dir)
    newest = _required(keys)
    found = asyncio.run(_rekey(options.postgres_dsn(data_dir), keys, newest))
    _show(keys, found.resting, as_json=as_json, more=_told(found))
    left = not_under(newest, found.resting)
    click.echo(f"{found.done.total()} sealed anew, {left} not under the newest key", err=True)
    for name, count in found.unopened.items():
        why = "were altered" if name == ALTERED else f"want the key {name}, which is not at hand"
        click.echo(f"{count} {why}", err=True)
    sys.exit(1 if left else 0)


async def _rekey(dsn: str, keys: KeyRing, newest: str) -> Rekeyed:
    async with open_pool(dsn, size=1, by_index=True, keys=keys) as pool:
        return await seal_anew(pool, newest, options.echo_progress())


def _counted(data_dir: Path) -> tuple[KeyRing, Counted]:
    load_settings()
    return options.key_ring(data_dir), options.reading(data_dir, resting)


def _newest(keys: KeyRing) -> str | None:
    return keys.names[0] if keys else None


def _required(keys: KeyRing) -> str:
    newest = _newest(keys)
    if newest is None:
        raise ConfigurationError(KEYS, "is not set; `caudal archive key` prints a new key")
    return newest


def _told(found: Rekeyed) -> dict[str, Any]:
    return {"done": dict(found.done), "unopened": dict(found.unopened)}


def _show(
    keys: KeyRing, counted: Counted, *, as_json: bool, more: dict[str, Any] | None = None
) -> None:
    if as_json:
        places = {place.value: dict(names) for place, names in counted.items()}
        told = {"newest": _newest(keys), "keys": list(keys.names), **places, **(more or {})}
        click.echo(json.dumps(told, indent=2))
        return
    for place, names in counted.items():
        for name, count in sorted(names.items(), key=lambda each: -each[1]):
            click.echo(f"{place.value:<11} {name:<16} {count:>12}  {_said_of(name, keys)}".rstrip())


def _said_of(name: str, keys: KeyRing) -> str:
    if name == PLAIN:
        return "not encrypted"
    if name not in keys.names:
        return "its key is not at hand"
    return "the newest key" if name == keys.names[0] else "an older key"
