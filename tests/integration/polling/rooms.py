"""What the tests of the pollers share: a reconciler's pollers, what was heard before, and time that passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.contracts.readings import Poke
from libs.contracts.webhook_translated import of
from libs.domain.lifecycle import Authority, Kind, State
from libs.domain.observation import Observation
from libs.providers.port import identity_of
from libs.providers.registry import PROVIDERS
from libs.runtime.metrics import REGISTRY
from libs.runtime.sources import Sources
from libs.store.database import Pool, transaction
from libs.store.polls import move_pokes
from services.reconciler.apply import apply
from services.reconciler.polling.access import Access
from services.reconciler.polling.poller import Poller
from tests.integration.polling.provider import Bus
from tests.integration.store.rooms import fetch
from tests.unit.reconciler.telling import told

REF = "7f3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a10"
OTHER = "0e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a11"
CHARGE = "11111111-2222-4333-8444-555555555555"
LINK = f"/clip/v2/checkout/{REF}"
LONG_AGO = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Room:
    """One reconciler's pollers, and what they need."""

    def __init__(self, pool: Pool, told_sources: Sources, name: str = "r1") -> None:
        self.pool = pool
        self.bus = Bus()
        self.access = Access(told_sources)
        self.pollers = {
            each: Poller(each, pool, self.bus, self.access, by=name) for each in self.access.lines
        }

    async def round(self, provider: str = "clip") -> int:
        """Move what was poked, and do one round."""
        await move_pokes(self.pool, 500)
        return await self.pollers[provider].once()

    async def folded(self) -> None:
        """Translate and fold what entered, as the workers do."""
        entered, self.bus.entered = self.bus.entered, []
        outcomes = []
        for delivery in entered:
            readings = PROVIDERS[delivery.provider].translate(delivery, self.access.terms("x"))
            outcomes.append(of(delivery, identity_of(delivery, readings), readings))
        await apply(self.pool, outcomes)


def poke(ref: str = REF) -> Poke:
    return Poke(kind=Kind.PAYMENT, provider_ref=ref, why="short notice UPDATE")


def said(
    state: State | None = State.PENDING,
    *,
    ref: str = REF,
    by: Authority = Authority.SECRET,
    **more: Any,  # noqa: ANN401 - any further field
) -> Observation:
    fields = {
        "kind": Kind.PAYMENT, "provider_ref": ref, "key": f"{state}-{by}", "provider_status": "x",
        "state": state, "authority": by, "received_at": LONG_AGO, "delivery_id": "d",
    }  # fmt: skip
    return Observation(**{**fields, **more})


async def heard(pool: Pool, number: int, *readings: Any, source: str = "clip") -> None:  # noqa: ANN401
    await apply(pool, [told(number, *readings, source=source, provider=source)])


async def age(pool: Pool, by: timedelta, ref: str | None = None) -> None:
    """Let time pass for what is stored."""
    async with transaction(pool) as connection:
        for table, columns in {
            "objects": ("created_at", "updated_at"),
            "polls": ("entered_at", "look_at", "due_at", "ask_at", "poked_at", "base_at", "seen_at",
                      "tried_at", "asked_at"),
        }.items():  # fmt: skip
            changes = ", ".join(f"{each} = {each} - $1::interval" for each in columns)
            await connection.execute(
                f"update {table} set {changes} where provider_ref = coalesce($2, provider_ref)",  # noqa: S608 - ours
                by,
                ref,
            )


async def state_of(pool: Pool, ref: str = REF) -> tuple[Any, ...]:
    rows = await fetch(
        pool,
        "select state, flags, amount, refunded_amount, authority from objects where provider_ref = $1",
        ref,
    )
    return tuple(rows[0]) if rows else ()


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0
