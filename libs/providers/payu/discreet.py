"""Models that show little of themselves: a payee's data and callback tokens stay out of every text.

Their `repr` has the fields of `SHOWN` alone; what pydantic finds wrong quotes no input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Discreet(BaseModel):
    """The base of what is sent and of what is answered; fields that nobody documents are kept."""

    model_config = ConfigDict(
        extra="allow",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=False,
    )
    SHOWN: ClassVar[frozenset[str]] = frozenset()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Name the fields that may be shown."""
        for name in type(self).model_fields:
            if name in self.SHOWN:
                yield name, getattr(self, name)

    @property
    def undocumented(self) -> tuple[str, ...]:
        """The names of the fields that no document names."""
        return tuple(self.model_extra or ())
