"""A row of an answer, read like asyncpg's: by name, by place, or one value after another."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from libs.store.memory.values import told


class Record:
    """Values with names, in order."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = {name: told(value) for name, value in values.items()}

    def __getitem__(self, which: str | int | slice) -> Any:  # noqa: ANN401 - a column's value
        if isinstance(which, str):
            return self._values[which]
        return tuple(self._values.values())[which]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        return f"<Record {self._values}>"

    def get(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - a column's value
        """Return a value, or the default where there is no such column."""
        return self._values.get(name, default)

    def items(self) -> ItemsView[str, Any]:
        """Return names with values."""
        return self._values.items()

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._values.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._values.values()
