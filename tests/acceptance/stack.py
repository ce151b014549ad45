"""One `caudal up` as its users see it: a subprocess, HTTP in, the CLI's JSON and AMQP out.

Nothing here knows the code: the ingress is reached over HTTP, what became of a webhook is asked of
the `caudal` command, and the events are consumed from `caudal.events.all` as any other service
would consume them.
"""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aio_pika

CAUDAL = Path(sys.executable).with_name("caudal")
START_SECONDS = 90.0
STOP_SECONDS = 40.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request to the ingress. A body given in pieces travels in chunked encoding."""

    path: str
    body: bytes | list[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    method: str = "POST"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Published:
    """One event as it lay in the queue."""

    routing_key: str
    content_type: str | None
    body: Json
    traceparent: str | None = None


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without any CAUDAL_* of the caller, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAUDAL_")}
    return kept | dict(extra or {})


def caudal(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> "Ran":
    """Run one command of the CLI to its end."""
    return subprocess.run(
        [CAUDAL, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment(env),
        cwd=cwd,
        timeout=START_SECONDS,
    )


Ran = subprocess.CompletedProcess[str]


class Stack:
    """A running `caudal up --json`. Its log (stderr) is kept in a file."""

    def __init__(
        self, home: Path, *arguments: str, sources: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.log_file = home / "up.log"
        if sources:
            (home / "sources.toml").write_text(sources)
            arguments = ("--sources", str(home / "sources.toml"), *arguments)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [CAUDAL, "up", "--json", "--port", "0", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(env),
                cwd=home,
                text=True,
            )
        self.listener: Listener | None = None

    def __enter__(self) -> Self:
        return self.ready()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ready(self) -> Self:
        """Wait for the one line on stdout. Raises AssertionError with the log if it never comes."""
        watch = threading.Timer(START_SECONDS, self.process.kill)
        watch.start()
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        watch.cancel()
        if not text:
            self.stop()
            raise AssertionError(f"caudal up never became ready:\n{self.log()}")
        self.line: dict[str, str] = json.loads(text)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, wait for its end, return the exit code. Whatever it still printed is lost."""
        if self.listener is not None:
            self.listener.stop()
            self.listener = None
        self.process.send_signal(number)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()
        return code

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def send(self, request: Request, *, seconds: float = 20.0) -> Answer:
        """Send one request over a connection of its own and return the answer."""
        address = urlsplit(self.line["ingress_url"])
        connection = http.client.HTTPConnection(address.netloc, timeout=seconds)
        try:
            connection.request(
                request.method,
                request.path,
                body=request.body,
                headers=dict(request.headers),
                encode_chunked=isinstance(request.body, list),
            )
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers.get_content_type())
        finally:
            connection.close()

    def send_all(self, requests: Sequence[Request], *, at_once: int = 12) -> list[Answer]:
        """Send them concurrently; the answers come in the order of the requests."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.send, requests))

    def caudal(self, *arguments: str) -> Ran:
        """Run the CLI against this stack, addressed as an operator would: by its variables."""
        return caudal(*arguments, env=self.variables)

    @property
    def variables(self) -> dict[str, str]:
        """What tells a command of this stack."""
        return {
            "CAUDAL_POSTGRES_DSN": self.line["postgres_dsn"],
            "CAUDAL_AMQP_URL": self.line["amqp_url"],
            "CAUDAL_ARCHIVE_KEYS_FILE": str(Path(self.line["data_dir"]) / "archive.keys"),
        }

    def ask(self, *arguments: str) -> Any:  # noqa: ANN401 - whatever that command prints
        """Run a command with --json and return what it said. Raises AssertionError with stderr."""
        ran = self.caudal(*arguments, "--json")
        assert ran.returncode == 0, f"caudal {' '.join(arguments)}: {ran.stderr}"
        return json.loads(ran.stdout)

    def objects(self, *options: str) -> list[Json]:
        listed: list[Json] = self.ask("objects", "list", *options)
        return listed

    def parked(self, *options: str) -> list[Json]:
        listed: list[Json] = self.ask("parked", "list", *options)
        return listed

    def listen(self) -> "Listener":
        """Start to consume `caudal.events.all`; until `stop`, or the end of the stack."""
        self.listener = Listener(self.line["amqp_url"])
        return self.listener


class Listener:
    """A downstream service: a plain AMQP client that takes every event there is."""

    def __init__(self, url: str, queue: str = "caudal.events.all") -> None:
        self.events: list[Published] = []
        self._leave = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._linked = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(url, queue), daemon=True)
        self._thread.start()
        assert self._linked.wait(START_SECONDS), "no link to the broker"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(STOP_SECONDS)

    def by_source(self) -> dict[str, list[Published]]:
        """Return the events of each source, as they came."""
        found: dict[str, list[Published]] = {}
        for event in tuple(self.events):
            found.setdefault(event.body["data"]["source"], []).append(event)
        return found

    def _run(self, url: str, queue: str) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._consume(url, queue))

    async def _consume(self, url: str, name: str) -> None:
        connection = await aio_pika.connect(url)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(200)
            queue = await channel.get_queue(name, ensure=False)
            await queue.consume(self._take)
            self._linked.set()
            await self._leave.wait()

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        body = json.loads(message.body)
        told = message.headers.get("traceparent")
        context = told.decode() if isinstance(told, bytes) else told
        self.events.append(
            Published(
                message.routing_key or "",
                message.content_type,
                body,
                context if isinstance(context, str) else None,
            )
        )
        await message.ack()


def source(slug: str, provider: str, authentication: str, options: Iterable[str] = ()) -> str:
    """Return one table of a sources file."""
    lines = [
        f"[sources.{slug}]",
        f'provider = "{provider}"',
        f"authentication = {authentication}",
        *options,
    ]
    return "\n".join(lines) + "\n\n"
