"""Trace context as it travels: the text of a `traceparent`, what it says, and how one leads to the next.

https://www.w3.org/TR/trace-context/#traceparent-header, version 00
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

HEADER: Final = "traceparent"
"""The name of the header, of a request and of a message."""

CURRENT: Final[ContextVar[str | None]] = ContextVar("caudal-batch", default=None)
"""The span of the batch that is worked on, where it has one."""

_IDS: Final = r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_FORM: Final = re.compile(rf"00-{_IDS}")
_LATER: Final = re.compile(rf"(?!00|ff)[0-9a-f]{{2}}-{_IDS}(?:-.*)?", re.DOTALL)
_TRACE: Final = slice(3, 35)
_SPAN: Final = slice(36, 52)
_ODD: Final = frozenset("13579bdf")  # of the flags the last bit: sampled
_FIRST_BIT: Final = 1 << 63


def is_context(text: object) -> bool:
    """Tell whether this is a valid trace context; whatever else it is is none."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None


def is_sampled(traceparent: str | None) -> bool:
    """Tell whether whoever began the trace decided that its spans are kept; no context is not sampled."""
    return traceparent is not None and traceparent[-1:] in _ODD and is_context(traceparent)


def of_sender(told: str | None) -> str | None:
    """Return the context that a request brought, as version 00 has it; None where it brought none.

    Of a later version the first 55 characters mean what they mean in this one, and no more is read.
    """
    if told is None or _FORM.fullmatch(told) is not None:
        return told
    return f"00{told[2:55]}" if _LATER.fullmatch(told) is not None else None


def unsampled(traceparent: str) -> str:
    """Return the same context with the word that nothing of it is kept."""
    return f"{traceparent[:53]}00"


def drawn(*, sampled: bool = True, trace_id: str | None = None) -> str:
    """Begin a trace, or a span without a parent in the trace that is named."""
    drawn = random.randbytes(24).hex()  # noqa: S311 - a name, not a secret
    return f"00-{trace_id or drawn[:32]}-{drawn[32:]}-{'01' if sampled else '00'}"


def child_of(traceparent: str) -> str:
    """Draw the context of a span under this one: the same trace, the same flags."""
    span = random.randbytes(8).hex()  # noqa: S311 - a name, not a secret
    return f"{traceparent[:36]}{span}{traceparent[52:]}"


def parent_of_publish(traceparent: str) -> str:
    """Return the context of the request in which the delivery with this one came.

    What travels is the context of its publish, as whoever consumes it goes on from there. The span above
    has the same id but for the first bit, so that neither has to be kept until the answer is written.
    """
    span = int(traceparent[_SPAN], 16) ^ _FIRST_BIT
    return f"{traceparent[:36]}{span:016x}{traceparent[52:]}"


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the 32 digits of a trace; None where there is no valid context."""
    return None if traceparent is None or not is_context(traceparent) else traceparent[_TRACE]


def span_id_of(traceparent: str | None) -> str | None:
    """Return the 16 digits of a span; None where there is no valid context."""
    return None if traceparent is None or not is_context(traceparent) else traceparent[_SPAN]


def of_message(headers: Mapping[str, Any]) -> str | None:
    """Return the context that a message brought in its headers, if it is one."""
    told = headers.get(HEADER)
    text = told.decode("ascii", "replace") if isinstance(told, bytes | bytearray) else told
    return text if isinstance(text, str) and is_context(text) else None
