"""PayU's words, which it spells in several ways."""

from __future__ import annotations

import re
from typing import Final

from libs.providers.port import Terms

_GAP: Final = re.compile(r"[\s\-_]+")


def normalised(text: str) -> str:
    """`awaiting for-sent ` → `AWAITING_FOR_SENT`: PayU spells one word in several ways."""
    return _GAP.sub("_", text.strip().upper())


def translated(word: str, terms: Terms) -> str:
    """Return the word that a source's aliases lead to, or the same."""
    if not terms.aliases:
        return word
    return {normalised(theirs): normalised(ours) for theirs, ours in terms.aliases.items()}.get(
        word, word
    )
