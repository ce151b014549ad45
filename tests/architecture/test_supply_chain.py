"""What is installed is what was pinned; the list of it is whole; a known vulnerability is told from not knowing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^\s;]+)(?P<marker> ;[^\\]*)?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
AUDIT = ROOT / "deploy" / "dev" / "audit.py"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: Path) -> dict[str, str]:
    return {canonical(one["name"]): one["version"] for one in PINNED.finditer(file.read_text())}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_line_pins_a_version_with_hashes(file: Path) -> None:
    assert PINNED.sub("", file.read_text()) == ""
    assert len(pinned(file)) > 20


def test_everything_that_is_named_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for file, named in {
        "runtime": project["dependencies"],
        "demo": [*project["dependencies"], *extras["demo"]],
        "dev": [*project["dependencies"], *extras["demo"], *extras["dev"]],
    }.items():
        have = pinned(ROOT / "requirements" / f"{file}.txt")
        wanted = {canonical(re.split(r"[^A-Za-z0-9._-]", each, maxsplit=1)[0]) for each in named}
        assert wanted <= have.keys(), file


def bill(folder: Path, name: str) -> dict[str, Any]:
    out = folder / name
    subprocess.run(["make", "-s", "sbom", f"SBOM={out}"], cwd=ROOT, check=True)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_bill_of_materials_lists_what_runs_and_nothing_else(tmp_path: Path) -> None:
    found = bill(tmp_path, "one.json")
    assert found["bomFormat"] == "CycloneDX"
    components = {canonical(each["name"]): each for each in found["components"]}
    assert {name: each["version"] for name, each in components.items()} == pinned(
        ROOT / "requirements" / "runtime.txt"
    )
    assert found["metadata"]["component"]["name"] == "caudal"
    assert found == bill(tmp_path, "two.json")  # neither a time nor a number of its own


def audit(folder: Path, said: str, *more: str) -> tuple[int, str]:
    """Run the check with a stand-in for pip-audit that says this."""
    stand_in = folder / "pip-audit"
    stand_in.write_text(f"#!{sys.executable}\nprint({said!r})\n")
    stand_in.chmod(0o755)
    done = subprocess.run(
        [sys.executable, AUDIT, "--audit", str(stand_in), *more],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


CLEAN = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "more", "code", "words"),
    [
        ([CLEAN], [], 0, "nothing known of 1 packages"),
        ([CLEAN, BAD], [], 1, "b 2: CVE-1, mended in 3"),
        ([CLEAN, BAD, SKIPPED], ["--if-reachable"], 1, "CVE-1"),
        ([CLEAN, SKIPPED], [], 3, "not asked"),
        ([CLEAN, SKIPPED], ["--if-reachable"], 0, "not asked"),
    ],
)
def test_not_knowing_is_told_from_knowing_nothing(
    tmp_path: Path, packages: list[dict[str, Any]], more: list[str], code: int, words: str
) -> None:
    found, told = audit(tmp_path, json.dumps({"dependencies": packages}), *more)
    assert found == code
    assert words in told


def test_no_answer_at_all_is_not_knowing(tmp_path: Path) -> None:
    assert audit(tmp_path, "no JSON")[0] == 3
    assert audit(tmp_path, "no JSON", "--if-reachable")[0] == 0
