"""Who may import whom: the contracts in `pyproject.toml`, and that they are about what exists."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.reading import ROOT, imported, sources

LINTER = Path(sys.executable).with_name("lint-imports")

# What a pure function over bytes has no business with.
_IMPURE = {
    "asyncio", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading",
    "time", "urllib.request", "aio_pika", "aiohttp", "aiormq", "asyncpg", "sqlalchemy", "structlog",
}  # fmt: skip


def contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [LINTER, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(contracts())} kept, 0 broken" in done.stdout


def test_each_package_has_its_layer() -> None:
    """A package that no contract names could import anything."""
    [layers] = [contract["layers"] for contract in contracts() if contract["type"] == "layers"]
    named = {name.strip() for layer in layers for name in layer.replace(":", "|").split("|")}
    packages = {
        f"{folder.parent.name}.{folder.name}"
        for top in ("services", "libs")
        for folder in (ROOT / top).iterdir()
        if folder.is_dir() and list(folder.glob("*.py"))
    }
    modules = {f"services.{path.stem}" for path in (ROOT / "services").glob("[!_]*.py")}
    assert packages | modules == named


def test_provider_contract_forbids_its_neighbours() -> None:
    [pure] = [each for each in contracts() if each.get("source_modules") == ["libs.providers"]]
    assert {"libs.bus", "libs.store", "asyncpg", "socket"} <= set(pure["forbidden_modules"])


@pytest.mark.parametrize("folder", ["libs/providers", "libs/domain", "libs/contracts"])
def test_pure_packages_import_nothing_impure(folder: str) -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sources(folder)
        if path.name != "client.py"  # asking a provider: the folder's only I/O
        for name in imported(path)
        if name in _IMPURE or name.partition(".")[0] in _IMPURE
    }
    # The one file that writes the frozen documents to disk.
    assert found <= {("libs/contracts/published.py", "pathlib")}


def test_domain_imports_the_standard_library_only() -> None:
    foreign = {
        (path.name, name)
        for path in sources("libs/domain")
        for name in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not name.startswith("libs.domain")
    }
    assert foreign == set()
