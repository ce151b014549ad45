"""Money is never a float: nothing on its way makes one, and no reader of JSON does."""

from __future__ import annotations

import ast

from tests.architecture.reading import nodes, place, sources

ON_THE_WAY = (
    "libs/domain",
    "libs/providers",
    "libs/contracts",
    "libs/store",
    "services/normalizer",
    "services/reconciler",
    "services/inspection",
)
# Not money: seconds to wait.
_SECONDS = (
    "services/reconciler/relay.py",
    "services/reconciler/run.py",
    "services/normalizer/run.py",
)


def test_nothing_makes_a_float() -> None:
    found = [
        place(path, node)
        for path in sources(*ON_THE_WAY)
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
    ]
    assert found == []


def test_no_number_is_written_as_a_float() -> None:
    found = [
        place(path, node)
        for path in sources(*ON_THE_WAY)
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, float)
    ]
    assert [each for each in found if not each.startswith(_SECONDS)] == []


def test_no_reader_of_json_makes_floats() -> None:
    """`json.loads` and `orjson.loads` would turn 47.50 into one; readings go through `reading`.

    What our own messages and columns hold is text where it is money.
    """
    found = {
        place(path, node).rpartition(":")[0]
        for path in sources("libs/domain", "libs/providers")
        for node in nodes(path)
        if isinstance(node, ast.Attribute)
        and node.attr in {"loads", "load"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"json", "orjson"}
    }
    assert found == set()


def test_no_sum_is_rounded() -> None:
    found = [
        place(path, node)
        for path in sources(*ON_THE_WAY)
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "round"
    ]
    assert found == []
