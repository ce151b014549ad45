"""What operators do and see beside a run with canaries: checks, the lost-and-found, acts, the port, the tables."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg

from libs.embedded.ports import free_port
from libs.providers.registry import PROVIDERS
from tests.acceptance.stack import CAUDAL, Ran, Request, Stack, environment
from tests.processes import wait_until

Places = dict[str, str]
TOKEN: Final = "token-of-ana-which-is-long-enough"
RIGHT, WRONG = "of-nobody-2", "of-nobody-1"  # credentials of the locked sources
SECONDS: Final = 60.0
LOUD: Final = {"CAUDAL_LOG_LEVEL": "debug", "CAUDAL_LOG_FORMAT": "json"}
LET_IN, NOT_LET_IN, CANNOT_BE_SAID = 0, 1, 3


@contextmanager
def worker(stack: Stack, role: str) -> Iterator[tuple[Path, int]]:
    """Run one more worker, which tells its metrics; give its log and the port of these."""
    port, log = free_port(), stack.home / f"{role}.log"
    env = environment(
        {
            **LOUD,
            "CAUDAL_AMQP_URL": stack.line["amqp_url"],
            "CAUDAL_POSTGRES_DSN": stack.line["postgres_dsn"],
            "CAUDAL_METRICS_PORT": str(port),
            "CAUDAL_SOURCES": str(stack.home / "sources.toml"),
        }
    )
    with log.open("wb") as output:
        process = subprocess.Popen([CAUDAL, role, "--name", f"{role}-9"], stderr=output, env=env)
        try:
            yield log, port
        finally:
            process.terminate()
            process.wait(SECONDS)


def answers(port: int) -> bool:
    try:
        metrics(f"http://127.0.0.1:{port}")
    except OSError:
        return False
    return True


def metrics(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:  # noqa: S310 - our own address
        return str(answer.read(), "utf-8")


def run_all(stack: Stack, commands: Sequence[Sequence[str]]) -> list[Ran]:
    """Run commands side by side; the results come in their order."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda command: stack.caudal(*command), commands))


def look_at_what_was_lost(stack: Stack) -> Places:
    """Return the lost-and-found, in which each locked source has something."""

    def all_there() -> bool:
        slugs = {each["source"] for each in stack.ask("sources", "lost")}
        return slugs >= {"signed", *(f"{slug}-locked" for slug in PROVIDERS)}

    assert wait_until(all_there, seconds=SECONDS)
    commands = [("sources", "lost"), ("sources", "lost", "--json")]
    return {
        f"caudal {' '.join(command)}": done.stdout + done.stderr
        for command, done in zip(commands, run_all(stack, commands), strict=True)
    }


def check(stack: Stack, given: Mapping[str, Request], stored: Mapping[str, str]) -> Places:
    """Check a request of each provider with the right and the wrong credential, and a stored delivery."""
    sources = ("--sources", str(stack.home / "sources.toml"))
    asked: list[tuple[tuple[str, ...], int]] = []
    forms: tuple[tuple[str, ...], ...] = ((), ("--json",))
    for number, (slug, request) in enumerate(given.items()):
        form = forms[number % 2]
        wrong = _kept(stack, slug, WRONG, request)
        asked.append((("sources", "check", slug, "--request", wrong, *form), NOT_LET_IN))
        if number < len(forms):  # what goes well says the same of everybody
            right = _kept(stack, slug, RIGHT, request)
            asked.append((("sources", "check", slug, "--request", right, *form), LET_IN))
            on_file = ("sources", "check", slug, "--delivery", stored[slug], *form)
            asked.append((on_file, CANNOT_BE_SAID))
    # what is no request at all is refused in words of our own
    torn = stack.home / "torn.http"
    torn.write_bytes(
        (stack.home / f"{next(iter(given))}-{WRONG}.http").read_bytes().split(b"\r\n\r\n")[1]
    )
    asked.append((("sources", "check", next(iter(given)), "--request", str(torn)), 2))
    found: Places = {}
    for (command, code), done in zip(
        asked, run_all(stack, [(*command, *sources) for command, _ in asked]), strict=True
    ):
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
        found[f"caudal {' '.join(command)}"] = done.stdout + done.stderr
    return found


def _kept(stack: Stack, slug: str, token: str, request: Request) -> str:
    """Keep a request in a file, as it is sent to a source."""
    file = stack.home / f"{slug}-{token}.http"
    assert isinstance(request.body, bytes)
    file.write_bytes(_as_sent(f"/webhooks/{slug}?token={token}", request.headers) + request.body)
    return str(file)


def _as_sent(target: str, headers: Mapping[str, str]) -> bytes:
    headers = {"Host": "a", **headers}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def port_for_operators(stack: Stack) -> Iterator[str]:
    """Run `caudal admin` beside the stack, as loud as the rest; give its address. Its log is in `admin.log`."""
    port = free_port()
    env = {
        **stack.variables,
        **LOUD,
        "CAUDAL_ADMIN_TOKEN": f"ana:{TOKEN}",
        "CAUDAL_ADMIN_PORT": str(port),
        "CAUDAL_SOURCES": str(stack.home / "sources.toml"),
    }
    log = stack.home / "admin.log"
    with log.open("wb") as output:
        process = subprocess.Popen([CAUDAL, "admin"], stderr=output, env=environment(env))
        try:
            url = f"http://127.0.0.1:{port}"
            assert wait_until(lambda: "admin_listening" in log.read_text(), seconds=SECONDS)
            yield url
        finally:
            process.terminate()
            process.wait(SECONDS)


def act(stack: Stack, objects: Sequence[Any], parked: Sequence[Any]) -> Places:
    """Have an operator look and act, by the port and by commands; return what is answered and on record."""
    discarded, another = (parked[n]["delivery_id"] for n in (0, 1))
    requests: list[tuple[int, str, dict[str, Any] | None]] = [
        (200, "/parked", None),
        (200, "/parked/groups", None),
        (200, f"/objects/{objects[0]['provider_ref']}", None),
        (200, "/parked/replay", {"provider": "payu", "why": "again", "wait": 30}),
        (200, "/parked/discard", {"deliveries": [discarded], "why": "a test"}),
        (409, "/objects/poll", {"ref": objects[0]["provider_ref"], "why": "to be sure"}),
        (200, f"/deliveries/{another}/replay", {"why": "again"}),
        (404, "/nowhere", None),
        (200, "/acts", None),
    ]
    found: Places = {}
    with port_for_operators(stack) as url:
        for code, path, told in requests:
            answer = found[f"answer of the port to {path}"] = _asked(url + path, told)
            assert answer.startswith(f"{code} "), f"{path}: {answer}"
        found["answer of the port to nobody"] = _asked(f"{url}/acts", None, token="no-one")
    sources = ("--sources", str(stack.home / "sources.toml"))
    for commands in (
        [
            ("parked", "replay", another, "--why", "by hand"),
            ("replay", "--since", "1h", "--processes", "1", "--why", "by hand", "--json", *sources),
            ("poll", objects[1]["provider_ref"], "--why", "by hand", *sources),
        ],
        [("audit", "list"), ("audit", "list", "--json")],
    ):
        for command, done in zip(commands, run_all(stack, commands), strict=True):
            found[f"caudal {' '.join(command)}"] = done.stdout + done.stderr
    on_record = {each["action"] for each in json.loads(done.stdout)}
    assert on_record >= {"parked.replay", "parked.discard", "delivery.replay", "replay"}, on_record
    found["log of the port"] = (stack.home / "admin.log").read_text()
    return found


def _asked(url: str, told: dict[str, Any] | None, *, token: str = TOKEN) -> str:
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        data=None if told is None else json.dumps(told).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
            return f"{answer.status} {answer.headers} {answer.read().decode()}"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.headers} {error.read().decode()}"


async def tables(dsn: str) -> Places:
    """Return every table as text; raw bodies rest encrypted in it."""
    connection = await asyncpg.connect(dsn)
    try:
        names = await connection.fetch(
            "select relname from pg_class where relnamespace = current_schema()::regnamespace"
            " and relkind in ('r', 'p') and not relispartition order by 1"
        )
        found: Places = {}
        for (name,) in names:
            text = await connection.fetchval(
                f"select string_agg(t::text, e'\\n') from {name} t"  # noqa: S608 - ours
            )
            if text:
                found[f"table {name}"] = text
        return found
    finally:
        await connection.close()


async def on_file(dsn: str) -> dict[str, str]:
    """Return a delivery of each locked source."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select source, id from deliveries where source like '%-locked'"
        )
    finally:
        await connection.close()
    return {row["source"]: str(row["id"]) for row in rows}


async def drained(dsn: str, posted: int) -> bool:
    """Tell whether everything is on file, translated, and published."""
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            "select (select count(*) from deliveries), (select count(*) from translations),"
            " (select count(*) from outbox)"
        )
    finally:
        await connection.close()
    assert row is not None
    return tuple(row) == (posted, posted, 0)
