"""The port for operators: nobody without a token, nothing without a reason, all of it on record."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from libs.bus.publisher import Outcome
from libs.bus.tail import queue_depths
from libs.bus.topology import NORMALIZER_QUEUE, apply_topology
from libs.contracts.delivery import Origin
from libs.runtime.configuration import ConfigurationError
from libs.runtime.failures import TemporaryError
from libs.runtime.settings import Settings, load_settings
from libs.store.acts import Intent, Person, list_acts, on_record
from libs.store.archive import file_deliveries
from libs.store.database import Pool
from services.admin.run import run
from services.admin.tokens import Tokens
from tests.acceptance.stack import caudal
from tests.integration.ingress.running import messages_of
from tests.integration.replay.mapping import Mapped, delivered, take
from tests.integration.store.rooms import dsn, fetch, logged, pool, template
from tests.unit.reconciler.telling import delivery_id

__all__ = ["dsn", "logged", "pool", "template"]

pytestmark = pytest.mark.servers

TOKEN = "token-of-ana-which-is-long-enough"
ANA = {"Authorization": f"Bearer {TOKEN}"}
ODD = "<script>alert(1)</script>\x1b[2J\u202eevil"
ACTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/parked/replay", {"all": True}),
    ("/parked/discard", {"all": True}),
    (f"/deliveries/{delivery_id(1)}/replay", {}),
    ("/objects/poll", {"ref": "x"}),
)


def settings(amqp_url: str, dsn: str) -> Settings:
    return load_settings(amqp_url=amqp_url, postgres_dsn=dsn, admin_port=0)


@pytest_asyncio.fixture
async def port(amqp_url: str, dsn: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a session with the port, which shows no token by itself."""
    await apply_topology(amqp_url)
    stop, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    work = asyncio.create_task(
        run(
            settings(amqp_url, dsn),
            Tokens({"ana": TOKEN, "ben": "another-token-that-is-long-enough"}),
            stop,
            listening=bound.set_result,
        )
    )
    try:
        url = await asyncio.wait_for(bound, 20)
        assert url.startswith("http://127.0.0.1:")
        async with aiohttp.ClientSession(url) as session:
            yield session
    finally:
        stop.set()
        await work


async def parked(pool: Pool, *numbers: int) -> None:
    await take(pool, Mapped(), *(delivered(n, f"odd {n}".encode()) for n in numbers))


async def on_file(pool: Pool) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await fetch(pool, "select who, via, action, why from acts")]


async def answer(
    port: aiohttp.ClientSession,
    path: str,
    body: object = None,
    headers: Mapping[str, str] = ANA,
) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    async with port.request(method, path, json=body, headers=headers) as said:
        return said.status, json.loads(await said.read())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-token-that-is-long-enough"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"X-Authorization": f"Bearer {TOKEN}"},
        {"Cookie": f"Authorization=Bearer {TOKEN}"},
    ],
)
async def test_nobody_without_a_token(
    port: aiohttp.ClientSession, pool: Pool, headers: dict[str, str], logged: list[Any]
) -> None:
    await parked(pool, 1)
    for path, body in ACTIONS:
        assert await answer(port, path, body | {"why": "x"}, headers=headers) == (401, {})
    for path in ("/parked", "/parked/groups", "/objects/x", "/acts", "/nothing", "/metrics"):
        assert await answer(port, path, headers=headers) == (401, {})
    assert await on_file(pool) == []
    assert len(await fetch(pool, "select 1 from parked where discarded_at is null")) == 1
    told = json.dumps(logged, default=str)
    assert "admin_not_let_in" in told
    assert TOKEN[:12] not in told


async def test_two_tokens_are_none(port: aiohttp.ClientSession) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
    async with port.get("/acts", headers=headers) as said:
        assert said.status == 401


@pytest.mark.parametrize(("path", "body"), ACTIONS)
@pytest.mark.parametrize("why", [None, "", "  \n", 7, "a\0b", "x" * 2001, "\ud800"])
async def test_nothing_without_a_reason(
    port: aiohttp.ClientSession, pool: Pool, path: str, body: dict[str, Any], why: object
) -> None:
    await parked(pool, 1)
    status, said = await answer(port, path, body if why is None else body | {"why": why})
    assert (status, said["error"].partition(":")[0]) == (400, "why")
    assert await on_file(pool) == []
    assert len(await fetch(pool, "select 1 from parked where discarded_at is null")) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"[" * 100_000, b'{"why":"x","all":true,"more":1}', b'{"why":"x"}',
     b'{"why":"x","all":true,"source":"clip"}', b'{"why":"x","deliveries":["x"]}',
     b'{"why":"x","deliveries":[],"all":true}', b'{"why":"x","source":"a\\u0000b"}'],
)  # fmt: skip
async def test_unusable_requests(port: aiohttp.ClientSession, pool: Pool, body: bytes) -> None:
    async with port.post("/parked/discard", data=body, headers=ANA) as said:
        assert said.status == 400
        assert (await said.json())["error"]
    assert await on_file(pool) == []


async def test_discard_is_on_record(port: aiohttp.ClientSession, pool: Pool) -> None:
    await parked(pool, 1, 2)
    body = {"deliveries": [delivery_id(1)], "why": f" {ODD} "}
    assert await answer(port, "/parked/discard", body) == (200, {"discarded": 1})
    [act] = await list_acts(pool)
    assert (act.who, act.via, act.action, act.why) == ("ana", "http", "parked.discard", ODD)
    assert act.subject == {"deliveries": [delivery_id(1)]}
    assert act.outcome == {"discarded": 1}
    status, listed = await answer(port, "/acts")
    assert (status, listed[0]["why"]) == (200, ODD)
    status, left = await answer(port, "/parked")
    assert [each["delivery_id"] for each in left] == [delivery_id(2)]


async def test_replay_is_on_record_and_travels(
    port: aiohttp.ClientSession, pool: Pool, amqp_url: str
) -> None:
    await parked(pool, 1)
    body = {"all": True, "why": "the mapping is mended"}
    status, said = await answer(port, "/parked/replay", body)
    assert (status, said["sent"]) == (200, 1)
    assert (await queue_depths(amqp_url, [NORMALIZER_QUEUE]))[NORMALIZER_QUEUE] == 1
    [act] = await list_acts(pool)
    assert (act.action, act.subject, act.outcome) == (
        "parked.replay", {"all": True}, {"asked": 1, "sent": 1},
    )  # fmt: skip


async def test_one_delivery_of_the_archive_enters_again_on_record(
    port: aiohttp.ClientSession, pool: Pool, amqp_url: str
) -> None:
    filed = delivered(7, b'{"amount": 1}')
    await file_deliveries(pool, [delivered(6, b"another"), filed])
    body = {"why": "the mapping was wrong"}
    said = await answer(port, f"/deliveries/{filed.id.upper()}/replay", body)
    assert said == (200, {"asked": 1, "sent": 1, "missing": [], "not_opened": []})
    [[replay]] = await messages_of(amqp_url)
    assert (replay.origin, replay.replay_of) == (Origin.REPLAY, filed.id)
    assert (replay.body, replay.received_at) == (filed.body, filed.received_at)
    assert replay.id != filed.id
    [act] = await list_acts(pool)
    assert (act.who, act.via, act.action) == ("ana", "http", "delivery.replay")
    assert (act.why, act.subject) == ("the mapping was wrong", {"delivery": filed.id})
    assert act.outcome == {"asked": 1, "sent": 1}
    assert act.ended_at is not None


async def test_delivery_that_cannot_leave_is_on_record_too(
    port: aiohttp.ClientSession,
    pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object) -> Outcome:
        return Outcome.UNKNOWN

    monkeypatch.setattr("services.replay.reentry.deliver", refuse)
    monkeypatch.setattr("services.replay.reentry.FIRST_PAUSE", 0)
    await file_deliveries(pool, [delivered(7, b"{}")])
    status, said = await answer(port, f"/deliveries/{delivery_id(7)}/replay", {"why": "x"})
    assert (status, said["error"].startswith("the broker did not confirm")) == (503, True)
    [act] = await list_acts(pool)
    assert act.outcome == {"failed": said["error"]}


@pytest.mark.parametrize(
    "path",
    [
        "/objects/a%00b", "/parked?source=%00", "/parked?reason=none", "/parked?limit=ten",
        "/parked?limit=1001", "/parked?sources=clip", "/parked?source=a&source=b",
        "/parked/groups?limit=1", "/acts?who=a%00", f"/acts?action={'x' * 513}",
        "/objects/x?ref=y",
    ],
)  # fmt: skip
async def test_unusable_questions(
    port: aiohttp.ClientSession, path: str, logged: list[Any]
) -> None:
    status, said = await answer(port, path)
    assert (status, list(said)) == (400, ["error"])
    assert "request_failed" not in json.dumps(logged, default=str)


@pytest.mark.parametrize("named", ["x", "-" * 36, f"{delivery_id(1)}0", "%00"])
async def test_delivery_that_is_no_id(port: aiohttp.ClientSession, pool: Pool, named: str) -> None:
    assert (await answer(port, f"/deliveries/{named}/replay", {"why": "x"}))[0] == 400
    assert await on_file(pool) == []


async def test_fault_of_ours_quotes_nothing(
    port: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    async def fail(_: object, **told: object) -> None:
        raise ValueError(told["who"])

    monkeypatch.setattr("services.admin.routes.list_acts", fail)
    assert await answer(port, "/acts?who=sesame") == (500, {"error": "internal error"})
    told = json.dumps(logged, default=str)
    assert "request_failed" in told
    assert "sesame" not in told


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /parked HTTP/1.1\r\nHost: a\r\nX: sesame\0\r\n\r\n",
        b"GET /parked?source=" + b"sesame" * 2000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"sesame\r\n\r\n",
    ],
    ids=["header", "target", "no-http"],
)
async def test_what_is_no_request_is_quoted_nowhere(
    port: aiohttp.ClientSession,
    logged: list[Any],
    caplog: pytest.LogCaptureFixture,
    sent: bytes,
) -> None:
    url = port._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    said = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    head, body = said.split(b"\r\n\r\n")
    assert b" 400 " in head.split(b"\r\n")[0]
    assert b"application/json" in head
    assert json.loads(body) == {"error": "request not readable"}
    told = json.dumps(logged, default=str) + caplog.text
    assert "request_malformed" in told
    assert "sesame" not in told


async def test_body_that_breaks_off(port: aiohttp.ClientSession, pool: Pool) -> None:
    url = port._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /parked/discard HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\nno size\r\n".encode())
    said = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    assert b" 400 " in said.split(b"\r\n")[0]
    assert json.loads(said.split(b"\r\n\r\n")[1])["error"]
    assert await on_file(pool) == []


async def test_unknown_things_are_said_to_be_so(port: aiohttp.ClientSession, pool: Pool) -> None:
    told = {"why": "look"}
    assert (await answer(port, f"/deliveries/{delivery_id(9)}/replay", told))[0] == 404
    assert (await answer(port, "/objects/poll", told | {"ref": "x"}))[0] == 409  # no sources file
    assert (await answer(port, "/nothing"))[0] == 404
    assert (await answer(port, "/acts", {"why": "x"}))[0] == 405
    assert (await answer(port, "/acts?limit=0"))[0] == 400
    assert await on_file(pool) == []


async def test_large_body_is_refused(port: aiohttp.ClientSession) -> None:
    with suppress(aiohttp.ClientError):
        async with port.post(
            "/parked/discard", data=io.BytesIO(b" " * 2_000_000), headers=ANA
        ) as said:
            assert said.status == 413


async def test_act_that_cannot_be_recorded_is_not_done(pool: Pool) -> None:
    intent = Intent(Person("", "http"), "parked.discard", "why", {})  # nobody: the table refuses
    done = False
    with pytest.raises(asyncpg.CheckViolationError):
        async with on_record(pool, intent):
            done = True
    assert not done


async def test_act_without_an_end_shows_as_not_known(pool: Pool, logged: list[Any]) -> None:
    intent = Intent(Person("ana", "cli:ana"), "object.poll", "why", {"ref": "x"})
    with pytest.raises(TemporaryError):
        async with on_record(pool, intent):
            raise TemporaryError("the broker is away")
    async with on_record(pool, intent):
        await fetch(pool, "alter table acts rename to away")
    await fetch(pool, "alter table away rename to acts")
    assert [act.outcome for act in await list_acts(pool)] == [
        None, {"failed": "the broker is away"},
    ]  # fmt: skip
    assert "act_end_not_on_record" in json.dumps(logged)


async def test_commands_are_on_record(pool: Pool, dsn: str, amqp_url: str) -> None:
    await apply_topology(amqp_url)
    await parked(pool, 1, 2)
    env = {"CAUDAL_POSTGRES_DSN": dsn, "CAUDAL_AMQP_URL": amqp_url}
    commands = (
        ("parked", "replay", "--all", "--no-wait", "--by", "ben", "--why", "mended"),
        ("parked", "discard", "--all", "--reason", ODD),
    )
    for words in commands:
        ran = await asyncio.to_thread(caudal, *words, env=env)
        assert (ran.returncode, ran.stderr) == (0, "2 of 2 sent\n" if "replay" in words else "")
    discarded, replayed = await list_acts(pool)
    assert (replayed.who, replayed.why, replayed.outcome) == (
        "ben", "mended", {"asked": 2, "sent": 2},
    )  # fmt: skip
    assert replayed.via.startswith("cli:")
    assert (discarded.who, discarded.why) == (replayed.via.removeprefix("cli:"), ODD)
    for more in ((), ("--json",)):
        ran = await asyncio.to_thread(caudal, "audit", "list", *more, env=env)
        assert ran.returncode == 0
        assert "\x1b" not in ran.stdout
        assert ("\u202e" in ran.stdout) is False
    assert json.loads(ran.stdout)[0]["why"] == ODD


async def test_taken_port_is_said(amqp_url: str, dsn: str) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    told = load_settings(amqp_url=amqp_url, postgres_dsn=dsn, admin_port=taken)
    with pytest.raises(ConfigurationError, match="CAUDAL_ADMIN_PORT"):
        await run(told, Tokens({"ana": TOKEN}), asyncio.Event())
    server.close()


def test_without_a_token_it_is_off(amqp_url: str, dsn: str) -> None:
    ran = caudal("admin", env={"CAUDAL_POSTGRES_DSN": dsn, "CAUDAL_AMQP_URL": amqp_url})
    assert ran.returncode == 2
    assert "CAUDAL_ADMIN_TOKEN" in ran.stderr
