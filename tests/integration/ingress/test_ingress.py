"""What the ingress answers with success lies in the broker's queues, and nothing else does."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from libs.bus.topology import ARCHIVE_QUEUE, NORMALIZER_QUEUE, apply_topology
from libs.domain.lifecycle import Authority
from tests.integration.ingress.running import ingress_before, messages_of

pytestmark = pytest.mark.servers

CLIP = "/webhooks/clip?token=dev-clip-token"


async def test_each_provider_gets_its_answer(amqp_url: str) -> None:
    await apply_topology(amqp_url)
    retail = {"event_type": "payment.created", "transaction_id": 12345}
    posts = [
        (CLIP, {}, {"id": "a", "origin": "payments-api", "event_type": "UPDATE"}),
        ("/webhooks/payu/TRANSFER_UPDATE?token=dev-payu-token", {}, {"id": "b"}),
        ("/webhooks/mobbex?token=dev-mobbex-token", {}, {"type": "checkout", "data": {}}),
        ("/webhooks/safe2pay", {}, {"SecretKey": "dev-safe2pay-secret-key", "IdTransaction": 1}),
        ("/webhooks/conectados", {"X-Webhook-Token": "dev-conectados-token"}, retail),
        ("/api/webhooks/retail-events", {"X-Webhook-Token": "dev-conectados-token"}, retail),
    ]
    statuses, answers = [], []
    async with ingress_before(amqp_url) as url, aiohttp.ClientSession() as http:
        for path, headers, body in posts:
            async with http.post(url + path, headers=headers, json=body) as answer:
                statuses.append(answer.status)
                answers.append(await answer.text())
    assert statuses == [200, 200, 200, 200, 201, 201]
    for text in answers[4:]:
        told = json.loads(text)
        assert (told["event"], told["transaction_id"]) == ("payment.created", 12345)
    for queue in (NORMALIZER_QUEUE, ARCHIVE_QUEUE):
        deliveries = [one for batch in await messages_of(amqp_url, queue) for one in batch]
        assert [one.provider for one in deliveries] == [
            "clip", "payu", "mobbex", "safe2pay", "conectados", "conectados",
        ]  # fmt: skip
        assert {one.authority for one in deliveries} == {Authority.SECRET}
        assert deliveries[1].route_event == "TRANSFER_UPDATE"
        assert b"secret-key" not in deliveries[3].body.lower()


async def test_many_leave_in_few_messages(amqp_url: str) -> None:
    await apply_topology(amqp_url)
    bodies = {b'{"id":"%d"}' % number for number in range(500)}
    connector = aiohttp.TCPConnector(limit=100)
    async with (
        ingress_before(amqp_url, publish_deadline=20) as url,
        aiohttp.ClientSession(connector=connector) as http,
    ):

        async def post(body: bytes) -> int:
            async with http.post(url + CLIP, data=body) as answer:
                return answer.status

        assert set(await asyncio.gather(*map(post, bodies))) == {200}
    batches = await messages_of(amqp_url)
    assert {one.body for batch in batches for one in batch} == bodies
    assert sum(map(len, batches)) == 500
    assert len(batches) < 400
