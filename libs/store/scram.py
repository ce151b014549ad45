"""The verifier that Postgres keeps of a password: what is sent instead of the password.

So the server's log of statements, and whoever reads it, never sees the password itself.
https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5802
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

ITERATIONS: Final = 4096  # what Postgres itself takes
_SALT: Final = 16  # bytes
_PRINTABLE: Final = range(0x20, 0x7F)


def verifier(password: str, *, salt: bytes | None = None) -> str:
    """Return the verifier (SCRAM-SHA-256), with a fresh salt where none is given.

    Raises `ValueError`, which does not quote it, for a password with other characters than those of
    printable ASCII: what others are prepared to (SASLprep) differs between clients.
    """
    if not password or any(ord(each) not in _PRINTABLE for each in password):
        raise ValueError("a password has printable ASCII characters only, and at least one")
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = hashlib.sha256(client).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
