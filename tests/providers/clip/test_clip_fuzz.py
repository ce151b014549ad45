"""Whatever bytes come, Clip's adapter answers 200 and gives a reading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.delivery import Delivery
from libs.contracts.readings import Ignored, Poke, Unknown
from libs.domain.lifecycle import Authority
from libs.domain.observation import Observation
from libs.providers import clip
from libs.providers.port import Terms
from tests.providers.corpora import RECEIVED_AT

EXAMPLES: Final = Path(clip.__file__).parent / "examples"
DOCUMENTED: Final[Mapping[str, Any]] = json.loads((EXAMPLES / "checkout_created.json").read_text())
PERSONAL: Final = {"barcode": "9900112233445566", "customer_email": "someone@example.com"}
BRIEF: Final = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["CHECKOUT", "REFUND", "COMPLETED", "PENDING", "CASH", "checkout-api", "a" * 600]
    ),
    st.sampled_from(["2023-02-22T20:28:27Z", "9999-12-31T23:59:59-14:00", "2023-02-22T20:28:60Z"]),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES: Final = st.sampled_from([*DOCUMENTED, "canceled_at", "origin", "event_type", "status"])


def _read(body: bytes) -> None:
    delivery = Delivery(
        id="d",
        source="clip",
        provider="clip",
        body=body,
        received_at=RECEIVED_AT,
        authority=Authority.UNSIGNED,
    )
    readings = clip.PROVIDER.translate(delivery, Terms())

    assert readings
    assert all(isinstance(each, Observation | Poke | Ignored | Unknown) for each in readings)
    assert not any(secret in repr(readings) for secret in PERSONAL.values())
    assert clip.PROVIDER.acknowledge(delivery).status == 200


@BRIEF
@given(st.binary(max_size=200))
def test_any_bytes_give_readings(body: bytes) -> None:
    _read(body)


@BRIEF
@given(VALUES)
def test_any_json_gives_readings(value: object) -> None:
    _read(json.dumps(value).encode())


@BRIEF
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sets(NAMES, max_size=3))
def test_mutated_notices_give_readings(changed: dict[str, object], removed: set[str]) -> None:
    body = {**DOCUMENTED, **PERSONAL, **changed}
    _read(json.dumps({k: v for k, v in body.items() if k not in removed}).encode())
