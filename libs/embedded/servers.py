"""Both servers, from the first source that has them.

1. `CAUDAL_AMQP_URL`, `CAUDAL_POSTGRES_DSN`: somebody else's; used as they are, never started,
   stopped or emptied by us.
2. Embedded: our own children with their data in the data directory.
3. Docker, for RabbitMQ where `rabbitmq-server` is missing and for Postgres where the wheel is.
4. `EmbeddedError` with one message that says what to install.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from libs.embedded import containers, datadir, unprivileged
from libs.embedded.errors import EmbeddedError, PostgresMissingError, RabbitMqMissingError
from libs.embedded.postgres import EmbeddedPostgres
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.variables import AMQP_URL, POSTGRES_DSN

Progress = Callable[[str], None]
RabbitMq = EmbeddedRabbit | containers.RabbitMqContainer
Postgres = EmbeddedPostgres | containers.PostgresContainer


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they answer. Both addresses carry a password: keep them out of logs."""

    amqp_url: str = field(repr=False)
    postgres_dsn: str = field(repr=False)
    rabbitmq: RabbitMq | None = None
    """The broker if we started it: for tests that kill and restart it."""
    postgres: Postgres | None = None
    """The database if we started it."""


@contextlib.asynccontextmanager
async def servers(
    data_dir: Path,
    *,
    env: Mapping[str, str] | None = None,
    on_progress: Progress = lambda _: None,
) -> AsyncIterator[Servers]:
    """Both servers, ready, as long as the block lasts.

    `env` is where the two addresses are looked up (default: the process's environment). An
    exception of `EmbeddedError` says what to do: DataDirInUseError, RabbitMqMissingError, ...
    Call it from a thread that outlives the block (see `children`).
    """
    around = os.environ if env is None else env
    amqp_url, postgres_dsn = around.get(AMQP_URL), around.get(POSTGRES_DSN)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(datadir.hold(data_dir))
        unprivileged.let_pass(data_dir)
        rabbitmq = None if amqp_url else _rabbitmq(data_dir)
        postgres = None if postgres_dsn else _postgres(data_dir)
        started: list[RabbitMq | Postgres] = [s for s in (postgres, rabbitmq) if s is not None]
        stack.push_async_callback(_stop_all, started, on_progress)
        await _start_all(started, on_progress)
        yield Servers(
            amqp_url=amqp_url or (rabbitmq.url if rabbitmq else ""),
            postgres_dsn=postgres_dsn or (postgres.dsn if postgres else ""),
            rabbitmq=rabbitmq,
            postgres=postgres,
        )


def remove_data(data_dir: Path) -> None:
    """Delete a data directory that nobody runs on, and what belongs to it elsewhere."""
    unprivileged.remove_cluster(data_dir / "postgres" / "cluster")
    containers.remove_volumes(data_dir)
    shutil.rmtree(data_dir, ignore_errors=True)


def _rabbitmq(data_dir: Path) -> RabbitMq:
    try:
        return EmbeddedRabbit(data_dir / "rabbitmq", data_dir / "rabbitmq.log")
    except RabbitMqMissingError:
        if not containers.engine_answers():
            raise
        return containers.RabbitMqContainer(data_dir)


def _postgres(data_dir: Path) -> Postgres:
    try:
        return EmbeddedPostgres(data_dir / "postgres", data_dir / "postgres.log")
    except PostgresMissingError:
        if not containers.engine_answers():
            raise
        return containers.PostgresContainer(data_dir)


async def _start_all(wanted: list[RabbitMq | Postgres], on_progress: Progress) -> None:
    """Start them side by side. The first failure cancels the other and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for server in wanted:
                on_progress(f"starting {server.title}")
                group.create_task(_start(server.start, server.title, on_progress))
    except BaseExceptionGroup as failures:
        known = failures.subgroup(EmbeddedError)
        if known is not None:
            raise _first(known) from None
        raise


async def _start(start: Callable[[], Awaitable[object]], title: str, on_progress: Progress) -> None:
    await start()
    on_progress(f"{title} is ready")


async def _stop_all(started: list[RabbitMq | Postgres], on_progress: Progress) -> None:
    for server in started:
        on_progress(f"stopping {server.title}")
    await asyncio.gather(*(server.stop() for server in started))


def _first(group: BaseExceptionGroup[EmbeddedError]) -> EmbeddedError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
