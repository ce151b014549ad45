"""What names a piece of Clip's news, and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers import clip
from libs.providers.clip.mapping import MEANINGS
from libs.providers.port import Terms, identity_of
from tests.providers.corpora import RECEIVED_AT

EXAMPLE = Path(clip.__file__).parent / "examples" / "checkout_created.json"


def _observed(**changes: Any) -> Observation:  # noqa: ANN401 - values of a JSON body
    body = {**json.loads(EXAMPLE.read_text()), **changes}
    delivery = Delivery(
        id="d",
        source="clip-mx",
        provider="clip",
        body=json.dumps(body).encode(),
        received_at=RECEIVED_AT,
        authority=Authority.SECRET,
    )
    (reading,) = clip.PROVIDER.translate(delivery, Terms())
    assert isinstance(reading, Observation)
    return reading


def test_redelivery_keeps_its_key() -> None:
    first, second = _observed(), _observed(attempts=2, sent_date="2023-02-22T21:00:00Z")

    assert first.key == second.key


def test_reused_id_stays_distinct() -> None:
    keys = {_observed(resource=r, resource_status=s).key for r, s in MEANINGS}

    assert len(keys) == len(MEANINGS)


def test_two_refunds_have_two_ledger_entries() -> None:
    refunds = [
        _observed(
            resource="REFUND", resource_status="APPROVED", id=f"0{n}000000" + 4 * "-0000" + 8 * "0"
        )
        for n in (1, 2)
    ]

    assert refunds[0].refunds[0].ledger_key != refunds[1].refunds[0].ledger_key


@pytest.mark.parametrize("identity", ["someone@example.com", "a:b", "x" * 500])
def test_odd_id_is_hashed(identity: str) -> None:
    key = _observed(id=identity).key

    assert identity not in key
    assert len(key.split(":")[0]) == 32


def test_overlong_reference_is_left_out() -> None:
    observed = _observed(me_reference_id="x" * 513)

    assert observed.merchant_ref is None
    assert observed.facts["unreadable"] == "me_reference_id"


def test_delivery_is_named_by_its_news() -> None:
    one, other = _observed(), _observed(attempts=9)
    delivery = Delivery(
        id="d",
        source="s",
        provider="clip",
        body=b"",
        received_at=RECEIVED_AT,
        authority=Authority.SECRET,
    )

    assert identity_of(delivery, (one,)) == identity_of(delivery, (other,))
