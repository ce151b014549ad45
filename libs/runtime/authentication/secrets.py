"""Secrets of one source, several at once: a new one is let in beside the old one while it is rotated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

from libs.runtime.secret_references import check_reference


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret, and when it holds: from `not_before` on, and before `not_after`."""

    value: SecretStr
    not_before: datetime | None = None
    not_after: datetime | None = None

    def get_secret_value(self) -> str:
        """Return it in the clear."""
        return self.value.get_secret_value()

    @property
    def always(self) -> bool:
        """Whether it holds at any time."""
        return self.not_before is None and self.not_after is None

    def holds_at(self, now: datetime) -> bool:
        """Whether it opens the door at this time."""
        begun = self.not_before is None or now >= self.not_before
        return begun and (self.not_after is None or now < self.not_after)


Secrets = tuple[Secret, ...]

Reference = Annotated[str, AfterValidator(check_reference)]


class WrittenSecret(BaseModel):
    """`"env:NAME"`, or `{ secret = "env:NAME", not_before = TIME, not_after = TIME }`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    secret: Reference
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.not_before and self.not_after and self.not_before >= self.not_after:
            raise ValueError("not_before must come before not_after")
        return self


def _in_full(told: Any) -> Any:  # noqa: ANN401 - whatever the file says
    return told if isinstance(told, dict) else {"secret": told}


WrittenSecrets = Annotated[
    tuple[Annotated[WrittenSecret, BeforeValidator(_in_full)], ...],
    Field(min_length=1, strict=False),
]
# Reads what is written under a key that is told: `secrets`, `of[1].secrets`.
Read = Callable[[str, tuple[WrittenSecret, ...]], Secrets]
