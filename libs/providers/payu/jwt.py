"""For how long a token says that it is good. It is not verified: whoever issued it does that."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from libs.providers.reading import NotReadableError, read_json

_LONGEST: Final = 24 * 3600


def lifetime(token: str) -> int | None:
    """Return the seconds between a JWT's `iat` and `exp`; None where it does not tell a span.

    No clock is asked, so that none that is wrong spoils it. PayU's own example tells a span of 0.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = read_json(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, NotReadableError):
        return None
    if not isinstance(claims, dict):
        return None
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or not isinstance(ends, int):
        return None
    span = ends - issued
    return span if 0 < span <= _LONGEST else None
