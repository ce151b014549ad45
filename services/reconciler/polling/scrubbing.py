"""Taking credentials out of an answer before it is filed: fields that hold one, and our own echoed.

No documented answer has any. Whoever reads the archive must not be able to forge notices or to ask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

REDACTED: Final = b"[redacted]"
SHORTEST: Final = 12  # of our own: a plain word may be one of the payload


def without_secrets(body: bytes, fields: Iterable[str], ours: Iterable[str]) -> bytes:
    """Return an answer without the values of these fields, and without these texts of ours."""
    for name in fields:
        if name.lower().encode() in body.lower():
            pattern = rb'("%b"\s*:\s*)"(?:[^"\\]|\\.)*"' % re.escape(name).encode()
            body = re.sub(pattern, rb'\1"%b"' % REDACTED, body, flags=re.IGNORECASE)
    for text in ours:
        if len(text) >= SHORTEST:
            body = body.replace(text.encode(), REDACTED)
    return body
