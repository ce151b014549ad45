"""Whatever bytes come, Conectados' adapter answers 201 or 400 and gives a reading."""

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
from libs.providers import conectados
from libs.providers.conectados.events import DEFAULT_ALIASES, MEANINGS
from libs.providers.port import Terms
from tests.providers.corpora import RECEIVED_AT

EXAMPLE: Final = Path(conectados.__file__).parent / "examples" / "sale_conditions_approved.json"
DOCUMENTED: Final[Mapping[str, Any]] = json.loads(EXAMPLE.read_text())
PERSONAL: Final = {"user_id": "1111111-1", "user_rich_data": "https://example.com/qr?run=7"}
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
    st.sampled_from([*MEANINGS, *DEFAULT_ALIASES]),
    st.sampled_from(["9999-12-31T23:59:59-14:00", "0" * 50, "9" * 5000, "²", "11.000", "a" * 600]),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES: Final = st.sampled_from(
    [*DOCUMENTED, "approved_total_amount", "approved_details", "total_amount", "amount"]
)


def _read(body: bytes) -> int:
    delivery = Delivery(
        id="d",
        source="conectados",
        provider="conectados",
        body=body,
        received_at=RECEIVED_AT,
        authority=Authority.UNSIGNED,
    )
    readings = conectados.PROVIDER.translate(delivery, Terms(aliases={"Venta": "sale_created"}))

    assert readings
    assert all(isinstance(each, Observation | Poke | Ignored | Unknown) for each in readings)
    hidden = [*PERSONAL.values(), str(DOCUMENTED["approval_sale_code"])]
    assert not any(secret in repr(readings) for secret in hidden)
    answer = conectados.PROVIDER.acknowledge(delivery)
    assert isinstance(json.loads(answer.body), dict)
    return answer.status


@BRIEF
@given(st.binary(max_size=200))
def test_any_bytes_give_readings(body: bytes) -> None:
    assert _read(body) in {201, 400}


@BRIEF
@given(VALUES)
def test_any_json_gives_readings(value: object) -> None:
    status = _read(json.dumps(value).encode())

    assert isinstance(value, dict) or status == 400


@BRIEF
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.sets(NAMES, max_size=3), st.booleans())
def test_mutated_events_give_readings(
    changed: dict[str, object],
    removed: set[str],
    latin: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    body = {**DOCUMENTED, **PERSONAL, **changed}
    text = json.dumps({k: v for k, v in body.items() if k not in removed}, ensure_ascii=not latin)
    _read(text.encode("latin-1" if latin else "utf-8", "replace"))
