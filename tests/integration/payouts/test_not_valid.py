"""What the client does not send was not sent: it is failed on record, and in nobody's way."""

from __future__ import annotations

import pytest

from libs.store.database import Pool
from services.payouts.requesting import request_payouts
from tests.acceptance.payu_desk import new
from tests.integration.payouts.rooms import connection, document, now, on_record
from tests.payu_api import PayUApi

pytestmark = pytest.mark.servers


async def test_payout_of_another_merchant_is_failed_and_not_unknown(
    pool: Pool, api: PayUApi
) -> None:
    of = connection(api)
    told = new(5, "theirs")
    told["bankAccount"]["merchantId"] = 1
    async with of.client() as payu:
        done = await request_payouts(pool, payu, of, document(told), None, now)
    assert api.seen == []
    assert await on_record(pool) == [("failed", None)]
    assert done.why is not None
    assert "merchantId: is not that of this account" in done.why
