"""The ledger: every answer that the driver got, on disk as it came.

JSON lines. The first tells the plan; then one line for each request that ended; the last, if the
driver lived to write it, tells how it ended. A request that has no line may have arrived or not. A
line is handed to the system at once, so a driver that is killed loses at most the one it wrote.

    {"caudal": "simulate", "version": 1, "plan": {…}, "tap": "caudal.simulate.…", "begun": "…"}
    {"n": 17, "status": 200, "ms": 3.1, "at": 0.52}
    {"n": 18, "error": "timeout", "ms": 5000.2, "at": 5.61}
    {"n": 19, "status": 503, "ms": 1980.4, "at": 6.02, "retry_after": 1}
    {"n": 20, "lost": true, "at": 6.04}
    {"end": "done", "close_at": null, "at": 61.3}
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from libs.runtime.failures import PermanentError
from services.simulator.plan import VERSION, Options

NOT_CONNECTED: Final = "not_connected"  # the one error after which nothing can have arrived
_NO_ANSWER: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a ledger is about. `tap` is the queue that takes the events meanwhile."""

    options: Options
    tap: str
    begun: datetime


class LedgerWriter:
    """Writes one ledger; an existing file of that name is not touched but refused."""

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = path.open("x", encoding="utf-8", buffering=1)
        except FileExistsError:
            raise PermanentError(f"{path} is there already; choose another --ledger") from None
        told = {"plan": header.options.as_json(), "tap": header.tap}
        self._write(
            {"caudal": "simulate", "version": VERSION, **told, "begun": header.begun.isoformat()}
        )

    def answered(
        self,
        index: int,
        status: int,
        milliseconds: float,
        at: float,
        *,
        retry_after: float | None = None,
    ) -> None:
        """Note an answer; `at` is seconds since the driver began, `retry_after` what it asked for."""
        more = "" if retry_after is None else f', "retry_after": {retry_after:.0f}'
        self._file.write(
            f'{{"n": {index}, "status": {status}, "ms": {milliseconds:.1f}, "at": {at:.3f}{more}}}\n'
        )

    def unanswered(self, index: int, error: str, milliseconds: float, at: float) -> None:
        """Note a request that ended without an answer; `error` is a word of ours."""
        self._file.write(
            f'{{"n": {index}, "error": "{error}", "ms": {milliseconds:.1f}, "at": {at:.3f}}}\n'
        )

    def lost(self, index: int, at: float) -> None:
        """Note a webhook that the plan has and that is never sent."""
        self._file.write(f'{{"n": {index}, "lost": true, "at": {at:.3f}}}\n')

    def ended(self, how: str, close_at: int | None, at: float) -> None:
        """Note the end: `done` or `stopped`."""
        self._write({"end": how, "close_at": close_at, "at": round(at, 3)})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")


@dataclass(slots=True)
class Answers:
    """What a ledger says: for each place of the plan how often it was posted and how that went.

    `accepted` counts the 2xx answers of a webhook, `tries` the requests that may have arrived,
    `final` is the status of the last one (0: no answer). `bare_refusals` are answers 503 that did
    not say when to come again. `lost` counts the webhooks that were never sent.
    """

    header: Header
    close_at: int | None = None
    end: str | None = None
    tries: array[int] = field(default_factory=lambda: array("H"))
    accepted: array[int] = field(default_factory=lambda: array("H"))
    final: array[int] = field(default_factory=lambda: array("H"))
    accept_ms: array[float] = field(default_factory=lambda: array("f"))
    longest_ms: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    bare_refusals: int = 0
    lost: int = 0

    @property
    def known(self) -> int:
        """The number of places of the plan that the ledger reaches to."""
        return len(self.tries)

    def note(self, line: dict[str, Any]) -> None:
        """Take one line in."""
        index, status = int(line["n"]), int(line.get("status", _NO_ANSWER))
        while len(self.tries) <= index:
            for column in (self.tries, self.accepted, self.final):
                column.append(0)
        if line.get("lost"):
            self.lost += 1
            return
        kind = str(status or line.get("error", "?"))
        self.tries[index] += kind != NOT_CONNECTED
        self.final[index] = status
        self.kinds[kind] += 1
        self.bare_refusals += status == HTTPStatus.SERVICE_UNAVAILABLE and "retry_after" not in line
        if status:
            self.longest_ms = max(self.longest_ms, line["ms"])
        if 200 <= status < 300:
            self.accepted[index] += 1
            self.accept_ms.append(line["ms"])


def read_ledger(path: Path) -> Answers:
    """Read a ledger, whole or torn at its end. Raises `PermanentError` for anything else."""
    try:
        lines = path.open("rb")
    except OSError as error:
        raise PermanentError(f"{path} cannot be read ({error.strerror})") from None
    with lines:
        answers = Answers(_header(path, lines.readline()))
        for line in _whole(path, lines):
            if "n" in line:
                answers.note(line)
            elif "end" in line:
                answers.end, answers.close_at = line["end"], line["close_at"]
    return answers


def _header(path: Path, line: bytes) -> Header:
    try:
        told = json.loads(line)
        ours = (told["caudal"], told["version"]) == ("simulate", VERSION)
        header = Header(
            options=Options.from_json(told["plan"]),
            tap=str(told["tap"]),
            begun=datetime.fromisoformat(told["begun"]),
        )
    except (ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise PermanentError(f"{path} is no ledger of this version of caudal simulate")
    return header


def _whole(path: Path, lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Give the lines; one that is torn may only be the last."""
    torn = False
    for line in lines:
        if torn:
            raise PermanentError(f"{path} is damaged: a line in the middle is not whole")
        try:
            yield json.loads(line)
        except ValueError:
            torn = True
