"""Every word of the tables is shown by a payload, and the doubtful ones stay where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.contracts.readings import ParkReason, Unknown
from libs.domain.lifecycle import Authority, Flag, State
from libs.domain.observation import Observation
from libs.providers.mobbex.mapping import CODES, TYPES
from tests.providers.mobbex.notices import notice, observed, parked, translated

_PAYLOADS = Path(__file__).parent / "payloads"


@pytest.mark.parametrize("code", [*CODES, "604"])
def test_every_code_has_a_payload(code: str) -> None:
    assert list(_PAYLOADS.glob(f"code_{code}_*.json"))


@pytest.mark.parametrize("type_", TYPES)
def test_every_type_has_a_payload(type_: str) -> None:
    assert list(_PAYLOADS.glob(f"type_{type_.replace(':', '_')}*.json"))


@pytest.mark.parametrize("code", CODES)
def test_operator_never_moves_base_state(code: str) -> None:
    reading = translated(notice("operator", code))

    if isinstance(reading, Observation):
        assert reading.state is None
        assert reading.refunds
        assert Flag.VERIFY in reading.flags
        assert reading.amount is None
    else:
        assert isinstance(reading, Unknown)
        assert reading.field == "data.payment.status.code"


@pytest.mark.parametrize("code", CODES)
def test_expiry_expires_whatever_code(code: str) -> None:
    told = observed(notice("checkout:expired", code))

    assert (told.state, told.authority) == (State.EXPIRED, Authority.TIMER)
    assert (Flag.VERIFY in told.flags) == (code != "401")


def test_contradicting_codes_ask_for_look() -> None:
    body = notice("checkout:expired", "401")
    body["data"]["status"] = {"code": "200"}

    assert Flag.VERIFY in observed(body).flags


@pytest.mark.parametrize("code", CODES)
def test_failed_execution_moves_no_state(code: str) -> None:
    told = observed(notice("subscription:execution:error", code))

    assert told.attempt
    assert told.state is None
    assert (Flag.VERIFY in told.flags) == (CODES[code].state in (State.AUTHORIZED, State.PAID))


@pytest.mark.parametrize("code", ["600", "601", "602", "605"])
def test_reversal_total_leaves_amount_alone(code: str) -> None:
    told = observed(notice(code=code, total=1))

    assert told.amount is None
    assert told.refunds[0].amount is None


@pytest.mark.parametrize(
    "code", ["604", "-1", "00", "200.0", "\uff12\uff10\uff10", "approved", "2OO", "9" * 30]
)
def test_unknown_code_is_parked(code: str) -> None:
    unknown = parked(notice(code=code))

    assert unknown.reason is ParkReason.UNKNOWN_VALUE
    assert (unknown.field, unknown.value) == ("data.payment.status.code", code)
