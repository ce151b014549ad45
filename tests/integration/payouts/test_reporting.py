"""A report resolves what it alone can be: by a row that is new, of a report that is new."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from libs.providers.payu.client import PayU
from libs.providers.payu.report import rows_of
from libs.store.database import Pool
from libs.store.payout_request import AskedPayout
from services.payouts.connection import Connection
from services.payouts.reporting import Imported, import_report
from services.payouts.requesting import request_payouts
from tests.acceptance.payu_desk import known
from tests.integration.payouts.rooms import document, now, on_record
from tests.integration.store.rooms import fetch
from tests.payu_api import PayUApi, cut

pytestmark = pytest.mark.servers

ORDER = "0b0b0b0b-0000-4000-8000-000000000001"


@pytest.fixture
async def lost(pool: Pool, payu: PayU, of: Connection, api: PayUApi) -> AskedPayout:
    """Ask for a payout whose answer is cut."""
    api.instead["POST"].append(cut)
    [request] = (await request_payouts(pool, payu, of, document(known(5, "d")), None, now)).requests
    return request


async def imported(
    pool: Pool,
    created: object,
    reported_at: datetime | None = None,
    environment: str | None = "sandbox",
) -> Imported:
    text = f"id,status,value,description,created\n{ORDER},Approved,5,d,{created}\n"
    return await import_report(
        pool, "payu", list(rows_of(text.encode())), name="report.csv", reported_at=reported_at,
        now=now(), dry_run=False, environment=environment,
    )  # fmt: skip


def seen(found: Imported) -> tuple[int, int]:
    return len(found.resolved), len(found.ambiguous)


async def test_row_of_that_time_resolves(pool: Pool, lost: AskedPayout) -> None:
    found = await imported(pool, now(), now() + timedelta(minutes=1))
    assert seen(found) == (1, 0)
    assert await on_record(pool) == [("resolved", ORDER)]
    assert found.resolved[0][0].id == lost.id


@pytest.mark.parametrize("created", ["", "the other day", "2026-13-45"])
async def test_row_without_a_time_is_for_a_person(
    pool: Pool, lost: AskedPayout, created: str
) -> None:
    found = await imported(pool, created)
    assert (seen(found), found.ambiguous[0][1]) == ((0, 1), [ORDER])
    assert await on_record(pool) == [("unknown", None)]
    assert found.ambiguous[0][0].id == lost.id


@pytest.mark.usefixtures("lost")
async def test_row_of_last_month_is_not_it(pool: Pool) -> None:
    a_month_ago = (now() - timedelta(days=31)).strftime("%d/%m/%Y %H:%M")
    assert seen(await imported(pool, a_month_ago)) == (0, 0)


@pytest.mark.usefixtures("lost")
async def test_report_from_before_resolves_nothing(pool: Pool) -> None:
    found = await imported(pool, now(), now() - timedelta(minutes=1))
    assert seen(found) == (0, 1)
    assert await on_record(pool) == [("unknown", None)]


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize("alias", [False, True])
async def test_payout_that_was_known_before_is_not_it(pool: Pool, *, alias: bool) -> None:
    """Its row tells the time of today, or none; we have known it for longer than that."""
    [[number]] = await fetch(
        pool,
        "insert into objects (source, kind, provider_ref, provider, created_at)"
        " values ('payu', 'payout', $1, 'payu', now() - interval '20 minutes') returning id",
        "other" if alias else ORDER,
    )
    if alias:
        await fetch(
            pool,
            "insert into object_aliases (alias, object_id) values ($1, $2) returning 1",
            ORDER,
            number,
        )
    assert seen(await imported(pool, now())) == (0, 0)
    assert seen(await imported(pool, "")) == (0, 0)


async def test_report_of_production_resolves_no_rehearsal(pool: Pool, lost: AskedPayout) -> None:
    assert lost.environment == "sandbox"
    moment = now() + timedelta(minutes=1)
    assert seen(await imported(pool, now(), moment, "production")) == (0, 0)
    assert await on_record(pool) == [("unknown", None)]
    await fetch(pool, "update payout_requests set environment = null returning 1")
    assert seen(await imported(pool, now(), moment, "production")) == (1, 0)
