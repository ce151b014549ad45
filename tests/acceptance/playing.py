"""A sandbox as its users see it, beside a real stack with the sources file that it prints."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.stack import CAUDAL, START_SECONDS, STOP_SECONDS, Stack, caudal, environment

Json = dict[str, Any]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Playing:
    """A sandbox as its users see it: a subprocess with a port, and lines on stderr."""

    def __init__(self, stack: Stack, *arguments: str) -> None:
        env = environment(stack.variables)
        self.process = subprocess.Popen(
            [CAUDAL, "sandbox", "run", "--url", stack.line["ingress_url"], "--json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=stack.home, text=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        (self.url,) = re.findall(r"http://\S+", self.lines.get(timeout=START_SECONDS))

    def status(self) -> Json:
        return asyncio.run(self._ask("/sandbox/status"))

    async def _ask(self, path: str) -> Json:
        async with aiohttp.ClientSession() as client, client.get(self.url + path) as answer:
            told: Json = await answer.json()
            return told

    def everything_is_sent(self) -> bool:
        told = self.status()
        return (told["webhooks"]["ended"], told["payu"]["under_way"]) == ("done", 0)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, Json]:
        """Signal it; return its exit code and the JSON that it printed at the end."""
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        assert self.process.stdout is not None
        return code, json.loads(self.process.stdout.read())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stderr:
                self.lines.put(line)


@contextlib.contextmanager
def playing(stack: Stack, *arguments: str) -> Iterator[Playing]:
    found = Playing(stack, *arguments)
    try:
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Stack]:
    """Start a stack with the sources file that the sandbox prints."""
    printed = caudal("sandbox", "sources", "--port", str(port))
    assert printed.returncode == 0, printed.stderr
    home = tmp_path_factory.mktemp("up")
    with Stack(home, "--ephemeral", sources=printed.stdout) as running:
        yield running


def verdict(stack: Stack, ledger: Path, wait: float, code: int) -> Json:
    ran = stack.caudal("sandbox", "verify", "--ledger", str(ledger), "--wait", str(wait), "--json")
    assert ran.returncode == code, ran.stdout + ran.stderr
    found: Json = json.loads(ran.stdout)
    return found


def nothing_differs(stack: Stack, ledger: Path) -> bool:
    ran = stack.caudal("sandbox", "verify", "--ledger", str(ledger), "--wait", "20")
    return ran.returncode == 0
