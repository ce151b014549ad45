"""What is worth keeping of a notification beside its state: its key, its dates, its codes.

Free text of strangers may hold personal data. Only text as short as a code is shown; in a key,
anything else is hashed.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from libs.contracts.readings import shown
from libs.providers.payu.wire import Notification

_MILLISECONDS: Final = re.compile(r"[0-9]{1,14}")
_CODE_LIMIT: Final = 40
_KEY_PART: Final = re.compile(r"\?|\??[A-Z0-9_.]{1,40}")
_GAP: Final = re.compile(r"[\s\-_]+")


def key_of(payout: str, state: str, status: str, said: Notification) -> str:
    """Name what was said: the same words give the same key, in whatever spelling they came."""
    told = (
        state,
        status,
        said.validation_state,
        said.error_code,
        said.date_of_the_next_validation,
    )
    return ":".join((payout, *(_part(text) for text in told)))


def _part(text: str | None) -> str:
    if not text:
        return "-"
    word = _GAP.sub("_", text.upper())
    if _KEY_PART.fullmatch(word):
        return word
    return hashlib.sha256(word.encode()).hexdigest()[:32]


def short_code(text: str | None) -> str | None:
    """Return a code as it came, or None where it is longer than a code can be."""
    if text is None or len(text) > _CODE_LIMIT or not text.isprintable():
        return None
    return text


def facts_of(said: Notification, event: str | None, unreadable: list[str]) -> dict[str, str]:
    """Return the texts that an operator may see; dates as ISO 8601 in UTC."""
    noted = list(unreadable)
    facts = {
        "created_at": _moment("creationDate", said.creation_date, noted),
        "next_validation_at": _moment(
            "dateOfTheNextValidation", said.date_of_the_next_validation, noted
        ),
        "validation_state": _code("validationState", said.validation_state, noted),
        "event": shown(event.strip()) if event else None,
    }
    _code("errorCode", said.error_code, noted)
    facts["unreadable"] = ", ".join(noted)
    return {name: text for name, text in facts.items() if text}


def _code(name: str, text: str | None, noted: list[str]) -> str | None:
    code = short_code(text)
    if text is not None and code is None:
        noted.append(name)
    return code


def _moment(name: str, text: str | None, noted: list[str]) -> str | None:
    """Epoch milliseconds as ISO text."""
    if text is None:
        return None
    if not _MILLISECONDS.fullmatch(text) or not int(text):
        noted.append(name)
        return None
    seconds, milliseconds = divmod(int(text), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03d}Z"
