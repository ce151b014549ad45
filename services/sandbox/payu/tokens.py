"""Tokens as PayU issues them: `Bearer ` and a JWT (HS256) that runs out after ten minutes.

The claims are those of the example in PayU's documentation, and a number that tells tokens of one
second apart. The key is drawn anew in each process: no token outlives the sandbox.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

SCHEME: Final = "Bearer "
LASTS: Final = 600.0  # seconds
_HEADER: Final = {"alg": "HS256"}


class Tokens:
    """Issues tokens and knows which of them are good; `now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float], lasts: float = LASTS) -> None:
        self._now = now
        self._lasts = lasts
        self._key = secrets.token_bytes(32)
        self._revoked: set[str] = set()
        self._ends: dict[int, float] = {}  # to the fraction of a second, which a claim has not
        self.issued = 0

    def issue(self) -> str:
        """Return a new token with its scheme, as the answer has it."""
        self.issued += 1
        now = self._now()
        claims = {
            "Role": "Admin",
            "Issuer": "Issuer",
            "Username": "JavaInUse",
            "exp": int(now) + max(1, int(self._lasts)),
            "iat": int(now),
            "jti": self.issued,
        }
        self._ends[self.issued] = now + self._lasts
        signed = f"{_encoded(_HEADER)}.{_encoded(claims)}"
        return f"{SCHEME}{signed}.{self._signature(signed)}"

    def state(self, authorization: str) -> str:
        """Tell what a header is worth: `good`, `expired` or `wrong`."""
        token = authorization.removeprefix(SCHEME)
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            return "wrong"
        claims = json.loads(_decoded(signed.rpartition(".")[2]))
        over = self._now() >= self._ends[claims["jti"]] or token in self._revoked
        return "expired" if over else "good"

    def revoke(self, authorization: str) -> None:
        """Let a token run out before its time."""
        self._revoked.add(authorization.removeprefix(SCHEME))

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
