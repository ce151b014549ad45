"""Panels and dashboards, and how Grafana writes them (schema 39, which Grafana 10.4 and newer read and migrate)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SCHEMA: Final = 39
WIDTH: Final = 24  # columns of a dashboard
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
TAG: Final = "caudal"

GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
OUTCOMES: Final = {
    "confirmed": GREEN,
    "done": GREEN,
    "applied": GREEN,
    "agrees": GREEN,
    "spooled": YELLOW,
    "set_back": YELLOW,
    "refused": RED,
    "failed": RED,
    "given_up": RED,
    "buried": RED,
    "conflict": RED,
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What one panel shows. `targets` are expressions with the names of their lines.

    `steps` are thresholds: from each value on the colour holds, before the first one it is green. `leads_to`
    is the dashboard that has more about it. `words` name values.
    """

    title: str
    description: str
    targets: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    steps: Sequence[tuple[float, str]] = ()
    stacked: bool = False
    leads_to: str | None = None
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    decimals: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Panels under a title."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """What the reader may choose: values of a label."""

    name: str
    label: str
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One file. `name` is the end of its uid: `caudal-<name>`."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()
    span: str = "now-3h"

    def as_json(self) -> Json:
        """Return it as Grafana reads it."""
        return {
            "uid": f"caudal-{self.name}",
            "title": f"Caudal / {self.title}",
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.span, "to": "now"},
            "timezone": "browser",
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "links": [_links()],
            "annotations": {"list": [_alerts()]},
            "templating": {"list": [_datasource(), *map(_variable, self.variables)]},
            "panels": _placed(self.rows),
        }


def _placed(rows: Sequence[Row]) -> list[Json]:
    """Give each panel its place: from left to right, a line as high as its highest."""
    placed: list[Json] = []
    top = 0
    for row in rows:
        placed.append(
            {
                "id": len(placed) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
            }
        )
        top, left, high = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > WIDTH:
                top, left, high = top + high, 0, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            placed.append({"id": len(placed) + 1, **_panel(panel), "gridPos": place})
            left, high = left + panel.width, max(high, panel.height)
        top += high
    return placed


def _panel(panel: Panel) -> Json:
    links = []
    if panel.leads_to is not None:
        links = [
            {
                "title": f"More: {panel.leads_to}",
                "url": f"/d/caudal-{panel.leads_to}?${{datasource:queryparam}}&${{__url_time_range}}",
            }
        ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "links": links,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _colours(panel)},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "editorMode": "code",
                "range": panel.kind == "timeseries",
                "instant": panel.kind != "timeseries",
            }
            for number, (expression, legend) in enumerate(panel.targets)
        ],
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": GREEN, "value": None}]
    steps += [{"color": colour, "value": value} for value, colour in panel.steps]
    found: Json = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "mappings": [
            {"type": "value", "options": {value: {"text": text, "color": colour, "index": n}}}
            for n, (value, (text, colour)) in enumerate(panel.words.items())
        ],
    }
    if panel.decimals is not None:
        found["decimals"] = panel.decimals
    if panel.kind == "timeseries":
        found["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
            "axisPlacement": "auto",
        }
    return found


def _colours(panel: Panel) -> list[Json]:
    """Fix the colours of lines that are named after an outcome; the legend may have it with more."""
    if panel.kind != "timeseries":
        return []
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/(^|, ){word}$/"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for word, colour in OUTCOMES.items()
        if any("{{outcome}}" in legend or "{{agreement}}" in legend for _, legend in panel.targets)
    ]


def _options(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        return {
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["lastNotNull", "max"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value_and_name" if len(panel.targets) > 1 else "auto",
    }


def _links() -> Json:
    return {
        "type": "dashboards",
        "title": "Caudal",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "url": "",
        "tooltip": "",
    }


def _alerts() -> Json:
    """Show when alerts of ours began."""
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": RED,
        "expr": 'ALERTS{alertname=~"Caudal.*", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}}",
        "useValueForTime": False,
    }


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "regex": "",
        "current": {},
        "options": [],
    }


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": variable.values, "refId": "A"},
        "definition": variable.values,
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "regex": "",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
    }
