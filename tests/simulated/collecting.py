"""Collects the tests of other modules once more, to run them over a fake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any


def collected(suites: Mapping[ModuleType, frozenset[str]]) -> Iterator[tuple[str, Any]]:
    """Give every test of the modules but those named, under a name with its module in it."""
    for module, left_out in suites.items():
        found = {name for name in vars(module) if name.startswith("test_")}
        assert left_out <= found, left_out - found
        suite = module.__name__.rpartition(".")[2].removeprefix("test_")
        for name in sorted(found - left_out):
            yield f"test_{suite}_{name.removeprefix('test_')}", getattr(module, name)
