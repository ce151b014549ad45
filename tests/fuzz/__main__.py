"""The command of `make fuzz`."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from libs.providers.registry import PROVIDERS
from tests.fuzz.campaign import Campaign, Count, write
from tests.fuzz.cases import case
from tests.fuzz.checks import run
from tests.fuzz.stages import FoundError

FOLDER: Final = Path("build/fuzz")
BROKEN, OUT_OF_TIME = 1, 3
_EVERY: Final = 5.0  # seconds between two lines of progress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, tell, and return the exit code."""
    asked = _arguments(arguments)
    seed = secrets.randbelow(10**6) if asked.seed is None else asked.seed
    providers = asked.provider or sorted(PROVIDERS)
    if asked.only is not None:
        return _only(providers, seed, asked.only)
    _say(f"seed {seed}: `make fuzz SEED={seed} MEGABYTES={asked.megabytes:g}` tries the same")
    campaign = Campaign(seed, providers, asked.megabytes, asked.minutes * 60, _Progress())
    campaign.run()
    paths = write(campaign, FOLDER)
    (FOLDER / "report.json").write_text(json.dumps(campaign.told(), indent=1) + "\n")
    sys.stdout.write((json.dumps(campaign.told()) if asked.json else _table(campaign)) + "\n")
    for path in paths:
        about = json.loads(path.with_suffix(".json").read_text())
        _say(f"{path}: {about['provider']}: {about['error']}")
    if campaign.findings:
        return BROKEN
    if not campaign.whole:
        _say(f"not all of it within {asked.minutes:g} minutes")
        return OUT_OF_TIME
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Mutated payloads of the corpora through everything that reads a stranger's body.",
        epilog="Exit codes: 0 nothing broke; 1 something broke, its smallest inputs are in build/fuzz; "
        "2 bad usage; 3 the time was over before all bytes were tried.",
    )
    parser.add_argument(
        "--seed", type=int, help="repeats a run; without it one is drawn and printed"
    )
    parser.add_argument(
        "--megabytes", type=float, default=20.0, help="of bodies, all providers together (20)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="it ends then at the latest (10)"
    )
    parser.add_argument(
        "--provider",
        action="append",
        choices=sorted(PROVIDERS),
        help="this one alone; can be repeated",
    )
    parser.add_argument(
        "--only", type=int, metavar="NUMBER", help="one input of --provider and --seed, shown"
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    asked = parser.parse_args(arguments)
    if asked.only is not None and (asked.seed is None or not asked.provider):
        parser.error("--only needs --seed and --provider")
    if asked.megabytes <= 0 or asked.minutes <= 0:
        parser.error("--megabytes and --minutes must be more than nothing")
    return asked


def _only(providers: list[str], seed: int, number: int) -> int:
    """Make one input again, and show it with what becomes of it."""
    tried = case(providers[0], seed, number)
    _say(f"{tried.recipe}; {tried.template.content_type!r}")
    sys.stdout.buffer.write(tried.body + b"\n")
    sys.stdout.flush()
    try:
        _say(str(run(tried)))
    except FoundError as found:
        _say(str(found))
        return BROKEN
    return 0


class _Progress:
    """Tells every few seconds how far it is, and at once what broke something."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY
        self._told = 0

    def __call__(self, campaign: Campaign) -> None:
        now = time.monotonic()
        for error in list(campaign.findings)[self._told :]:
            _say(f"broken: {error}")
        self._told = len(campaign.findings)
        if now < self._next:
            return
        self._next = now + _EVERY
        inputs = sum(count.inputs for count in campaign.counts.values())
        _say(
            f"{now - campaign.began:5.0f} s  {campaign.bytes / 1e6:6.1f} of {campaign.megabytes:g} MB"
            f"  {inputs:8d} inputs  {len(campaign.findings)} broken"
        )


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _table(campaign: Campaign) -> str:
    lines = [
        f"{'':12}{'bytes':>11}{'inputs':>9}{'seconds':>9}{'readable':>10}{'let in':>8}{'observe':>9}{'events':>9}"
    ]
    lines += [_row(name, count) for name, count in campaign.counts.items()]
    for name, count in campaign.counts.items():
        ends = ", ".join(f"{end} {times}" for end, times in count.ends.most_common())
        lines.append(f"{name}: {ends}")
    return "\n".join(lines)


def _row(name: str, count: Count) -> str:
    share = {
        slot: f"{getattr(count, slot) / max(1, count.inputs):.0%}"
        for slot in ("readable", "let_in", "observing")
    }
    return (
        f"{name:12}{count.bytes:11d}{count.inputs:9d}{count.seconds:9.1f}"
        f"{share['readable']:>10}{share['let_in']:>8}{share['observing']:>9}{count.events:9d}"
    )


if __name__ == "__main__":
    sys.exit(main())
