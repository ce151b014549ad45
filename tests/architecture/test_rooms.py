"""How the house is kept: small files with a story, and one place for SQL and for AMQP."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.reading import ROOT, imported, nodes, place, sources

LINES = 400
_NO_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
_STATEMENT = re.compile(r"(?is)^\s*(select|insert\s+into|update(?=.*\bset\b)|delete\s+from)\s")
# The schema, named statements put together, and a server asked whether it is there.
_SQL_IN_PYTHON = (
    "libs/store/migrations/",
    "libs/store/queries.py",
    "libs/embedded/",
)


def test_files_are_small() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources("services", "libs")
    }
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_modules_tell_their_story() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in sources("services", "libs")
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_modules_are_named_for_something() -> None:
    named = {path.stem for path in sources("services", "libs")} | {
        path.parent.name for path in sources("services", "libs")
    }
    assert named & _NO_NAMES == set()


def test_sql_stands_in_sql_files() -> None:
    found = [
        place(path, node)
        for path in sources("services", "libs")
        for node in nodes(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _STATEMENT.match(node.value)
    ]
    assert [each for each in found if not each.startswith(_SQL_IN_PYTHON)] == []


@pytest.mark.parametrize(
    ("modules", "home"),
    [
        ({"aio_pika", "aiormq"}, ("libs/bus/", "libs/embedded/")),
        ({"asyncpg", "sqlalchemy", "alembic"}, ("libs/store/", "libs/embedded/")),
    ],
    ids=["amqp", "sql"],
)
def test_client_library_stays_at_home(modules: set[str], home: tuple[str, ...]) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in sources("services", "libs")
        if {name.partition(".")[0] for name in imported(path)} & modules
    }
    assert {user for user in users if not user.startswith(home)} == set()


def test_adapters_have_what_an_adapter_has() -> None:
    """A provider is a folder: a name, a README and a corpus of payloads beside the tests."""
    folders = [p for p in (ROOT / "libs/providers").iterdir() if (p / "__init__.py").is_file()]
    assert len(folders) >= 5
    for folder in folders:
        assert (folder / "README.md").is_file(), folder.name
        payloads = ROOT / "tests/providers" / folder.name / "payloads"
        assert list(payloads.glob("*.expected.json")), folder.name
