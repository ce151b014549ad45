"""What in a migration would break the release that still runs: found by squawk, and by what it does not read.

A revision is expanding, or it is the contract step of an earlier one and says so: `contracts = "0016"` beside
`revision`. Of a contract step everything is allowed that the release between the two no longer needs.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
VERSIONS: Final = ROOT / "libs/store/migrations/versions"
SQUAWK: Final = Path(sys.executable).with_name("squawk")
# Those before were written when there was one release at a time.
FIRST: Final = "0016"

# What squawk says of statements, in its words, and that breaks who knows only the schema before, or holds a
# large table for long. The rest of its rules are of taste.
BREAKING: Final = frozenset(
    {
        "adding-field-with-default",
        "adding-foreign-key-constraint",
        "adding-not-nullable-field",
        "adding-required-field",
        "adding-serial-primary-key-field",
        "ban-alter-domain-with-add-constraint",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-table",
        "ban-truncate-cascade",
        "changing-column-type",
        "constraint-missing-not-valid",
        "disallowed-unique-constraint",
        "renaming-column",
        "renaming-table",
        "require-concurrent-index-creation",
        "require-concurrent-index-deletion",
        "syntax-error",
    }
)
# What it has no rule for.
_ALSO: Final = {
    "drop-of-what-is-called": re.compile(
        r"(?i)\bdrop\s+(function|procedure|view|sequence|type|schema)\b"
    ),
    "rename": re.compile(r"(?i)\balter\s+\w+\s+\S+(\s+\S+)?\s+rename\b"),
    "set-not-null": re.compile(r"(?i)\bset\s+not\s+null\b"),
    "lock-table": re.compile(r"(?i)^\s*lock\s"),
    "truncate": re.compile(r"(?i)^\s*truncate\b"),
    "rewrites-rows": re.compile(r"(?i)^\s*(update|delete\s+from)\s"),
}
# A block makes its statements when it runs: nobody can read what they are.
_BLOCK: Final = re.compile(r"(?is)^\s*do\s+(\$\w*\$)(.*)\1")
_HIDDEN: Final = re.compile(
    r"(?i)\b(alter\s+(table|type|view)|drop|truncate|rename|create\s+(unique\s+)?index|update|delete\s+from)\b"
)


class _Recorder:
    """Stands for alembic's `op`: keeps the statements, and knows nothing that is no statement."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)

    def get_context(self) -> _Recorder:
        return self

    @contextlib.contextmanager
    def autocommit_block(self) -> Iterator[None]:
        self.statements.append("commit")
        yield
        self.statements.append("begin")


def revisions() -> dict[str, ModuleType]:
    """Return the modules of all revisions, by their names."""
    found = {}
    for path in sorted(VERSIONS.glob("0*.py")):
        module = importlib.import_module(f"libs.store.migrations.versions.{path.stem}")
        found[module.revision] = module
    return found


def statements_of(module: ModuleType) -> list[str]:
    """Return what a revision executes."""
    recorder, op = _Recorder(), module.op
    module.op = recorder  # type: ignore[attr-defined]
    try:
        module.upgrade()
    finally:
        module.op = op  # type: ignore[attr-defined]
    return recorder.statements


def contract_of(module: ModuleType) -> str | None:
    """Return the revision whose contract step this one is, or None."""
    found: str | None = getattr(module, "contracts", None)
    return found


def findings(statements: list[str]) -> set[str]:
    """Return the names of what would break the release that still runs."""
    made = [each for each in statements if not re.match(r"(?i)\s*create\s+function\b", each)]
    found = {name for name, sign in _ALSO.items() if any(map(sign.search, made))}
    for each in made:
        if (block := _BLOCK.match(each)) and _HIDDEN.search(block[2]):
            found.add("hidden-in-a-block")
    told = {each["rule_name"] for each in _squawk(statements)}
    return found | (told & BREAKING)


def _squawk(statements: list[str]) -> list[dict[str, Any]]:
    text = ";\n".join(["begin", *statements, "commit"]) + ";\n"
    ran = subprocess.run(
        [SQUAWK, "--reporter", "json", "--pg-version", "15.0", "--no-error-on-unmatched-pattern",
         "--stdin-filepath", "revision.sql"],
        input=text, check=False, capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert ran.returncode in {0, 1}, ran.stderr
    said: list[dict[str, Any]] = json.loads(ran.stdout or "[]")
    return said
