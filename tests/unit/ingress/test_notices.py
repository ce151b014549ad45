"""Who was not let in is counted by source and kind, and told now and then: never for each request."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import structlog

from libs.bus.publisher import Outcome, Outgoing
from libs.bus.topology import NOTICED, WEBHOOKS
from libs.contracts.notice import CONTENT_TYPE, AuthFailure, Notice, decode
from libs.runtime.metrics import REGISTRY
from services.ingress.notices import LONGEST_NAME, SHOWN, SHOWN_OF_SOURCE, Notices
from tests.unit.ingress.stand_ins import Ingress, running_ingress, until

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MISSING, REPEATED, WRONG = AuthFailure.MISSING, AuthFailure.REPEATED, AuthFailure.WRONG


@dataclass
class Noticing:
    """Keeps what it is given, whatever it answers."""

    answer: Outcome | Exception = Outcome.CONFIRMED
    sent: list[Outgoing] = field(default_factory=list)
    ready: bool = True

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[Outcome]:
        self.sent += messages
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer for _ in messages]

    @property
    def notices(self) -> list[Notice]:
        return [notice for message in self.sent for notice in decode(message.body)]

    def counts(self) -> dict[tuple[str, str], int]:
        """Add up, each notice once."""
        found: dict[tuple[str, str], int] = {}
        for notice in {notice.id: notice for notice in self.notices}.values():
            for one in notice.not_let_in:
                key = (one.source, one.kind.value)
                found[key] = found.get(key, 0) + one.requests
        return found


async def test_counts_leave_as_one_message() -> None:
    bus = Noticing()
    notices = Notices(bus, now=lambda: NOW)
    for _ in range(1000):
        notices.not_let_in("shop", WRONG)
    notices.not_let_in("other", MISSING)
    await notices.tell()
    await notices.tell()
    [message] = bus.sent
    assert (message.exchange, message.routing_key) == (WEBHOOKS, NOTICED)
    assert (message.content_type, message.headers) == (CONTENT_TYPE, None)
    assert bus.notices[0].at == NOW
    assert bus.counts() == {("shop", "wrong"): 1000, ("other", "missing"): 1}


async def test_nothing_is_told_of_nothing() -> None:
    bus = Noticing()
    await Notices(bus).tell()
    assert bus.sent == []


@pytest.mark.parametrize(
    "answer", [Outcome.UNKNOWN, Outcome.REFUSED, Outcome.RETURNED, RuntimeError("hush")]
)
async def test_what_was_not_confirmed_is_told_again_as_it_was(answer: Outcome | Exception) -> None:
    """It may have arrived: what came since goes into a notice of its own, under an id of its own."""
    bus = Noticing(answer)
    notices = Notices(bus, now=lambda: NOW)
    notices.not_let_in("shop", WRONG)
    with structlog.testing.capture_logs() as logs:
        await notices.tell()
        notices.not_let_in("shop", WRONG)
        await notices.tell()
    bus.answer = Outcome.CONFIRMED
    await notices.tell()
    await notices.tell()
    bodies = [message.body for message in bus.sent]
    assert bodies[0] == bodies[1] == bodies[2] != bodies[3]
    assert len(bodies) == 4
    assert bus.counts() == {("shop", "wrong"): 2}
    assert "hush" not in repr(logs)


async def test_notice_without_anybody_to_take_it_is_none() -> None:
    notices = Notices()
    notices.not_let_in("shop", WRONG)
    await notices.tell()


@pytest.mark.parametrize(
    ("path", "headers", "body", "told"),
    [
        ("/webhooks/shop", {}, b"{}", ("shop", MISSING)),
        ("/webhooks/shop?token=", {}, b"{}", ("shop", MISSING)),
        ("/webhooks/shop?token=guess", {}, b"{}", ("shop", WRONG)),
        ("/webhooks/shop?token=open-sesame&token=guess", {}, b"{}", ("shop", REPEATED)),
        ("/webhooks/header", {}, b"{}", ("header", MISSING)),
        ("/webhooks/header", {"X-Word": "guess"}, b"{}", ("header", WRONG)),
        ("/webhooks/body", {}, b"{}", ("body", MISSING)),
        ("/webhooks/body", {}, b'{"SecretKey":null}', ("body", MISSING)),
        ("/webhooks/body", {}, b'{"SecretKey":"guess"}', ("body", WRONG)),
        ("/webhooks/body", {}, b'{"SecretKey":["guess"]}', ("body", WRONG)),
    ],
)
async def test_what_was_wrong_is_told(
    path: str, headers: dict[str, str], body: bytes, told: tuple[str, AuthFailure]
) -> None:
    bus, labels = Noticing(), {"source": told[0], "kind": told[1].value}
    before = REGISTRY.get_sample_value("caudal_source_auth_failures_total", labels) or 0
    async with running_ingress(noticing=bus) as ingress:
        assert (await ingress.post(path, body, headers))[0] == 401
    assert bus.counts() == {(told[0], told[1].value): 1}
    assert REGISTRY.get_sample_value("caudal_source_auth_failures_total", labels) == before + 1
    assert b"guess" not in bus.sent[0].body


async def test_whom_we_let_in_and_whom_we_do_not_know_are_no_failures() -> None:
    bus = Noticing()
    async with running_ingress(noticing=bus) as ingress:
        assert (await ingress.post("/webhooks/shop?token=open-sesame"))[0] == 200
        assert (await ingress.post("/webhooks/body", b"no json"))[0] == 400
        for path in ("/webhooks/closed?token=x", "/webhooks/nobody?token=x"):
            assert (await ingress.post(path))[0] == 404
    assert bus.counts() == {}
    shown = [(one.source, one.failure) for notice in bus.notices for one in notice.lost]
    assert shown == [("", AuthFailure.UNKNOWN_SOURCE)] * 2


async def test_what_was_lost_is_shown_without_a_value() -> None:
    """Names of headers, size, hash and reason: enough to see a provider whose secret was rotated."""
    bus = Noticing()
    headers = {"X-Word": "guessed-word", "X-Other": "another-value"}
    async with running_ingress(noticing=bus) as ingress:
        assert (await ingress.post("/webhooks/header", b'{"a": "said"}', headers))[0] == 401
    [one] = [one for notice in bus.notices for one in notice.lost]
    assert (one.source, one.rule, one.failure) == ("header", "header_token", WRONG)
    assert (one.why, one.size) == ("not the credential", 13)
    assert one.sha256 == hashlib.sha256(b'{"a": "said"}').hexdigest()
    assert {"x-word", "x-other", "content-length"} <= set(one.headers)
    for said in (b"guessed-word", b"another-value", b"said"):
        assert said not in bus.sent[0].body


@pytest.mark.usefixtures("both_lanes")
@pytest.mark.parametrize(
    ("later", "seen"),
    [(b'{"a": "said"}', True), (b'{"a": "sa', False), (b"", False)],
    ids=["whole", "half", "never"],
)
async def test_body_is_seen_where_it_comes_soon(later: bytes, *, seen: bool) -> None:
    """Most clients send the body right behind the head; who does not is answered all the same."""
    bus = Noticing()
    async with running_ingress(noticing=bus) as ingress:
        host, port = ingress.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /webhooks/header HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(later)
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 2)
        assert answer.startswith(b"HTTP/1.1 401 ")
        writer.close()
    [one] = [one for notice in bus.notices for one in notice.lost]
    assert one.size == 13
    assert one.sha256 == (hashlib.sha256(later).hexdigest() if seen else None)


async def test_who_is_not_shown_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.ingress.receiving.GLIMPSE", 60.0)
    monkeypatch.setattr("services.ingress.notices.SHOWN_OF_SOURCE", 0)
    async with running_ingress(noticing=Noticing()) as ingress:
        host, port = ingress.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /webhooks/header HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n")
        assert b" 401 " in await asyncio.wait_for(reader.readline(), 2)
        writer.close()


async def test_flood_shows_a_few_of_each_source() -> None:
    bus = Noticing()
    notices = Notices(bus, now=lambda: NOW)
    for source in [f"s{n}" for n in range(30)]:
        for _ in range(100):
            if notices.not_let_in(source, WRONG):
                notices.show(
                    source=source, failure=WRONG, rule="bearer", why="no", body=b"x" * 9, size=9,
                    headers=[f"X-{n}-{'y' * 100}" for n in range(500)] + ["\x1b[31m", "a b"],
                )  # fmt: skip
    await notices.tell()
    lost = bus.notices[0].lost
    assert len(lost) == SHOWN
    assert max(Counter(one.source for one in lost).values()) == SHOWN_OF_SOURCE
    assert len(bus.sent[0].body) < 500_000
    for name in lost[0].headers:
        assert len(name) <= LONGEST_NAME
        assert name.isprintable()
        assert " " not in name
    assert notices.not_let_in("s0", WRONG)  # and of the next message it is shown again


async def test_flood_of_strangers_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself, while the ingress runs; the last of it when it stops."""
    monkeypatch.setattr("services.ingress.notices.EVERY", 0.3)
    bus = Noticing()
    async with running_ingress(noticing=bus) as ingress:
        await _knock(ingress, 40)
        await until(lambda: bus.counts() == {("shop", "wrong"): 40})
        first = len(bus.sent)
        await _knock(ingress, 1)
    assert bus.counts() == {("shop", "wrong"): 41}
    assert first <= 3
    assert len(bus.sent) == first + 1


async def _knock(ingress: Ingress, times: int) -> None:
    for _ in range(times):
        assert (await ingress.post("/webhooks/shop?token=guess"))[0] == 401
