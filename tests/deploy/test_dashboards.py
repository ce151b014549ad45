"""The dashboards are what is written of them, ask what can be asked, and lead where something is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.dev.dashboards.__main__ import DASHBOARDS, FOLDER, files
from tests.deploy.promql import selectors, undocumented

NAMES: Final = ("overview", "ingress", "normalizer", "reconciler", "providers")
Json = dict[str, Any]


def dashboards() -> Iterator[Json]:
    for path in sorted(FOLDER.glob("*.json")):
        yield json.loads(path.read_text())


def expressions(dashboard: Json) -> Iterator[tuple[str, str]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield "annotations", annotation["expr"]


def test_files_are_those_that_are_made() -> None:
    """`python -m deploy.dev.dashboards` makes them."""
    made = files()
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in made}
    assert {path.stem for path in made} == set(NAMES)
    for path, text in made.items():
        assert path.read_text() == text, f"{path.name} differs"


@pytest.mark.parametrize("name", NAMES)
def test_every_expression_parses_and_names_what_is_documented(name: str) -> None:
    dashboard = json.loads((FOLDER / f"{name}.json").read_text())
    asked = list(expressions(dashboard))
    assert len(asked) > 10
    for title, expression in asked:
        assert list(selectors(expression)), f"{title}: nothing is asked"
        assert undocumented(expression) == set(), f"{title}: {expression}"


def test_what_is_wrong_is_noticed() -> None:
    """The test above can fail."""
    assert undocumented("sum(rate(caudal_nothing_total[$__rate_interval]))") == {
        "caudal_nothing_total"
    }
    with pytest.raises(ValueError, match=r"\w"):
        list(selectors("sum(rate(up[5m])"))


def test_every_panel_is_described_has_a_unit_and_a_place_of_its_own() -> None:
    for dashboard in dashboards():
        taken: set[tuple[int, int]] = set()
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, f"{dashboard['uid']} {panel['title']} lies on another"
            assert at["x"] + at["w"] <= 24
            taken |= cells
            if panel["type"] != "row":
                assert panel["description"].endswith("."), panel["title"]
                assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_links_lead_to_dashboards_that_exist() -> None:
    known = {dashboard["uid"] for dashboard in dashboards()}
    assert known == {f"caudal-{each.name}" for each in DASHBOARDS}
    led = 0
    for dashboard in dashboards():
        for panel in dashboard["panels"]:
            for link in panel.get("links", ()):
                led += 1
                assert link["url"].split("/d/")[1].split("?")[0] in known
    assert led > 10


def test_variables_that_are_used_are_declared() -> None:
    for dashboard in dashboards():
        declared = {each["name"] for each in dashboard["templating"]["list"]}
        asked = " ".join(expression for _, expression in expressions(dashboard))
        for name in ("instance", "source", "provider"):
            assert (f"${name}" in asked) == (name in declared), f"{dashboard['uid']}: {name}"
        assert "datasource" in declared


def test_folder_is_where_it_is_provisioned_from() -> None:
    assert Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" == FOLDER
