"""The alerts ask what is documented, fire when they should, and lead to a section that says what to type."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from tests.deploy.promql import selectors, undocumented
from tests.deploy.typed import parsed

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
PROMETHEUS: Final = DEPLOY / "prometheus"
RUNBOOK: Final = (DEPLOY / "runbook.md").read_text()
PARTS: Final = ("**Symptom.**", "**What it means.**", "**What to type.**", "**Over when.**")
# What a person puts in the place of a name.
_BLANK: Final = re.compile(r"<[a-z]+>")
SOMEBODY: Final = "0194f8f0-0000-7000-8000-000000000000"
Json = dict[str, Any]


def alerts() -> list[Json]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def cases() -> list[Json]:
    found: list[Json] = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    return found


def sections() -> dict[str, str]:
    """Return the runbook's sections by their anchors, as a heading's is made."""
    parts = re.split(r"^### (.+)$", RUNBOOK, flags=re.MULTILINE)[1:]
    return {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-"): text.split("\n## ")[0]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


@pytest.fixture(name="promtool")
def found_promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool: deploy/dev/ensure-promtool installs Debian's prometheus")
    return found


def test_every_expression_parses_and_names_what_is_documented() -> None:
    for alert in alerts():
        assert list(selectors(alert["expr"])), alert["alert"]
        assert undocumented(alert["expr"]) == set(), alert["alert"]


def test_alerts_are_whole() -> None:
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names)) >= 30
    for alert in alerts():
        assert alert["alert"].startswith("Caudal")
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_not() -> None:
    fires: set[str] = set()
    quiet: set[str] = set()
    for case in cases():
        for asked in case["promql_expr_test"]:
            assert f'alertname="{case["name"]}"' in asked["expr"]
            (fires if asked["exp_samples"] else quiet).add(case["name"])
    assert fires == quiet == {alert["alert"] for alert in alerts()}


def test_rules_fire_when_they_should(promtool: str) -> None:
    for told in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ran = subprocess.run(
            [promtool, *told], check=False, capture_output=True, text=True, cwd=PROMETHEUS
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_rule_that_is_wrong_is_noticed(promtool: str, tmp_path: Path) -> None:
    """A threshold that is moved makes a case fail."""
    rules = (PROMETHEUS / "alerts.yml").read_text()
    assert rules.count("> 600") == 1
    (tmp_path / "alerts.yml").write_text(rules.replace("> 600", "> 6000"))
    told = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())
    told["tests"] = [case for case in cases() if case["name"] == "CaudalDrainTooLong"]
    (tmp_path / "alerts_test.yml").write_text(yaml.safe_dump(told))
    ran = subprocess.run(
        [promtool, "test", "rules", "alerts_test.yml"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode != 0
    assert "CaudalDrainTooLong" in ran.stdout + ran.stderr


def test_every_alert_leads_to_its_section() -> None:
    anchors = sections()
    led = set()
    for alert in alerts():
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert path == "deploy/runbook.md"
        assert anchor in anchors, alert["alert"]
        assert anchor == alert["alert"].lower()
        led.add(anchor)
    assert led == set(anchors), "a section that no alert leads to"


@pytest.mark.parametrize("anchor", list(sections()))
def test_section_says_four_things(anchor: str) -> None:
    text = sections()[anchor]
    places = [text.find(part) for part in PARTS]
    assert -1 not in places, f"{anchor} lacks {PARTS[places.index(-1)]}"
    assert places == sorted(places)
    assert "```sh\n" in text[places[2] : places[3]], f"{anchor}: nothing to type"


def test_links_within_the_runbook_exist() -> None:
    anchors = sections()
    for target in re.findall(r"\]\(([^)]+)\)", RUNBOOK):
        path, _, anchor = target.partition("#")
        assert not path or (DEPLOY / path).exists(), target
        assert not anchor or path or anchor in anchors, target


def test_expressions_of_the_runbook_name_what_is_documented() -> None:
    found = [
        text for text in re.findall(r"`([^`\n]+)`", RUNBOOK) if re.search(r"\w\(|[<>/] ", text)
    ]
    asked = [text for text in found if re.search(r"caudal_|process_|up\b", text)]
    assert len(asked) > 20
    for text in asked:
        assert undocumented(text) == set(), text
    known = undocumented(" or ".join(sorted(set(re.findall(r"\bcaudal_\w+", RUNBOOK)))))
    assert known == set()


def commands() -> Iterator[list[str]]:
    """Give every call of ours: lines to type, and those in the text."""
    for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("caudal "):
                yield shlex.split(line)
    for text in re.findall(r"`(caudal [^`]+)`", RUNBOOK):
        if not text.endswith("…"):
            yield shlex.split(_BLANK.sub(SOMEBODY, text))


def test_commands_exist_and_take_their_options() -> None:
    found = list(commands())
    assert len(found) > 25
    for words in found:
        parsed(words[1:])


@pytest.mark.parametrize(
    "words", [["objekts"], ["parked", "list", "--nothing"], ["parked", "show"], ["poll"]]
)
def test_a_command_that_is_none_is_noticed(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(words)
