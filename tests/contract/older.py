"""What an older process put into the queue."""

from __future__ import annotations

from libs.contracts.translated import Translated
from libs.contracts.webhook_translated_v1 import _MESSAGE, VERSION, _Message


def encode(outcomes: tuple[Translated, ...]) -> bytes:
    """Write `webhook.translated` version 1."""
    return _MESSAGE.dump_json(_Message(version=VERSION, outcomes=outcomes), exclude_defaults=True)
