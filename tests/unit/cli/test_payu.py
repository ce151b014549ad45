"""Production is asked about; what became of a batch is one number."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import click
import pytest

from libs.providers.payu.client import Account
from libs.runtime.authentication.kinds import NoAuthentication
from libs.runtime.source_api import Environment
from libs.runtime.sources import Source
from libs.store.payout_request import AskedPayout, RequestState, Resolution
from services.cli.payu_account import DONE, FAILED, PARTLY, UNKNOWN, confirm
from services.cli.payu_outcome import code_of
from services.payouts.connection import Connection

KNOWN, NOT, LOST = RequestState.SUCCEEDED, RequestState.FAILED, RequestState.UNKNOWN


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def connection(environment: Environment) -> Connection:
    account = Account(merchant_id="1", account_id="2", api_key="k", api_login="l", public_key="p")
    return Connection(
        source=Source(slug="payu", provider="payu", authentication=NoAuthentication()),
        account=account,
        environment=environment,
        address="https://x",
    )


def test_sandbox_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    confirm(connection(Environment.SANDBOX), "x", yes=False)


def test_production_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    production = connection(Environment.PRODUCTION)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    confirm(production, "x", yes=False)
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    with pytest.raises(SystemExit) as declined:
        confirm(production, "x", yes=False)
    assert declined.value.code == FAILED
    monkeypatch.setattr("sys.stdin", Terminal(""))
    with pytest.raises(SystemExit) as left:
        confirm(production, "x", yes=False)
    assert left.value.code == FAILED


def test_production_needs_a_word_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    production = connection(Environment.PRODUCTION)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(click.UsageError, match="--yes"):
        confirm(production, "x", yes=False)
    confirm(production, "x", yes=True)


def request(state: RequestState, resolution: Resolution | None = None) -> AskedPayout:
    return AskedPayout(
        id="r", source="payu", batch="b", item=0, value=Decimal(1), currency="COP", digest=b"",
        key_name="k", created_at=datetime(2026, 1, 1, tzinfo=UTC), state=state,
        resolution=resolution,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([KNOWN], DONE),
        ([KNOWN, KNOWN], DONE),
        ([NOT], FAILED),
        ([KNOWN, NOT], PARTLY),
        ([KNOWN, LOST], UNKNOWN),
        ([NOT, LOST], UNKNOWN),
        ([RequestState.RECORDED], UNKNOWN),
    ],
)
def test_exit_code(states: list[RequestState], code: int) -> None:
    assert code_of(list(map(request, states))) == code


def test_exit_code_of_what_was_resolved() -> None:
    sent = request(RequestState.RESOLVED, Resolution.SENT)
    not_sent = request(RequestState.RESOLVED, Resolution.NOT_SENT)
    assert code_of([sent]) == DONE
    assert code_of([not_sent]) == FAILED
    assert code_of([sent, not_sent]) == PARTLY


def test_resolution_counts_only_where_it_is_what_the_request_ended_with() -> None:
    assert code_of([request(RequestState.FAILED, Resolution.SENT)]) == FAILED
    assert code_of([request(RequestState.SUCCEEDED, Resolution.NOT_SENT)]) == DONE
