"""PayU's API on a socket, and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.api.http import Http
from libs.providers.payu.client import Account, PayU
from tests.payu_api import ACCOUNT, KEY, LOGIN, MERCHANT, PUBLIC, PayUApi, serve

account = Account(
    merchant_id=MERCHANT, account_id=ACCOUNT, api_key=KEY, api_login=LOGIN, public_key=PUBLIC
)


@pytest.fixture
async def api() -> AsyncIterator[PayUApi]:
    found = PayUApi()
    runner = await serve(found)
    yield found
    await runner.cleanup()


@pytest.fixture
async def payu(api: PayUApi) -> AsyncIterator[PayU]:
    http = Http(api.url, timeout=0.2, connections=20)
    yield PayU(http, account)
    await http.close()


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are short."""
    monkeypatch.setattr("libs.api.repeating.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr("libs.api.repeating._GROWING", lambda _state: 0.01)
