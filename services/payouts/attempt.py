"""How far a call has come that changes something at PayU, for whoever has to say so after a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from libs.runtime.failures import TemporaryError


@dataclass(slots=True)
class Attempt:
    """`sent` from before the first byte leaves; `orders` are those that PayU's answer names.

    `shown`: what became of it was told to whoever asked; `about` is what can be told in its place.
    """

    sent: bool = False
    shown: bool = False
    orders: list[str] = field(default_factory=list)
    about: Mapping[str, object] = field(default_factory=lambda: {"requests": []})


class NotOnRecordError(TemporaryError):
    """It was answered, and the answer could not be put on record: these orders exist at PayU."""

    def __init__(self, orders: Sequence[str]) -> None:
        super().__init__(
            f"PayU answered, and it could not be put on record; its orders: {', '.join(orders)}"
        )
