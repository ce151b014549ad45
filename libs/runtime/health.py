"""Whether the process of a container does its work, for a health check that runs every few seconds.

Of the standard library alone, so that it takes some 30 ms: `python -I -m libs.runtime.health`. What is
looked at depends on what runs here: the age of the heartbeat of any long-running process (see
`libs.runtime.heartbeat`), and of the ingress whether it could keep a webhook now. A command that
ends by itself has nothing to be looked at, and is well.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LONG_RUNNING: Final = frozenset({"ingress", "normalizer", "reconciler", "admin"})
FRESH: Final = 20.0  # seconds: a heartbeat comes every five
ANSWERS_WITHIN: Final = 4.0  # seconds
WELL, NOT_WELL, MISUSED = 0, 1, 2
_PROC: Final = Path("/proc")
_ANY: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not bound


@dataclass(frozen=True, slots=True)
class Finding:
    """How it is, as an exit code, and why."""

    code: int
    why: str


def look(environment: Mapping[str, str], processes: Path = _PROC) -> Finding:
    """Say how the process is that runs here."""
    arguments = next(_caudal(processes), None)
    if arguments is None:
        return Finding(WELL, "nothing that runs for long is here")
    heartbeat = environment.get("CAUDAL_HEARTBEAT_FILE", "")
    found = []
    if heartbeat:
        found.append(_heartbeat(Path(heartbeat)))
    if arguments[0] == "ingress":
        found.append(_ready(_address(arguments, environment)))
    if not found:
        return Finding(MISUSED, "CAUDAL_HEARTBEAT_FILE: must be set")
    worst = max(each.code for each in found)
    return Finding(worst, "; ".join(each.why for each in found if worst in {WELL, each.code}))


def _caudal(processes: Path) -> Iterator[Sequence[str]]:
    """Give the arguments of each long-running command of ours, the command first."""
    for entry in sorted(processes.glob("[0-9]*/cmdline")):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # ended meanwhile, or somebody else's
            continue
        for index, word in enumerate(words[:-1]):
            ours = word == "services.cli" or word.rpartition("/")[2] == "caudal"
            if ours and words[index + 1] in LONG_RUNNING:
                yield [each for each in words[index + 1 :] if each]


def _heartbeat(file: Path) -> Finding:
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return Finding(NOT_WELL, "no heartbeat")
    if age > FRESH:
        return Finding(NOT_WELL, f"the last heartbeat is {age:.0f} s old")
    return Finding(WELL, f"the last heartbeat is {max(age, 0):.0f} s old")


def _address(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int]:
    """Return where the ingress answers: as its options say, else its variables."""
    host = _option(arguments, "--host") or environment.get("CAUDAL_INGRESS_HOST", "127.0.0.1")
    port = _option(arguments, "--port") or environment.get("CAUDAL_INGRESS_PORT") or "8080"
    return _ANY.get(host, host), int(port)


def _option(arguments: Sequence[str], name: str) -> str:
    for index, word in enumerate(arguments):
        if word == name:
            return "".join(arguments[index + 1 : index + 2])
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def _ready(address: tuple[str, int]) -> Finding:
    """Ask the ingress whether what is posted now can be kept."""
    asked = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(address, ANSWERS_WITHIN) as connection:
            connection.sendall(asked)
            with connection.makefile("rb") as answer:
                status = answer.readline(64).split()
    except OSError:
        return Finding(NOT_WELL, "the ingress does not answer")
    if status[1:2] != [b"200"]:
        return Finding(NOT_WELL, "the ingress is not ready")
    return Finding(WELL, "the ingress is ready")


def main() -> None:
    """Say how it is, and end with the exit code that belongs to it."""
    found = look(os.environ)
    sys.stdout.write(f"{found.why}\n")
    sys.exit(found.code)


if __name__ == "__main__":
    main()
