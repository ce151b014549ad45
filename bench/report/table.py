"""The figures as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MARKS = {True: "yes", False: "**no**", None: ""}


def table(figures: Sequence[Mapping[str, Any]]) -> str:
    """Write one row for each figure: median, spread, target, whether it is met."""
    rows = [
        "| what | median | low to high | target | met |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| {figure['title']} | {number(figure['median'])} {figure['unit']}"
        f" | {number(figure['low'])} to {number(figure['high'])}"
        f" | {figure['target'] or ''} | {MARKS[figure['met']]} |"
        for figure in figures
    ]
    return "\n".join(rows) + "\n"


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def report(result: Mapping[str, Any]) -> str:
    """Write a whole result: the table, and what stands behind it."""
    return f"{table(result['figures'])}\n{_orientation(result)}"


def _orientation(result: Mapping[str, Any]) -> str:
    """Write what stands behind the ratios: absolute figures of this machine in this hour."""
    lines = [
        f"- **{name.replace('_', ' ')}**\n    - `{told}`"
        for part in ("machine", "limits")
        for name, told in result.get(part, {}).items()
    ]
    for figure in result["figures"]:
        if figure["beside"]:
            lines.append(f"- **{figure['title']}**")
            lines += [f"    - {name}: `{value}`" for name, value in figure["beside"].items()]
    return "\n".join(lines) + "\n"
