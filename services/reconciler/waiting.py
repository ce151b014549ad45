"""Observations that came before the object they name by the merchant's reference.

They are parked as `object_not_found`. Once the object is known they are taken out of the parked
ones and folded in, in one transaction. One that cannot be folded in stays parked, as `failed`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import structlog

from libs.contracts.observation_json import OBSERVATION
from libs.domain.observation import Observation
from libs.runtime.failures import ContentionError, TemporaryError, where
from libs.store.database import Connection, Pool, savepoint, transaction
from libs.store.objects import ObjectKey
from libs.store.outcomes import (
    Found,
    found_after_waiting,
    give_up_waiting,
    observations_wait,
    unpark,
)
from services.reconciler.apply import fold_in

CONTENDED: Final = 3  # objects that others hold, after which a round ends: each costs a lock's wait

log = structlog.get_logger()


async def fold_in_waiting(pool: Pool, holds: Collection[str] = ()) -> int:
    """Fold in what found its object, and return how many observations that was."""
    if not await observations_wait(pool):  # a third of what a transaction costs
        return 0
    async with transaction(pool) as connection:
        found = await found_after_waiting(connection)
        done: list[int] = []
        failed: dict[int, str] = {}
        contended = 0
        for waiting in sorted(found, key=_place):  # the order in which objects are locked
            try:
                async with savepoint(connection):
                    await _fold_in(connection, waiting, holds)
            except ContentionError as error:
                log.info("waiting_observation_contended", parked=waiting.id, error=str(error))
                contended += 1
                if contended == CONTENDED:
                    break
            except TemporaryError:
                raise
            except Exception as error:  # noqa: BLE001 - a bug parks one observation and stops no other
                found_at = where(error)  # and not its message, which may quote the row
                log.error("waiting_observation_failed", parked=waiting.id, at=found_at)  # noqa: TRY400
                failed[waiting.id] = found_at
            else:
                done.append(waiting.id)
        # After all objects are locked: who parks a copy waits for it, and may hold one of them.
        for number, found_at in failed.items():
            await give_up_waiting(connection, number, found_at)
        await unpark(connection, done)
    return len(done)


async def _fold_in(connection: Connection, waiting: Found, holds: Collection[str]) -> None:
    said: Observation = OBSERVATION.validate_json(waiting.reading)
    key = ObjectKey(waiting.source, said.kind.value, waiting.provider_ref)
    said = replace(said, provider_ref=waiting.provider_ref)
    await fold_in(connection, {key: [said]}, {key: waiting.provider}, holds)


def _place(waiting: Found) -> tuple[str, str, str, int]:
    return waiting.source, waiting.kind, waiting.provider_ref, waiting.id
