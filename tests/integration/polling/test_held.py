"""A source that holds uncorroborated money, through running workers: no event before somebody better agrees.

Deliveries enter as the ingress lets them in, with the authority that it gives them; a normalizer translates,
two reconcilers fold, ask the provider, and relay.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aio_pika
import pytest

from libs.bus.front_door import deliver
from libs.bus.publisher import Outcome, Publisher
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_received import encode
from libs.domain.lifecycle import Authority
from libs.store.database import Pool
from tests.integration.bus.waiting import until
from tests.integration.polling.provider import CLIP_KEY, CLIP_SECRET, Provider, link
from tests.integration.polling.rooms import OTHER, REF
from tests.integration.polling.test_running import workers
from tests.integration.store.rooms import fetch, value
from tests.unit.reconciler.telling import delivery_id, received

pytestmark = pytest.mark.servers

SIGNED_REF: Final = OTHER
NEVER: Final = "2e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a14"  # nobody better ever speaks of it
RECONCILERS: Final = tuple(("reconciler", "--name", f"r{number}") for number in (1, 2))
# by which Clip names a notice: those of one name are the same one, sent again
FIRST_NOTICE: Final = "aaaaaaaa-0a44-4c1e-9d0b-5b1f6f8e2a1{}"
NEXT_NOTICE: Final = "bbbbbbbb-0a44-4c1e-9d0b-5b1f6f8e2a1{}"
SECONDS: Final = 40.0


def sources_file(folder: Path, url: str) -> Path:
    path = folder / "sources.toml"
    api = f"""
[sources.holding.api]
base_url = "{url}/clip"
credentials = {{ api_key = "literal:{CLIP_KEY}", secret_key = "literal:{CLIP_SECRET}" }}
[providers.clip]
requests_per_second = 100
timeout = "30s"
[providers.clip.overdue]
default = ["1h", "2h"]
finished = []
"""
    sources = "".join(
        f'[sources.{slug}]\nprovider = "clip"\nauthentication = {{ kind = "none" }}\n{more}'
        for slug, more in (("holding", 'uncorroborated = "hold"\n'), ("telling", ""))
    )
    path.write_text(sources + api)
    return path


def webhook(
    number: int,
    ref: str,
    word: str,
    *,
    source: str = "holding",
    by: Authority = Authority.UNSIGNED,
    notice: str = FIRST_NOTICE,
) -> Delivery:
    """Say what Clip says of a checkout; the same notice always in the same bytes."""
    body = {
        "id": notice.format(ref[0]),
        "payment_request_id": ref,
        "resource": "CHECKOUT",
        "resource_status": word,
    }
    return Delivery(
        id=delivery_id(number),
        source=source,
        provider="clip",
        body=json.dumps(body).encode(),
        received_at=received(number),
        authority=by,
        content_type="application/json",
    )


class Town:
    """The workers with their bus, as seen from outside: what enters, and the events that leave."""

    def __init__(self, pool: Pool, publisher: Publisher) -> None:
        self.pool, self.publisher = pool, publisher
        self.events: list[dict[str, Any]] = []

    async def send(self, *deliveries: Delivery) -> None:
        """Bring deliveries in, and wait until all of them are on record and all events are out."""
        assert await deliver(self.publisher, encode(deliveries)) is Outcome.CONFIRMED
        ids = [each.id for each in deliveries]
        await until(lambda: self._settled(ids), SECONDS)

    async def _settled(self, ids: list[str]) -> bool:
        done = await value(
            self.pool,
            "select count(*) = $2 and not exists (select from outbox)"
            " from translations where delivery_id = any($1::uuid[])",
            ids,
            len(ids),
        )
        return done is True

    async def state(self, ref: str, source: str = "holding") -> tuple[object, ...] | None:
        """Return state, flags, whether it is held, and the number of its events."""
        rows = await fetch(
            self.pool,
            "select state, flags, held, sequence from objects where provider_ref = $1 and source = $2",
            ref,
            source,
        )
        return tuple(rows[0]) if rows else None

    def told(self, ref: str, source: str = "holding") -> list[tuple[object, ...]]:
        """Return number, state before and after, and flags of the events of an object."""
        said = [(event["sequence"], event["data"]) for event in self.events]
        return [
            (number, data["previous_state"], data["state"], data["flags"])
            for number, data in said
            if (data["provider_ref"], data["source"]) == (ref, source)
        ]


@asynccontextmanager
async def town(amqp_url: str, dsn: str, pool: Pool, sources: Path) -> AsyncIterator[Town]:
    commands = (("normalizer",), *RECONCILERS)
    async with workers(amqp_url, dsn, sources, *commands):
        publisher = await Publisher.open(amqp_url, name="test")
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            made = Town(pool, publisher)

            async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                made.events.append(json.loads(message.body))
                await message.ack()

            channel = await connection.channel()
            queue = await channel.get_queue("caudal.events.all", ensure=False)
            await queue.consume(take)
            try:
                yield made
            finally:
                await publisher.close()


async def shown(dsn: str, *arguments: str) -> str:
    """Return what a command of an operator's prints."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-m", "services.cli", "objects", *arguments],
        env={"CAUDAL_POSTGRES_DSN": dsn}, check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return str(done.stdout)


@pytest.mark.parametrize("notice", [FIRST_NOTICE, NEXT_NOTICE], ids=["the same", "another"])
async def test_held_until_somebody_better_agrees_and_then_told_once(
    amqp_url: str, dsn: str, pool: Pool, tmp_path: Path, notice: str
) -> None:
    held = ("paid", ["uncorroborated"], True, 1)
    async with Provider.running() as provider:
        provider.hold = asyncio.Event()  # nobody is answered yet
        provider.answers[f"/clip/v2/checkout/{REF}"] = link(REF, amount=12.5)
        sources = sources_file(tmp_path, provider.url)
        async with town(amqp_url, dsn, pool, sources) as here:
            refs = (REF, SIGNED_REF, NEVER)
            await here.send(*(webhook(n, ref, "CREATED") for n, ref in enumerate(refs, 1)))
            unsigned = [webhook(n, ref, "COMPLETED") for n, ref in enumerate(refs, 11)]
            await here.send(*unsigned, webhook(14, REF, "COMPLETED", source="telling"))

            # the one source holds, the other tells
            await until(lambda: here.told(REF, "telling"))
            assert here.told(REF, "telling") == [(1, None, "paid", ["uncorroborated"])]
            assert [await here.state(ref) for ref in refs] == [held] * 3
            assert [state for ref in refs for *_, state, _ in here.told(ref)] == ["created"] * 3
            listed = json.loads(await shown(dsn, "list", "--source", "holding", "--json"))
            assert [(each["state"], each["held"]) for each in listed] == [("paid", True)] * 3
            assert "uncorroborated (held)" in await shown(dsn, "show", NEVER)

            # the same again, redelivered or said again, is nobody better
            again = [replace(each, id=delivery_id(n)) for n, each in enumerate(unsigned, 21)]
            await here.send(*unsigned, *again)
            assert [await here.state(ref) for ref in refs] == [held] * 3

            # a signed notice agrees; so does the provider, once it answers
            signed = webhook(31, SIGNED_REF, "COMPLETED", by=Authority.SIGNED, notice=notice)
            await here.send(signed)
            await until(lambda: len(here.told(SIGNED_REF)) == 2)
            assert (await here.state(REF), await here.state(NEVER)) == (held, held)
            provider.hold.set()
            await until(lambda: len(here.told(REF)) == 2, SECONDS)
            released: list[tuple[object, ...]] = [
                (1, None, "created", []),
                (2, "created", "paid", []),
            ]
            assert (here.told(REF), here.told(SIGNED_REF)) == (released, released)

            # and nothing tells it twice
            await here.send(*unsigned, replace(signed, id=delivery_id(41)), signed)
            await here.send(
                *(replace(each, id=delivery_id(50 + n)) for n, each in enumerate(again))
            )
            await here.send(webhook(99, "9e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a19", "CREATED"))
            await until(lambda: here.told("9e3c1d52-0a44-4c1e-9d0b-5b1f6f8e2a19"))
            assert (here.told(REF), here.told(SIGNED_REF)) == (released, released)
            for ref in (REF, SIGNED_REF):
                assert await here.state(ref) == ("paid", [], False, 2)
            assert await here.state(NEVER) == held
            assert len(here.told(NEVER)) == 1
    assert CLIP_SECRET not in (tmp_path / "log").read_text()
