"""A run: so many bytes for each provider, what became of them, and the smallest inputs that broke something."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fuzz.cases import Case, case
from tests.fuzz.checks import Outcome, run
from tests.fuzz.reduction import WITHIN, reduced
from tests.fuzz.stages import FoundError

LARGE: Final = 32_768  # bytes: no payload has as many
_TURN: Final = 50  # inputs of one provider before it is another one's turn


@dataclass(slots=True)
class Count:
    """What the inputs of one provider were, and what became of them. `seconds` of the clock.

    `large` has the bytes of those that were blown up, which are not counted for what is wanted.
    """

    inputs: int = 0
    bytes: int = 0
    large: int = 0
    seconds: float = 0.0
    readable: int = 0
    let_in: int = 0
    observing: int = 0  # inputs that yielded an observation
    events: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    """Inputs by what they ended as: a kind of reading, a reason to park, the status of a refusal."""

    def add(self, outcome: Outcome) -> None:
        self.readable += outcome.readable
        self.let_in += outcome.let_in
        self.observing += outcome.readings["observation"] > 0
        self.events += outcome.events
        self.ends.update(outcome.readings.keys())
        if outcome.refused:
            self.ends[outcome.refused] += 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One way to break something, with the smallest input that does."""

    case: Case
    error: str
    body: bytes


@dataclass(slots=True)
class Campaign:
    """`megabytes` (of 10^6) of bodies in all, each provider the same; it ends after `seconds` at the latest."""

    seed: int
    providers: Sequence[str]
    megabytes: float
    seconds: float
    progress: Callable[[Campaign], None] = lambda _: None
    reducing: float = WITHIN
    """Seconds for making one failing input smaller."""
    counts: dict[str, Count] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    began: float = 0.0

    @property
    def wanted(self) -> float:
        """Bytes of each provider."""
        return self.megabytes * 1e6 / len(self.providers)

    @property
    def bytes(self) -> int:
        return sum(count.bytes for count in self.counts.values())

    @property
    def whole(self) -> bool:
        """Whether everything that was wanted was tried."""
        found = self.counts.values()
        return bool(found) and all(count.bytes >= self.wanted for count in found)

    def run(self) -> None:
        """Try inputs until there are enough, or the time is over."""
        self.began = time.monotonic()
        while not self.whole and time.monotonic() < self.began + self.seconds:
            self.step()
            self.progress(self)

    def step(self) -> None:
        """Try a few inputs of each provider of which there are not enough yet."""
        for provider in self.providers:
            count = self.counts.setdefault(provider, Count())
            if count.bytes < self.wanted:
                self._turn(provider, count)

    def _turn(self, provider: str, count: Count) -> None:
        began = time.monotonic()
        for number in range(count.inputs, count.inputs + _TURN):
            tried = case(provider, self.seed, number)
            try:
                count.add(run(tried))
            except FoundError as found:
                count.ends["broken"] += 1
                self._note(tried, found)
            count.inputs += 1
            if len(tried.body) > LARGE:
                count.large += len(tried.body)
            else:
                count.bytes += len(tried.body)
            if count.bytes >= self.wanted:
                break
        count.seconds += time.monotonic() - began

    def _note(self, tried: Case, found: FoundError) -> None:
        """Keep the first input of each way to fail, made as small as it can be."""
        error = f"{tried.provider}: {found}"
        if error not in self.findings:
            smallest = reduced(
                tried.body,
                lambda body: failure_of(tried, body) == str(found),
                within=self.reducing,
            )
            self.findings[error] = Finding(tried, str(found), smallest)

    def told(self) -> dict[str, Any]:
        """Return the figures, for a program."""
        return {
            "seed": self.seed,
            "bytes": self.bytes,
            "whole": self.whole,
            "providers": {
                name: {
                    slot: dict(sorted(value.items())) if isinstance(value, Counter) else value
                    for slot in Count.__slots__
                    for value in [getattr(count, slot)]
                }
                for name, count in self.counts.items()
            },
            "findings": sorted(self.findings),
        }


def failure_of(tried: Case, body: bytes) -> str | None:
    """Return how an input fails with another body; None where it does not."""
    try:
        run(tried.with_body(body))
    except FoundError as found:
        return str(found)
    return None


def write(campaign: Campaign, folder: Path) -> list[Path]:
    """Write each finding as a body and what is to be known of it, in the place of those of the run before."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.body"), *folder.glob("*.json")):
        old.unlink()
    paths = []
    for place, finding in enumerate(sorted(campaign.findings.values(), key=lambda f: len(f.body))):
        path = folder / f"{place}-{finding.case.provider}.body"
        path.write_bytes(finding.body)
        about = {
            "error": finding.error,
            "provider": finding.case.provider,
            "seed": campaign.seed,
            "number": finding.case.number,
            "recipe": finding.case.recipe,
            "content_type": finding.case.template.content_type,
            "origin": finding.case.template.origin.value,
            "authority": finding.case.template.authority.value,
            "route_event": finding.case.template.route_event,
            "bytes_before": len(finding.case.body),
        }
        path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
        paths.append(path)
    return paths
