"""The HTTP side: a webhook is answered 200 once the broker has confirmed it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Request, Response
from faststream.rabbit import Channel, RabbitBroker

from bench.peers.fastapi_faststream.settings import AMQP_URL, WEBHOOKS

PUBLISH_WITHIN = 5.0  # seconds

# Confirms are on by default; that a message which reached no queue raises is not.
broker = RabbitBroker(AMQP_URL, default_channel=Channel(on_return_raises=True))
webhooks = broker.publisher(WEBHOOKS, persist=True, mandatory=True, timeout=PUBLISH_WITHIN)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Keep one connection to the broker as long as the application lives."""
    async with broker:
        await broker.start()
        yield


app = FastAPI(lifespan=lifespan, openapi_url=None)


@app.post("/webhooks/{source}")
@app.post("/webhooks/{source}/{event}")
async def receive(source: str, request: Request) -> Response:
    """Take a webhook; an error of the broker becomes a 500, and the provider sends it again."""
    await webhooks.publish(
        await request.body(),
        content_type="application/octet-stream",
        headers={
            "source": source,
            "delivery_id": request.headers.get("x-request-id", ""),
            "content_type": request.headers.get("content-type", ""),
            "http": orjson.dumps(dict(request.headers)).decode(),
        },
    )
    return Response()
