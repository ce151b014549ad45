"""An ingress on a real socket, with a publisher and providers that stand in for the real ones."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

import aiohttp

from libs.bus.front_door import Publishing
from libs.bus.publisher import Outcome
from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.contracts.webhook_received import decode
from libs.personal.datum import NO_FIELDS, PersonalFields
from libs.providers.port import Answer, Provider, Terms
from libs.runtime.secret_references import SecretReader
from libs.runtime.settings import load_settings
from libs.runtime.sources import read_sources
from libs.runtime.tracing.witness import Witness
from services.ingress.run import serve
from tests.publishing import PublishingOneByOne

DEADLINE: Final = 0.25  # seconds: what the stand-in ingress waits for a confirm

SOURCES: Final = """
[sources.shop]
provider = "plain"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:open-sesame", "literal:second-word"] }

[sources.header]
provider = "plain"
authentication = { kind = "header_token", header = "X-Word", secrets = ["literal:open-sesame"] }
path = "/own/path"

[sources.body]
provider = "keyed"
authentication = { kind = "body_field", field = "SecretKey", secrets = ["literal:OLD-SECRET-KEY", "literal:New-Secret-Key"] }

[sources.free]
provider = "keyed"
authentication = { kind = "none" }

[sources.closed]
provider = "plain"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:", "env:NOT_SET"] }

[sources.documented]
provider = "documented"
authentication = { kind = "none" }
"""


@dataclass(frozen=True)
class StandInProvider:
    """A provider that says what it is told to say."""

    slug: str
    documented_path: str | None = None
    secret_body_fields: tuple[str, ...] = ()
    personal_fields: PersonalFields = field(default_factory=lambda: NO_FIELDS)
    answer: Callable[[Delivery], Answer] = lambda _: Answer(body=b"ok")

    def translate(self, delivery: Delivery, terms: Terms) -> tuple[Reading, ...]:
        del delivery, terms
        return (Unknown(reason=ParkReason.UNKNOWN_VALUE, detail=""),)

    def acknowledge(self, delivery: Delivery) -> Answer:
        return self.answer(delivery)


def _documented(delivery: Delivery) -> Answer:
    if delivery.body == b"bug":
        raise RuntimeError(delivery.body.decode())
    if delivery.body == b"too much":
        raise MemoryError
    if not delivery.body.startswith(b"{"):
        return Answer(status=400, body=b'{"no": 1}', content_type="application/json")
    return Answer(status=201, body=b'{"status":"received"}', content_type="application/json")


PROVIDERS: Final[Mapping[str, Provider]] = {
    "plain": StandInProvider("plain"),
    "keyed": StandInProvider(
        "keyed",
        secret_body_fields=("SecretKey",),
        answer=lambda delivery: Answer(body=delivery.body),
    ),
    "documented": StandInProvider("documented", "/api/documented", answer=_documented),
}


@dataclass
class StandInPublisher(PublishingOneByOne):
    """Keeps what is published; `behave` decides what becomes of a message."""

    ready: bool = True
    behave: Callable[[bytes], Awaitable[Outcome]] | None = None
    messages: list[bytes] = field(default_factory=list)
    archived: list[bytes] = field(default_factory=list)
    archive: Outcome = Outcome.CONFIRMED  # what becomes of the second of the two publishes

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        content_type: str,
        headers: Mapping[str, str | int] | None = None,
    ) -> Outcome:
        assert exchange == "caudal.webhooks"
        assert routing_key in {"webhook.received", "webhook.archived"}
        assert content_type == "application/vnd.caudal.webhook-received.v1"
        assert not headers
        if routing_key == "webhook.archived":
            if self.archive is Outcome.CONFIRMED:
                self.archived.append(body)
            return self.archive
        outcome = Outcome.CONFIRMED if self.behave is None else await self.behave(body)
        if outcome is Outcome.CONFIRMED:
            self.messages.append(body)
        return outcome

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for message in self.messages for delivery in decode(message)]


class Gate:
    """A broker that confirms nothing until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.arrived = 0

    async def __call__(self, _message: bytes) -> Outcome:
        self.arrived += 1
        await self.open.wait()
        return Outcome.CONFIRMED


@dataclass
class Ingress:
    """A running ingress: where it is, and what it published."""

    url: str
    publisher: StandInPublisher
    http: aiohttp.ClientSession
    stop: asyncio.Event

    async def post(
        self, path: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        # A stream: aiohttp warns of large bytes.
        async with self.http.post(self.url + path, data=BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.read()

    async def ready(self) -> tuple[int, str]:
        """Return the status and the level that /health/ready tells."""
        async with self.http.get(self.url + "/health/ready") as answer:
            return answer.status, str((await answer.json())["level"])

    async def raw(self, request: bytes) -> bytes:
        """Send bytes as they are and return what comes until the server closes."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(), timeout=10)
        finally:
            writer.close()


@asynccontextmanager
async def running_ingress(
    *,
    sources: str = SOURCES,
    publisher: StandInPublisher | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
    noticing: Publishing | None = None,
    witness: Witness | None = None,
    **settings: object,
) -> AsyncIterator[Ingress]:
    """Run an ingress on a free port until the end of the `with`."""
    publisher = publisher or StandInPublisher()
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    folder = tempfile.TemporaryDirectory()  # the spool, where the test brings none
    told: dict[str, object] = {
        "ingress_port": 0,
        "publish_deadline": DEADLINE,
        "grace": 5,
        "spool_dir": Path(folder.name),
    }
    server = asyncio.create_task(
        serve(
            load_settings(**{**told, **settings}),
            read_sources(sources, providers, SecretReader(Path(), {})),
            stop,
            publisher=publisher,
            providers=providers,
            noticing=noticing,
            listening=url.set_result,
            witness=witness,
        )
    )
    server.add_done_callback(lambda ended: _fail(url, ended))
    try:
        async with aiohttp.ClientSession() as http:
            yield Ingress(await url, publisher, http, stop)
    finally:
        stop.set()
        await asyncio.wait({server}, timeout=10)
        folder.cleanup()
    server.result()


def _fail(url: asyncio.Future[str], ended: asyncio.Task[None]) -> None:
    if not url.done():
        url.set_exception(ended.exception() or RuntimeError("the ingress ended"))


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Wait for a condition; fail after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.002)
