"""The figures as pictures (PNG)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

GOOD: Final = "#2b7a4b"
SHORT: Final = "#b5532a"
PLAIN: Final = "#4a6fa5"
DPI: Final = 130


def plot_all(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what the result has figures for; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {figure["key"]: figure for figure in result["figures"]}
    drawn = [_targets(result["figures"], folder / "targets.png")]
    if "end_to_end" in figures:
        drawn += [_rates(figures, folder / "rates.png"), _cpu(figures, folder / "cpu.png")]
    if "latency_idle_p50" in figures:
        drawn.append(_latencies(figures, folder / "latency.png"))
    return drawn


def _targets(figures: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw how far each figure is from its target: 1 is the target, more is better."""
    told = [figure for figure in figures if figure["target"]]
    reached = [_reached(figure) for figure in told]
    colours = [GOOD if figure["met"] else SHORT for figure in told]
    drawing, axes = plt.subplots(figsize=(9, 0.42 * len(told) + 1.2))
    axes.barh([figure["key"] for figure in told], reached, color=colours)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("of the target reached (log scale; right of the line: met)")
    axes.invert_yaxis()
    return _saved(drawing, path)


def _reached(figure: Mapping[str, Any]) -> float:
    target = float(str(figure["target"]).lstrip("≥≤ "))
    value = float(figure["median"]) or 1e-9
    return value / target if str(figure["target"]).startswith("≥") else target / value


def _rates(figures: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    whole = figures["end_to_end"]["beside"]
    bars = {
        "aiohttp, empty handler (E)": median(whole["empty_per_second"]),
        "Caudal, end to end": median(whole["per_second"]),
    }
    if "ingress_rate" in figures:
        ingress = figures["ingress_rate"]["beside"]["ingress_per_second"]
        bars["Caudal, ingress with confirm"] = median(ingress)
    for key, figure in figures.items():
        if key.startswith("end_to_end_"):
            bars[key.removeprefix("end_to_end_")] = median(figure["beside"]["theirs_per_second"])
    drawing, axes = plt.subplots(figsize=(9, 0.5 * len(bars) + 1.2))
    drawn = axes.barh(list(bars), list(bars.values()), color=PLAIN)
    axes.bar_label(drawn, fmt="{:,.0f}", padding=4)
    axes.set_xscale("log")
    axes.set_xlabel("webhooks a second, everything on the same two cores (log scale)")
    axes.invert_yaxis()
    return _saved(drawing, path)


def _cpu(figures: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    """Draw where the CPU of one webhook goes, end to end."""
    used = figures["end_to_end"]["beside"]["cpu_us"]
    drawing, axes = plt.subplots(figsize=(9, 2.2))
    left = 0.0
    for name, microseconds in used.items():
        axes.barh([0], [microseconds], left=left, label=f"{name} {microseconds:.0f}")
        left += microseconds
    axes.set_yticks([])
    axes.set_xlabel("µs of CPU for each webhook, at the sustained rate")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.02), ncol=4, frameon=False)
    return _saved(drawing, path)


def _latencies(figures: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    names, ours, parts = [], [], []
    for key, figure in figures.items():
        if key.startswith("latency_"):
            name = key.removeprefix("latency_").replace("_back_to_back", "\nback to back")
            names.append(name.replace("_", " "))
            ours.append(median(figure["beside"]["latency_ms"]))
            parts.append(median(figure["beside"]["sum_of_parts_ms"]))
    drawing, axes = plt.subplots(figsize=(9, 3.2))
    places = range(len(names))
    axes.bar([place - 0.2 for place in places], parts, 0.4, label="sum of its parts", color=PLAIN)
    axes.bar([place + 0.2 for place in places], ours, 0.4, label="webhook → event", color=GOOD)
    axes.set_xticks(list(places), names)
    axes.set_ylabel("ms (log scale)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.legend(frameon=False)
    return _saved(drawing, path)


def _saved(drawing: Any, path: Path) -> Path:  # noqa: ANN401 - matplotlib has no types for it
    drawing.tight_layout()
    drawing.savefig(path, dpi=DPI)
    plt.close(drawing)
    return path
