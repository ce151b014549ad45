"""The real providers behind the ingress: no body and no header is a 500, or stops the next one."""

from __future__ import annotations

import json
from typing import Final

import pytest

from libs.providers.registry import PROVIDERS
from libs.runtime.development import development_sources
from tests.unit.ingress.stand_ins import running_ingress

pytestmark = pytest.mark.usefixtures("both_lanes")

DOORS: Final = {
    "clip": ("/webhooks/clip?token=dev-clip-token", {}),
    "payu": ("/webhooks/payu?token=dev-payu-token", {}),
    "mobbex": ("/webhooks/mobbex?token=dev-mobbex-token", {}),
    "safe2pay": ("/webhooks/safe2pay", {}),
    "conectados": ("/api/webhooks/retail-events", {"X-Webhook-Token": "dev-conectados-token"}),
}
KEY: Final = b'"SecretKey":"DEV-SAFE2PAY-SECRET-KEY"'
BODIES: Final = {
    "not json": b"hello",
    "null": b"null",
    "number": b"1e400",
    "array": b"[1]",
    "empty object": b"{}",
    "white space": b" \n",
    "nul": b"\0",
    "nul in string": b'{%b,"a":"\\u0000"}' % KEY,
    "lone surrogate": b'{%b,"a":"\\ud800"}' % KEY,
    "lone surrogate as bytes": b'{%b,"a":"\xed\xa0\x80"}' % KEY,
    "nan": b'{%b,"a":NaN}' % KEY,
    "duplicate key": b'{%b,"a":1,"a":2}' % KEY,
    "huge number": b'{%b,"a":%b}' % (KEY, b"9" * 5000),
    "deep": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000,
    "latin-1": b'{%b,"a":"\xe9"}' % KEY,
    "bad form": b"a=%zz&a=1&&&=",
    "not utf-8": b"\xff\xfe\x00",
    "wrong types": json.dumps(
        {"SecretKey": "DEV-SAFE2PAY-SECRET-KEY", "event_type": [1], "transaction_id": {"a": None},
         "id": {}, "data": "x", "type": 5, "IdTransaction": []}
    ).encode(),
}  # fmt: skip
GOOD: Final = b'{%b,"event_type":"x","transaction_id":1,"id":"1"}' % KEY


@pytest.mark.parametrize("provider", DOORS)
async def test_bad_bodies_stop_nothing(provider: str) -> None:
    path, headers = DOORS[provider]
    answers = {}
    async with running_ingress(sources=development_sources(), providers=PROVIDERS) as ingress:
        for name, body in BODIES.items():
            answers[name], _ = await ingress.post(path, body, headers)
            status, _ = await ingress.post(path, GOOD, headers)
            assert status in {200, 201}
        taken = sum(status < 400 for status in answers.values())
        assert len(ingress.publisher.deliveries) == len(BODIES) + taken
        if provider == "safe2pay":
            assert not [one for one in ingress.publisher.deliveries if b"DEV-SAFE" in one.body]
    assert {status for status in answers.values() if status >= 400} <= {400, 401}
