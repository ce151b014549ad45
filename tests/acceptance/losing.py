"""A house whose database can be backed up, lost and restored while webhooks come: real servers and workers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg

from libs.bus.tail import consumer_counts
from libs.bus.topology import RECONCILER_QUEUE
from libs.embedded import unprivileged
from libs.embedded.postgres import EmbeddedPostgres
from libs.runtime.development import development_sources
from tests.acceptance.older import free_port, listens
from tests.acceptance.stack import CAUDAL, Ran, caudal, environment
from tests.processes import wait_until

STOP_SECONDS: Final = 40.0


class LosingHouse:
    """Postgres of its own, a broker that is given, one ingress, two normalizers, two reconcilers."""

    def __init__(self, home: Path, amqp_url: str) -> None:
        self.home = home
        self.port = free_port()
        self.database = EmbeddedPostgres(home / "postgres", home / "postgres.log")
        self.runner = unprivileged.account()
        self.shelf = Path(
            tempfile.mkdtemp(prefix="caudal-shelf-")
        )  # which the server's user reaches
        self._own(self.shelf)
        sources = home / "sources.toml"
        sources.write_text(development_sources())
        self.variables: dict[str, str] = {
            "CAUDAL_AMQP_URL": amqp_url,
            "CAUDAL_SOURCES": str(sources),
            "CAUDAL_SPOOL_DIR": str(home / "spool"),
            "CAUDAL_POLLING": "false",
            "CAUDAL_LOG_FORMAT": "json",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._posting: subprocess.Popen[str] | None = None

    @property
    def dsn(self) -> str:
        return self.database.dsn

    async def start(self) -> None:
        await self.database.start()
        self.variables["CAUDAL_POSTGRES_DSN"] = self.dsn
        for words in (("migrate",), ("topology", "apply")):
            ran = await self.caudal(*words)
            assert ran.returncode == 0, ran.stderr
        self.work("ingress", "--port", str(self.port))
        assert await asyncio.to_thread(wait_until, lambda: listens(self.port), seconds=60)
        self.work("normalizer", "--name", "normalizer-1")
        self.work("normalizer", "--name", "normalizer-2")
        self.reconcile()

    def reconcile(self) -> None:
        """Start the reconcilers."""
        self.work("reconciler", "--name", "reconciler-1")
        self.work("reconciler", "--name", "reconciler-2")

    def work(self, *words: str) -> None:
        name = words[-1]
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [CAUDAL, *words], stdout=log, stderr=log, cwd=self.home,
                env=environment(self.variables | {"CAUDAL_GRACE": "2"}),
            )  # fmt: skip

    async def stop(self, *names: str) -> None:
        """Stop workers, or all of them; each ends by itself."""
        ending = {name: self._running.pop(name) for name in names or tuple(self._running)}
        for process in ending.values():
            process.terminate()
        for name, process in ending.items():
            code = await asyncio.to_thread(process.wait, STOP_SECONDS)
            assert code == 0, (name, (self.home / f"{name}.log").read_text()[-3000:])

    async def caudal(self, *words: str) -> Ran:
        return await asyncio.to_thread(caudal, *words, env=self.variables)

    def simulate(self, count: int, rate: int) -> subprocess.Popen[str]:
        """Begin to post; a run may be verified while the house stands."""
        self._posting = subprocess.Popen(
            [CAUDAL, "simulate", "--url", f"http://127.0.0.1:{self.port}", "--count", str(count),
             "--rate", str(rate), "--duplicates", "0.15", "--reorder", "0.3", "--delay", "2",
             "--unknown", "0.02", "--malformed", "0.02", "--ledger", str(self.ledger), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment(self.variables),
        )  # fmt: skip
        return self._posting

    @property
    def ledger(self) -> Path:
        return self.home / "ledger.jsonl"

    async def verdict(self, wait: float = 60) -> dict[str, Any]:
        ran = await self.caudal(
            "simulate", "--verify", "--ledger", str(self.ledger), "--wait", str(wait), "--json"
        )
        assert ran.stdout, ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        assert ran.returncode == (0 if found["clean"] else 1)
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return the events that consumers got, in their order, once a verdict was asked for."""
        kept = self.ledger.with_name(self.ledger.name + ".events")
        return [json.loads(line) for line in kept.read_bytes().splitlines()]

    async def program(self, name: str, *words: str) -> None:
        """Run one of the server's programs as the server's user."""
        ran = await asyncio.to_thread(self._run, name, *words)
        assert ran.returncode == 0, f"{name}: {ran.stderr}"

    def begin(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """Start one of the server's programs."""
        return subprocess.Popen([self.database._bin / name, *words], **self._as())

    def _run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.database._bin / name, *words],
            check=False, capture_output=True, text=True, **self._as(),
        )  # fmt: skip

    def _as(self) -> Mapping[str, Any]:
        user = {} if self.runner is None else {"user": self.runner.uid, "group": self.runner.gid}
        return {"cwd": "/", "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}} | user

    def _own(self, path: Path) -> None:
        if self.runner is not None:
            os.chown(path, self.runner.uid, self.runner.gid)

    async def ask(self, statement: str, *arguments: object) -> Any:  # noqa: ANN401 - one value
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(statement, *arguments)
        finally:
            await connection.close()

    async def reach(self, deliveries: int, within: float = 90) -> None:
        """Wait until so many deliveries are on file."""
        async with asyncio.timeout(within):
            while await self.ask("select count(*) from deliveries") < deliveries:
                await asyncio.sleep(0.1)

    async def consuming(self, within: float = 60) -> None:
        """Wait until a reconciler takes what is translated."""
        url = self.variables["CAUDAL_AMQP_URL"]
        async with asyncio.timeout(within):
            while not any((await consumer_counts(url, (RECONCILER_QUEUE,))).values()):
                await asyncio.sleep(0.2)

    @property
    def cluster(self) -> Path:
        return (self.database.data_dir / "cluster").resolve()

    async def lose_database(self) -> None:
        """Kill the server, and remove all that it had on its disk."""
        await self.database.kill()
        for each in self.cluster.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()


@contextlib.asynccontextmanager
async def losing_house(home: Path, amqp_url: str) -> AsyncIterator[LosingHouse]:
    house = LosingHouse(home, amqp_url)
    try:
        await house.start()
        yield house
    finally:
        for process in house._running.values():
            process.kill()
            process.wait()
        if house._posting is not None and house._posting.poll() is None:
            house._posting.kill()
            house._posting.communicate()
        await house.database.stop()
        unprivileged.remove_cluster(home / "postgres" / "cluster")
        shutil.rmtree(house.shelf, ignore_errors=True)
