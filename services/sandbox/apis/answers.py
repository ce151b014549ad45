"""An answer before it is sent: a status and a document with exact numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.simulator.bodies import json_text

JSON: Final = "application/json"

Document = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    document: Document = field(repr=False)
    status: int = 200
    content_type: str = JSON

    @property
    def body(self) -> bytes:
        """The document as it travels."""
        return json_text(self.document).encode()
