"""Drawing a dashboard's panels where the dashboard has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import dates
from matplotlib import pyplot as plt

from bench.panels.prometheus import Series

COLUMN, LINE = 0.72, 0.36  # inches of one cell of Grafana's grid
DPI: Final = 80
COLOURS: Final = {"green": "#56a64b", "yellow": "#e0a800", "red": "#d44a3a", "blue": "#3274d9"}
UNITS: Final = {
    "s": "s",
    "ops": "a second",
    "reqps": "requests a second",
    "bytes": "MB",
    "percentunit": "%",
}
_SCALE: Final = {"bytes": 1e-6, "percentunit": 100.0}
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")
Values = Sequence[tuple[str, float]]


def named(legend: str, labels: Mapping[str, str]) -> str:
    """Put labels into a legend as Grafana does."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), legend)


class Drawing:
    """One picture of a whole dashboard."""

    def __init__(self, dashboard: Mapping[str, Any], title: str) -> None:
        self._lines = max(
            each["gridPos"]["y"] + each["gridPos"]["h"] for each in dashboard["panels"]
        )
        self._lines += 2
        self._figure = plt.figure(figsize=(24 * COLUMN, self._lines * LINE))
        self._figure.text(
            0.005, 1 - 1 / self._lines, title, fontsize=13, weight="bold", va="center"
        )

    def row(self, panel: Mapping[str, Any]) -> None:
        """Write the title of a row."""
        bottom = 1 - (panel["gridPos"]["y"] + 2.6) / self._lines
        self._figure.text(0.005, bottom, panel["title"], fontsize=11, weight="bold", va="center")

    def lines(self, panel: Mapping[str, Any], found: Sequence[tuple[str, Series]]) -> None:
        """Draw lines over time."""
        axes = self._axes(panel, (0.055, 0.16, 0.02, 0.1))
        unit = panel["fieldConfig"]["defaults"]["unit"]
        scale = _SCALE.get(unit, 1.0)
        for legend, (labels, points) in found:
            whole = list(_with_gaps(points))
            times = [datetime.fromtimestamp(at, UTC) for at, _ in whole]
            values = [scale * value for _, value in whole]
            axes.plot(times, values, linewidth=1.1, label=named(legend, labels))
        axes.set_title(panel["title"], fontsize=9, loc="left", pad=3)
        axes.set_ylim(bottom=0)
        if unit in UNITS:
            axes.set_ylabel(UNITS[unit], fontsize=7)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M"))
        axes.grid(visible=True, alpha=0.25)
        if found:
            axes.legend(
                fontsize=6, frameon=False, loc="upper left", ncols=2 if len(found) > 4 else 1
            )
        else:
            axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", fontsize=8)

    def figures(self, panel: Mapping[str, Any], values: Values) -> None:
        """Write figures in their colour."""
        axes = self._axes(panel, (0.01, 0.08, 0.01, 0.12))
        axes.set_axis_off()
        defaults = panel["fieldConfig"]["defaults"]
        axes.set_title(panel["title"], fontsize=9, loc="left", pad=3)
        for number, (name, value) in enumerate(values):
            text, colour = _shown(defaults, value)
            left = number / len(values)
            patch = plt.Rectangle(
                (left, 0), 0.97 / len(values), 0.95, color=colour, transform=axes.transAxes
            )
            axes.add_patch(patch)
            place = left + 0.48 / len(values)
            axes.text(place, 0.56, text, ha="center", va="center", fontsize=13, color="white")
            axes.text(place, 0.2, name, ha="center", va="center", fontsize=7, color="white")

    def save(self, path: Path) -> None:
        """Write the picture."""
        self._figure.savefig(path, dpi=DPI)
        plt.close(self._figure)

    def _axes(self, panel: Mapping[str, Any], margins: tuple[float, float, float, float]) -> Any:  # noqa: ANN401 - matplotlib has no types for it
        """Give the place of a panel; margins are left, bottom, right and top, as parts of it but the first."""
        at = panel["gridPos"]
        left, bottom, right, top = margins
        width, height = at["w"] / 24, at["h"] / self._lines
        x, y = at["x"] / 24, 1 - (at["y"] + 2 + at["h"]) / self._lines
        return self._figure.add_axes(
            (
                x + min(left * width * 2, 0.035),
                y + bottom * height,
                width - min(left * width * 2, 0.035) - right * width,
                height * (1 - bottom - top),
            )
        )


def _with_gaps(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Give the points, and nothing between two of them where some are missing."""
    step = min((b[0] - a[0] for a, b in pairwise(points)), default=0.0)
    for before, point in zip([points[0], *points], points, strict=False):
        if point[0] - before[0] > 1.5 * step:
            yield before[0] + step, nan
        yield point


def _shown(defaults: Mapping[str, Any], value: float) -> tuple[str, str]:
    """Return the text and the colour of a figure."""
    for mapping in defaults["mappings"]:
        for told, what in mapping["options"].items():
            if float(told) == value:
                return what["text"], COLOURS[what["color"]]
    colour = "green"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    digits = defaults.get("decimals", 0)
    unit = " s" if defaults["unit"] == "s" else ""
    return f"{value:,.{digits}f}{unit}", COLOURS[colour]
