"""TLS to a real RabbitMQ: the right certificate, or no connection and one clear line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
import structlog

from libs.bus.publisher import Outcome, Publisher
from libs.bus.topology import EVENTS, apply_topology
from libs.embedded.ports import free_port
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.runtime.failures import TemporaryError
from tests.integration.access.authority import LOOPBACK, Authority
from tests.integration.access.listening import writing_down

pytestmark = pytest.mark.servers

CONFIGURATION = """
listeners.ssl.1 = {host}:{port}
ssl_options.cacertfile = {folder}/ca.pem
ssl_options.certfile = {folder}/server.pem
ssl_options.keyfile = {folder}/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""
WORD = "word-that-nobody-may-hear"
REFUSED = [
    ("expired", "certificate has expired"),
    ("early", "certificate is not yet valid"),
    ("elsewhere", "IP address mismatch"),
    ("stranger", "unable to get local issuer certificate|self-signed certificate"),
]


@dataclass
class Place:
    """A node with a listener for TLS."""

    node: EmbeddedRabbit
    authority: Authority
    folder: Path
    port: int

    async def use(self, kind: str) -> None:
        """Present this certificate from now on."""
        certificate, key = self.authority.server(kind)
        (self.folder / "server.pem").write_bytes(certificate)
        (self.folder / "server.key").write_bytes(key)
        if self.node.node is not None:
            await self.node.control("eval", "ssl:clear_pem_cache().")

    def checked(self, *, ca: Path | None = None, more: str = "", port: int = 0) -> str:
        user = urlsplit(self.node.url).netloc.rpartition("@")[0]
        told = quote(str(ca or self.authority.ca))
        return f"amqps://{user}@{LOOPBACK}:{port or self.port}/?cafile={told}{more}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("authority")
    port = free_port()
    more = CONFIGURATION.format(host=LOOPBACK, port=port, folder=folder)
    home = tmp_path_factory.mktemp("node")
    node = EmbeddedRabbit(home / "data", home / "log", more=more)
    found = Place(node, Authority(folder), folder, port)
    await found.use("right")
    async with node:
        yield found


async def complaint(url: str) -> str:
    """Return what a process says in its log of a link that does not come about."""
    with structlog.testing.capture_logs() as told:
        publisher = await Publisher.open(url, name="test", deadline=1.0)
        said = await publisher.publish(EVENTS, "x", b"{}", content_type="application/json")
        for _ in range(50):
            if any(each["event"] == "link_lost" for each in told):
                break
            await asyncio.sleep(0.1)
        await publisher.close()
    assert said is Outcome.REFUSED
    reasons: list[Any] = [each["reason"] for each in told if each["event"] == "link_lost"]
    return str(reasons[0])


@pytest.mark.asyncio(loop_scope="module")
async def test_right_certificate_is_accepted(place: Place) -> None:
    certificate, key = place.authority.client(ours=True)
    own = f"&certfile={quote(str(certificate))}&keyfile={quote(str(key))}"
    for url in (place.checked(), place.checked(more=own)):
        await apply_topology(url)
        publisher = await Publisher.open(url, name="test")
        said = await publisher.publish(EVENTS, "x", b"{}", content_type="application/json")
        await publisher.close()
        assert said is Outcome.CONFIRMED


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("kind", "why"), REFUSED)
async def test_other_certificates_are_not(place: Place, kind: str, why: str) -> None:
    await place.use(kind)
    try:
        with pytest.raises(TemporaryError, match=f"certificate is not accepted: .*({why})"):
            await apply_topology(place.checked())
        assert "certificate verify failed" in await complaint(place.checked())
    finally:
        await place.use("right")
    await apply_topology(place.checked())


@pytest.mark.asyncio(loop_scope="module")
async def test_another_authority_is_not(place: Place) -> None:
    url = place.checked(ca=place.authority.another_ca)
    with pytest.raises(TemporaryError, match="certificate is not accepted"):
        await apply_topology(url)
    assert "certificate verify failed" in await complaint(url)


@pytest.mark.asyncio(loop_scope="module")
async def test_strangers_client_certificate_is_refused(place: Place) -> None:
    certificate, key = place.authority.client(ours=False)
    own = f"&certfile={quote(str(certificate))}&keyfile={quote(str(key))}"
    with pytest.raises(TemporaryError):
        await apply_topology(place.checked(more=own))


@pytest.mark.asyncio(loop_scope="module")
async def test_plain_listener_of_the_node_is_no_way_in(place: Place) -> None:
    plain = urlsplit(place.node.url).port or 0
    with pytest.raises(TemporaryError, match="no TLS with the server"):
        await apply_topology(place.checked(port=plain))


async def test_plain_server_gets_no_password(tmp_path: Path) -> None:
    """No silent downgrade: what is sent to it is the beginning of TLS, and no more."""
    authority = Authority(tmp_path)
    async with writing_down(b"AMQP\x00\x00\x09\x01") as (port, kept):
        url = f"amqps://caudal:{WORD}@{LOOPBACK}:{port}/?cafile={quote(str(authority.ca))}"
        with pytest.raises(TemporaryError, match="no TLS with the server"):
            await apply_topology(url)
        assert "SSL" in await complaint(url)
        assert kept[:1] == b"\x16"  # a handshake record
        assert WORD.encode() not in kept
        assert b"AMQP" not in kept
