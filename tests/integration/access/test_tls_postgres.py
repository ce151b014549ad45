"""TLS to Postgres: the right certificate, or no connection and one clear line.

Against a Postgres with `ssl=on` where the machine has one that was built with TLS, and against the
usual one behind a TLS front, since the wheel's is built without.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio

from libs.embedded.ports import free_port
from libs.runtime.failures import TemporaryError
from libs.store.database import open_pool, session
from libs.store.migrate import migrate
from libs.store.roles import apply_roles
from tests.integration.access.authority import LOOPBACK, Authority
from tests.integration.access.listening import tls_before, writing_down
from tests.integration.access.rooms import on_thread
from tests.servers import RunningServers

pytestmark = pytest.mark.servers

WORD = "word-that-nobody-may-hear"
REFUSED = [
    ("expired", "certificate has expired"),
    ("early", "certificate is not yet valid"),
    ("elsewhere", "IP address mismatch"),
    ("stranger", "unable to get local issuer certificate|self-signed certificate"),
]


@dataclass
class Real:
    """A Postgres of the machine's with `ssl=on`, as a child of ours."""

    home: Path
    programs: Path
    user: int | None
    group: int | None
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def own(self, path: Path) -> None:
        """Give something to whom the server runs as."""
        if self.user is not None:
            os.chown(path, self.user, self.group or -1)

    def use(self, certificate: bytes, key: bytes) -> None:
        """Present this certificate from now on."""
        self._write("server.crt", certificate)
        self._write("server.key", key)
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)

    def start(self) -> None:
        self._write("password", WORD.encode())
        self._run("initdb", "-D", "data", "-U", "caudal", "--pwfile=password",
                  "--auth=scram-sha-256", "--no-sync", "-E", "UTF8")  # fmt: skip
        for name in ("server.crt", "server.key"):
            (self.home / name).rename(self.home / "data" / name)
        self.port = free_port()
        self.process = subprocess.Popen(
            [self.programs / "postgres", "-D", "data", "-p", str(self.port), "-c", "ssl=on",
             "-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories="],
            cwd=self.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            user=self.user, group=self.group,
        )  # fmt: skip
        for _ in range(100):
            done = subprocess.run(
                [self.programs / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(self.port)],
                check=False,
            )
            if done.returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError("the machine's Postgres does not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)

    @property
    def dsn(self) -> str:
        return f"postgresql://caudal:{WORD}@{LOOPBACK}:{self.port}/postgres"

    def _write(self, name: str, content: bytes) -> None:
        data = self.home / "data"
        path = (data if data.exists() and name.startswith("server") else self.home) / name
        draft = path.with_name(f"{name}.draft")
        draft.write_bytes(content)
        draft.chmod(0o600)
        self.own(draft)
        draft.rename(path)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self.programs / program, *words],
            check=True, cwd=self.home, capture_output=True, user=self.user, group=self.group,
        )  # fmt: skip


def account() -> tuple[int | None, int | None]:
    """Return another account for root, as which Postgres refuses to run."""
    if os.geteuid() != 0:
        return None, None
    found = pwd.getpwnam("postgres")
    return found.pw_uid, found.pw_gid


def programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found:
        return found[-1].parent
    postgres = shutil.which("postgres")
    return None if postgres is None else Path(postgres).resolve().parent


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def real(authority: Authority) -> Iterator[Real]:
    """Give the machine's own Postgres."""
    where = programs()
    if where is None:
        pytest.skip("no Postgres of the machine's: none that was built with TLS")
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        server = Real(Path(home), where, *account())
        server.own(Path(home))
        server.use(*authority.server("right"))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@dataclass
class Place:
    """Where a server with TLS answers, and how it gets another certificate."""

    dsn: str
    server: Real | None
    loaded: list[ssl.SSLContext]
    authority: Authority
    folder: Path

    def use(self, kind: str) -> None:
        certificate, key = self.authority.server(kind)
        if self.server is not None:
            self.server.use(certificate, key)
            return
        for name, content in (("chain.pem", certificate), ("key.pem", key)):
            (self.folder / name).write_bytes(content)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "chain.pem", self.folder / "key.pem")
        self.loaded[:] = [context]

    def checked(self, ca: Path | None = None) -> str:
        told = quote(str(ca or self.authority.ca))
        return f"{self.dsn}?sslmode=verify-full&sslrootcert={told}"


@pytest_asyncio.fixture(params=["real", "front"])
async def place(
    request: pytest.FixtureRequest, authority: Authority, tmp_path: Path
) -> AsyncIterator[Place]:
    if request.param == "real":
        server = request.getfixturevalue("real")
        yield Place(server.dsn, server, [], authority, tmp_path)
        return
    running: RunningServers = request.getfixturevalue("servers")
    dsn = running.fresh_database()
    parts = urlsplit(dsn)
    loaded: list[ssl.SSLContext] = []
    async with tls_before(LOOPBACK, parts.port or 0, lambda: loaded[0]) as port:
        before = parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}")
        yield Place(before.geturl(), None, loaded, authority, tmp_path)
    running.drop_database(dsn)


async def answers(dsn: str) -> bool:
    async with open_pool(dsn, size=1) as pool, session(pool) as connection:
        return bool(await connection.fetchval("select 1"))


async def test_right_certificate_is_accepted(place: Place) -> None:
    place.use("right")
    assert await answers(place.checked())
    if place.server is not None:
        async with open_pool(place.checked()) as pool, session(pool) as connection:
            said = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
            [row] = await connection.fetch(said)
        assert row["ssl"]
        assert row["version"].startswith("TLSv1.")


@pytest.mark.parametrize(("kind", "why"), REFUSED)
async def test_other_certificates_are_not(place: Place, kind: str, why: str) -> None:
    place.use(kind)
    with pytest.raises(TemporaryError, match=f"certificate is not accepted: .*({why})"):
        await answers(place.checked())
    with pytest.raises(TemporaryError, match=why):
        await apply_roles(place.checked())
    with pytest.raises(TemporaryError, match=why):
        await asyncio.to_thread(on_thread, migrate, place.checked())
    place.use("right")
    assert await answers(place.checked())


async def test_another_authority_is_not(place: Place) -> None:
    place.use("right")
    with pytest.raises(TemporaryError, match="certificate is not accepted"):
        await answers(place.checked(place.authority.another_ca))


async def test_plain_server_gets_no_password(authority: Authority) -> None:
    """No silent downgrade: a server that declines TLS hears that it was asked for, and no more."""
    async with writing_down(b"N") as (port, kept):
        dsn = f"postgresql://caudal:{WORD}@{LOOPBACK}:{port}/caudal"
        with pytest.raises(TemporaryError, match="speaks no TLS"):
            await answers(f"{dsn}?sslmode=verify-full&sslrootcert={quote(str(authority.ca))}")
        assert len(kept) % 8 == 0
        assert b"caudal" not in kept
        assert WORD.encode() not in kept
