"""The journal of payouts that were requested over the API: what happened to them, and who was told.

JSON lines, each handed to the system at once. Without it nobody but the running process would know
what `caudal sandbox verify` has to compare with.

    {"caudal": "sandbox", "version": 1}
    {"payout": 1, "ref": "…", "value": "250000.00", "source": "payu"}
    {"payout": 1, "step": "AWAITING SANCTION SCREENING/"}
    {"payout": 1, "step_told": 0, "digest": "…", "source": "payu"}     before it is posted
    {"payout": 1, "step_told": 0, "digest": "…", "source": "payu", "status": 200}   0: no answer
    {"payout": 1, "beside": "truncated", "digest": "…", "source": "payu"}   what tells of no step
    {"payout": 1, "lost": 1}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

from libs.runtime.failures import PermanentError
from services.sandbox.payu.notices import Notice
from services.simulator.roles import Role

_HEAD: Final = {"caudal": "sandbox", "version": 1}


def journal_file(ledger: Path) -> Path:
    """Return where the journal of a ledger's run is kept."""
    return ledger.with_name(ledger.name + ".payouts")


class Journal:
    """Writes a journal; the file is made with the first payout."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def payout(self, number: int, ref: str, value: Decimal, source: str) -> None:
        """Note a payout that was made."""
        self._write({"payout": number, "ref": ref, "value": str(value), "source": source})

    def step(self, number: int, step: str) -> None:
        """Note that something happened to it."""
        self._write({"payout": number, "step": step})

    def lost(self, number: int, place: int) -> None:
        """Note that nobody will be told of a step."""
        self._write({"payout": number, "lost": place})

    def posting(self, notice: Notice, source: str) -> None:
        """Note that something is about to be posted to a source."""
        self._write(_named(notice, source))

    def answered(self, notice: Notice, source: str, status: int) -> None:
        """Note the answer; 0 where the request ended without one."""
        self._write(_named(notice, source) | {"status": status})

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("x", encoding="utf-8", buffering=1)
            self._file.write(json.dumps(_HEAD) + "\n")
        self._file.write(json.dumps(line) + "\n")


def _named(notice: Notice, source: str) -> dict[str, Any]:
    what: dict[str, Any] = {"beside": notice.role.value}
    if notice.place is not None:
        what = {"step_told": notice.place}
    return {"payout": notice.number, **what, "digest": notice.digest, "source": source}


@dataclass(slots=True)
class Posted:
    """One body, and how posting it went; `place` is that of the step of which it tells, if of any."""

    place: int | None
    source: str
    posted: int = 0
    accepted: int = 0
    final: int = 0
    role: Role = Role.NEWS


@dataclass(slots=True)
class Told:
    """One payout, as the journal has it. `bodies` are those posted to its source, in their order."""

    number: int
    ref: str
    value: Decimal
    source: str
    steps: list[str] = field(default_factory=list)
    bodies: dict[str, Posted] = field(default_factory=dict)


def read_journal(path: Path) -> dict[int, Told]:
    """Read a journal, torn at its end or whole; nothing where there is none."""
    found: dict[int, Told] = {}
    if not path.exists():
        return found
    with path.open("rb") as lines:
        for line in _whole(path, lines):
            if "payout" in line:
                _enter(found, line)
    return found


def _enter(found: dict[int, Told], line: dict[str, Any]) -> None:
    number = line["payout"]
    if "ref" in line:
        found[number] = Told(number, line["ref"], Decimal(line["value"]), line["source"])
        return
    told = found[number]
    if "step" in line:
        told.steps.append(line["step"])
    elif line.get("source") != told.source:
        return  # lost, or posted to somebody else who wants the same bodies
    elif "status" in line:
        body = told.bodies[line["digest"]]
        body.final = line["status"]
        body.accepted += 200 <= body.final < 300
    else:
        role = Role(line.get("beside", Role.NEWS))
        posted = Posted(line.get("step_told"), line["source"], role=role)
        told.bodies.setdefault(line["digest"], posted).posted += 1


def _whole(path: Path, lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if not line.endswith(b"\n"):
            return
        try:
            yield json.loads(line)
        except ValueError:
            raise PermanentError(f"{path} is damaged: a line is not JSON") from None
