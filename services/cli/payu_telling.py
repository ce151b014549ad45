"""What was done is told to the broker, after it was shown: a failure here changes nothing of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import click

from libs.bus.publisher import Publisher
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import PermanentError, TemporaryError, where
from libs.store.database import Pool
from libs.store.to_be_told import count_to_be_told
from services.cli import options
from services.reconciler.telling import tell

_PUBLISH_WITHIN: Final = 5.0  # seconds
_TURN_WITHIN: Final = 5.0  # seconds for whoever tells at the moment
_TURN_POLL: Final = 0.1


async def tell_what_is_due(pool: Pool, data_dir: Path) -> int | None:
    """Bring in what is to be told of calls of ours; return how much is left, None where unknown.

    Says on stderr what stands in the way, and raises nothing for it.
    """
    try:
        return await _tell(pool, data_dir)
    except (TemporaryError, PermanentError) as error:
        click.echo(f"caudal: not told yet: {error}", err=True)
        return None
    except asyncio.CancelledError:  # an interrupt; the caller ends with what was done
        click.echo("caudal: interrupted while it was told", err=True)
        return None
    except Exception as error:  # noqa: BLE001 - a bug here makes nothing undone
        click.echo(f"caudal: not told yet: {where(error)}", err=True)
        return None


def say_what_is_left(left: int | None) -> None:
    """Tell that the broker did not take something yet."""
    if left == 0:
        return
    what = "What was done stays" if left is None else f"{left} deliveries are to be told, and stay"
    click.echo(
        f"{what} on record; a reconciler tells it as soon as the broker answers, and so does "
        "`caudal payu payouts requests --tell`.",
        err=True,
    )


async def _tell(pool: Pool, data_dir: Path) -> int:
    left = await count_to_be_told(pool)
    if not left:
        return 0
    try:
        url = options.amqp_url(data_dir)
    except ConfigurationError:
        return left
    publisher = await Publisher.open(url, name="caudal-payu", deadline=_PUBLISH_WITHIN)
    try:
        until = asyncio.get_running_loop().time() + _TURN_WITHIN
        while (told := await tell(pool, publisher)).busy:
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(_TURN_POLL)
        for each in told.unopened:
            click.echo(f"caudal: not told yet: {each}", err=True)
    finally:
        await publisher.close()
    return await count_to_be_told(pool)
