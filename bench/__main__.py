"""`python -m bench`: measure, show, compare with what is stored."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any, Final

import click

from bench.report.compare import OtherwiseError, changes, middle, processor, stored_for
from bench.report.table import number, report, table
from bench.run import Chosen, run, run_memory
from libs.runtime.logs import configure_logs
from libs.runtime.settings import LogLevel

RESULTS: Final = Path(__file__).parent / "results"
RELEASE: Final = RESULTS / "release.json"
OUT: Final = Path("build/bench")
_BEGUN: Final = monotonic()


def _progress(line: str) -> None:
    click.echo(f"bench {monotonic() - _BEGUN:5.0f} s: {line}", err=True)


def _told(measuring: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Measure; what the bench itself finds wrong is told in its words, which no log would show."""
    try:
        return asyncio.run(measuring)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def main() -> None:
    """Measure what Caudal does, beside what the machine allows and what people would use instead."""
    configure_logs("bench", LogLevel.WARNING)


@main.command()
@click.option("--quick", is_flag=True, help="Shorter runs, fewer repetitions, no peers.")
@click.option("--only", multiple=True, metavar="SCENE", help="Only these scenes.")
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole result on stdout.")
def measure(*, quick: bool, only: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Run the scenes and write result.json, table.md and plots."""
    result = _told(run(Chosen(quick=quick, only=only), _progress))
    out.mkdir(parents=True, exist_ok=True)
    name = "quick" if quick else "result"
    (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(report(result), encoding="utf-8")
    draw(result, out)
    click.echo(json.dumps(result) if as_json else table(result["figures"]))
    _progress(f"everything is in {out}")


@main.command()
@click.option("--minutes", type=float, default=30.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
def memory(*, minutes: float, out: Path) -> None:
    """Hold full load for long, and tell whether memory grows; exit 1 where it does."""
    result = _told(run_memory(minutes, _progress))
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    click.echo(table(result["figures"]))
    if not all(figure["met"] for figure in result["figures"]):
        sys.exit(1)


def draw(result: dict[str, Any], folder: Path) -> None:
    """Draw the plots, where matplotlib is there."""
    if importlib.util.find_spec("matplotlib") is None:
        _progress("no plots: matplotlib is not installed (make venv-bench)")
        return
    from bench.report.plots import plot_all  # noqa: PLC0415 - heavy, and not always there

    plot_all(result, folder)


@main.command()
@click.argument("found", type=click.Path(path_type=Path, exists=True))
@click.option("--release", type=click.Path(path_type=Path), default=RELEASE, show_default=True)
def compare(found: Path, release: Path) -> None:
    """Compare a result with the stored one; exit 1 where something is worse than is tolerated.

    It is compared with what was found on the same processor. Where nothing was, with another's, and
    that is said: a ratio is then off by up to a quarter for no reason of ours.
    """
    result = _read(found)
    kind = _kind(result)
    stored = _read(release)
    if not stored.get(kind):
        raise click.ClickException(f"nothing is stored of a {kind} run in {release}")
    machine, before = stored_for(result, stored[kind])
    if machine != processor(result):
        click.echo(
            f"This is an {processor(result)}; stored is what an {machine} did, whose ratios may "
            "differ by a quarter. `python -m bench store` keeps those of this one."
        )
    try:
        told = changes(result["figures"], before["figures"])
    except OtherwiseError as error:
        raise click.ClickException(f"measured in another way: {error}") from None
    for change in told:
        mark = "WORSE" if change.regression else "ok"
        click.echo(
            f"{mark:5} {change.key:20} {number(change.then):>8} → {number(change.now):>8}"
            f"  worse by {change.worse_by:+.0%}, tolerated {change.tolerance:.0%}"
        )
    if not told:
        raise click.ClickException("no figure stands in both")
    if any(change.regression for change in told):
        sys.exit(1)


@main.command()
@click.argument("found", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--release", type=click.Path(path_type=Path), default=RELEASE, show_default=True)
def store(found: tuple[Path, ...], release: Path) -> None:
    """Keep a result as that of the release, to compare later ones with.

    Of several of one kind, each figure is that of the run in the middle: a run is compared with what
    is usual. What was found on other processors stays. Of a full run also the table and the plots,
    which the documentation shows.
    """
    results = [_read(path) for path in found]
    if len({(_kind(result), processor(result)) for result in results}) > 1:
        raise click.UsageError("they are not all quick or full runs on the same processor")
    result = middle(results)
    stored = _read(release) if release.exists() else {}
    stored.setdefault(_kind(result), {})[processor(result)] = result
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    if not result["quick"]:
        release.with_suffix(".md").write_text(report(result), encoding="utf-8")
        draw(result, release.parent)


def _kind(result: dict[str, Any]) -> str:
    return "quick" if result["quick"] else "full"


def _read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return told


if __name__ == "__main__":
    main()
