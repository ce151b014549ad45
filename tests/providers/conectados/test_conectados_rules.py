"""The rules of Conectados that one payload cannot show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Unknown
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers import conectados
from libs.providers.conectados.events import DEFAULT_ALIASES, MEANINGS, canonical
from libs.providers.port import Terms
from tests.providers.corpora import RECEIVED_AT

EXAMPLE = Path(conectados.__file__).parent / "examples" / "sale_conditions_approved.json"


def _delivery(**changes: Any) -> Delivery:  # noqa: ANN401 - values of a JSON body
    body = {**json.loads(EXAMPLE.read_text()), **changes}
    return Delivery(
        id="d",
        source="conectados",
        provider="conectados",
        body=json.dumps(body).encode(),
        received_at=RECEIVED_AT,
        authority=Authority.SECRET,
    )


def _observed(**changes: Any) -> Observation:  # noqa: ANN401 - values of a JSON body
    (reading,) = conectados.PROVIDER.translate(_delivery(**changes), Terms())
    assert isinstance(reading, Observation)
    return reading


def test_documented_path_is_served() -> None:
    assert conectados.PROVIDER.documented_path == "/api/webhooks/retail-events"


def test_every_default_alias_has_a_meaning() -> None:
    assert set(DEFAULT_ALIASES.values()) < set(MEANINGS)
    assert not set(DEFAULT_ALIASES) & set(MEANINGS)


@pytest.mark.parametrize("name", [*MEANINGS, *DEFAULT_ALIASES])
def test_case_and_spaces_change_nothing(name: str) -> None:
    assert canonical(f" {name.upper()}\n", {}) == canonical(name, {})


def test_inferred_name_can_be_renamed() -> None:
    assert canonical("sale_created", {"sale_created": "sale_voided"}) == "sale_voided"


def test_valid_until_is_no_event_time() -> None:
    assert _observed().occurred_at is None


def test_alias_shares_its_target_key() -> None:
    assert _observed(event_type="sale_create").key == _observed(event_type="sale_created").key


def test_resent_wrong_password_counts_once() -> None:
    first, resent = _observed(event_type="otp_invalid"), _observed(event_type="otp_invalid")
    second = _observed(event_type="otp_invalid", message="otra vez")

    assert first.key == resent.key != second.key


def test_another_approval_is_other_news() -> None:
    assert _observed().key != _observed(approval_sale_code="0j9i8h7g6f5e4d3c2b1a").key


def test_approval_code_never_leaves() -> None:
    code = json.loads(EXAMPLE.read_text())["approval_sale_code"]

    assert code not in repr(_observed())


@pytest.mark.parametrize("transaction", [12345, "12345", "00012345", 0])
def test_echo_keeps_the_json_type(transaction: object) -> None:
    answer = conectados.PROVIDER.acknowledge(_delivery(transaction_id=transaction))

    assert answer.status == 201
    echoed = json.loads(answer.body)["transaction_id"]
    assert (type(echoed), echoed) == (type(transaction), transaction)


def test_echo_keeps_the_event_as_received() -> None:
    answer = conectados.PROVIDER.acknowledge(_delivery(event_type=" Sale_Created "))

    assert json.loads(answer.body)["event"] == " Sale_Created "


@pytest.mark.parametrize("line", [1, {"amount": 1}, {"amount": []}])
@pytest.mark.timeout(5)
def test_endless_details_are_parked(line: object) -> None:
    """As what they are, up to what is read as JSON at all; beyond that as not readable."""
    for count, reason, field in (
        (3_000, ParkReason.MALFORMED, "aproved_details"),
        (200_000, ParkReason.NOT_READABLE, None),
    ):
        told = _delivery(aproved_details=[line] * count)
        (reading,) = conectados.PROVIDER.translate(told, Terms())
        assert isinstance(reading, Unknown)
        assert (reading.reason, reading.field) == (reason, field)
