"""Servers in containers, for a machine that has Docker but not what the embedded ones need.

Through testcontainers, but without its reaper: that is one more image to pull, needs the engine's
socket, and lets the container live for ten more seconds, in which the next start would put a second
server on the same data. A guard of ours removes the container as soon as we are gone (see
`container_guard`), and each start removes what might be left on its volume all the same.

Data lies in named volumes that belong to the data directory. Imported lazily: most machines never
come here.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import asyncpg

from libs.embedded import datadir, images, ports
from libs.embedded.amqp import broker_answers
from libs.embedded.children import Child, start_child
from libs.embedded.errors import NoEngineError, StartFailedError
from libs.embedded.waiting import until

USER = "caudal"
DATABASE = "caudal"
READY_SECONDS = 180.0
ENGINE_SECONDS = 5
GUARD = Path(__file__).with_name("container_guard.py")


def engine_answers() -> bool:
    """Whether a Docker engine can be used right now."""
    try:
        client = _client()
    except NoEngineError:
        return False
    client.close()
    return True


def remove_volumes(data_dir: Path) -> None:
    """Delete what the containers of `data_dir` kept, if they ever ran."""
    marker = data_dir / "volumes"
    if not marker.exists():
        return
    client = _client()
    for name in marker.read_text().split():
        with contextlib.suppress(Exception):  # gone already, or a container holds it
            client.volumes.get(name).remove()
    client.close()


class _Container:
    """One container: random loopback port, kept password, kept volume."""

    title = ""
    image = ""
    inner_port = 0
    volume_path = ""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = 0
        self._container: Any = None
        self._guard: Child | None = None

    @property
    def password(self) -> str:
        return datadir.kept_secret(self.data_dir / f"{self._slug()}.password")

    async def start(self) -> str:
        """Pull the image if needed, run it, wait until it answers. Raises StartFailedError."""
        try:
            await self._run_guarded()
            await until(self._answers, seconds=READY_SECONDS, pause=0.3)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise StartFailedError(
                    f"{self.title} does not answer after {READY_SECONDS} s"
                ) from None
            raise
        return self._address()

    async def stop(self) -> None:
        container, self._container = self._container, None
        guard, self._guard = self._guard, None
        try:
            if container is not None:
                await asyncio.to_thread(self._remove, container)
        finally:
            if guard is not None:
                await guard.kill()

    async def kill(self) -> None:
        """SIGKILL to the server; its volume stays."""
        if self._container is not None:
            wrapped = self._container.get_wrapped_container()
            await asyncio.to_thread(wrapped.kill)
        await self.stop()

    async def control(self, *words: str) -> str:
        """Run a command of the image inside the container; what it says."""
        code, said = await asyncio.to_thread(self._container.exec, list(words))
        text = bytes(said).decode(errors="replace")
        if code != 0:
            raise StartFailedError(f"{words[0]}: {text}")
        return text

    async def _run_guarded(self) -> None:
        """Run the container, also to the end of its creation when we are cancelled meanwhile."""
        running = asyncio.ensure_future(asyncio.to_thread(self._run))
        try:
            await asyncio.wait({running})
        finally:
            if not running.done():
                await asyncio.wait({running})
            self._container = None if running.exception() else running.result()
        running.result()
        self._guard = await start_child(
            [sys.executable, "-I", GUARD, self._container.get_wrapped_container().id],
            name=f"{self._slug()} guard",
            stdout=DEVNULL,
            stderr=DEVNULL,
            death_signal=signal.SIGTERM,
        )

    def _run(self) -> Any:  # noqa: ANN401 (testcontainers is imported lazily and untyped here)
        import docker  # type: ignore[import-untyped]  # noqa: PLC0415 (see above)
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 (see above)

        testcontainers_config.ryuk_disabled = True
        volume = self._volume()
        try:
            _remove_left_over(volume)
            return self._described(volume).start()
        except (docker.errors.DockerException, OSError) as error:
            said = getattr(error, "explanation", None) or error
            raise StartFailedError(f"{self.title}, image {self.image}: {said}") from None

    def _described(self, volume: str) -> Any:  # noqa: ANN401 (see _run)
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 (see _run)

        container = DockerContainer(self.image, hostname="caudal")
        for name, value in self._variables().items():
            container.with_env(name, value)
        container.with_volume_mapping(volume, self.volume_path, "rw")
        self.port = ports.kept_port(self.data_dir / f"{self._slug()}.port")
        published: dict[str, Any] = container.ports  # typed too narrowly for "this address only"
        published[f"{self.inner_port}/tcp"] = (ports.LOOPBACK, self.port)
        return container

    def _remove(self, container: Any) -> None:  # noqa: ANN401 (see _run)
        wrapped = container.get_wrapped_container()
        with contextlib.suppress(Exception):  # it may have ended by itself
            wrapped.stop(timeout=10)
        container.stop(delete_volume=False)

    def _volume(self) -> str:
        """Name the volume, and note it in the data directory so that it can be removed with it."""
        mark = hashlib.sha256(str(self.data_dir.absolute()).encode()).hexdigest()[:12]
        name = f"caudal-{mark}-{self._slug()}"
        marker = self.data_dir / "volumes"
        known = set(marker.read_text().split()) if marker.exists() else set()
        marker.write_text("\n".join(sorted(known | {name})) + "\n")
        return name

    def _slug(self) -> str:
        return self.title.split()[0].lower()

    def _variables(self) -> dict[str, str]:
        raise NotImplementedError

    def _address(self) -> str:
        raise NotImplementedError

    async def _answers(self) -> bool:
        raise NotImplementedError


class RabbitMqContainer(_Container):
    """RabbitMQ of `images.RABBITMQ`."""

    title = "RabbitMQ (container)"
    image = images.RABBITMQ
    inner_port = 5672
    volume_path = "/var/lib/rabbitmq"

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self.password}@{ports.LOOPBACK}:{self.port}/"

    async def control(self, *words: str) -> str:
        return await super().control("rabbitmqctl", "--quiet", *words)

    def _variables(self) -> dict[str, str]:
        return {"RABBITMQ_DEFAULT_USER": USER, "RABBITMQ_DEFAULT_PASS": self.password}

    def _address(self) -> str:
        return self.url

    async def _answers(self) -> bool:
        return await broker_answers(self.url, self.port)


class PostgresContainer(_Container):
    """Postgres of `images.POSTGRES`."""

    title = "Postgres (container)"
    image = images.POSTGRES
    inner_port = 5432
    volume_path = "/var/lib/postgresql/data"

    @property
    def dsn(self) -> str:
        return f"postgresql://{USER}:{self.password}@{ports.LOOPBACK}:{self.port}/{DATABASE}"

    def _variables(self) -> dict[str, str]:
        return {
            "POSTGRES_USER": USER,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_DB": DATABASE,
        }

    def _address(self) -> str:
        return self.dsn

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn, ssl=False, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True


def _remove_left_over(volume: str) -> None:
    """Remove containers on our volume; nobody who lives has any, since we hold its directory."""
    client = _client()
    try:
        for container in client.containers.list(all=True, filters={"volume": volume}):
            container.remove(force=True)
    finally:
        client.close()


def _knock(host: str) -> None:
    """Try a local engine's socket first: the client leaves one open where nobody answers."""
    if not host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ENGINE_SECONDS)
        try:
            probe.connect(host.removeprefix("unix://"))
        except OSError as error:
            raise NoEngineError(f"No Docker engine answers at {host}: {error}") from None


def _client() -> Any:  # noqa: ANN401 (docker is imported lazily and untyped)
    """Connect to the engine. Raises NoEngineError."""
    try:
        import docker  # noqa: PLC0415 (only where it is needed)
    except ImportError:
        raise NoEngineError("The package `docker` is not installed.") from None
    _knock(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
    except docker.errors.DockerException as error:
        raise NoEngineError(f"No Docker engine answers: {error}") from None
    try:
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        client.close()
        raise NoEngineError(f"No Docker engine answers: {error}") from None
    return client
