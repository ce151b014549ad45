"""Bearer tokens with names: who somebody is follows from the token that they show."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_files import read_secret_text
from libs.runtime.settings import Settings

LEAST: Final = 24  # characters; `openssl rand -hex 24` prints 48
KEY: Final = "CAUDAL_ADMIN_TOKEN"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_BETWEEN: Final = re.compile(r"[\s,]+")
_SCHEME: Final = "bearer"


class Tokens:
    """Knows tokens by their digests, and tells whose one is in a time that tells nothing."""

    def __init__(self, by_name: dict[str, str]) -> None:
        self._digests = {name: _digest(token) for name, token in by_name.items()}

    def __len__(self) -> int:
        return len(self._digests)

    def who(self, authorization: str | None) -> str | None:
        """Return the name that belongs to the header's token, or None.

        Every token is compared, whatever the first ones say.
        """
        scheme, _, shown = (authorization or "").partition(" ")
        digest = _digest(shown.strip())
        found: str | None = None
        for name, known in self._digests.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found if scheme.lower() == _SCHEME else None


def load_tokens(settings: Settings) -> Tokens:
    """Read `CAUDAL_ADMIN_TOKEN` or `CAUDAL_ADMIN_TOKEN_FILE`: `name:token`, one or several.

    Raises `ConfigurationError`, without a token in it, where there is none, or one that is short,
    has no name, or stands twice.
    """
    told, key = settings.admin_token, KEY
    if settings.admin_token_file is not None:
        if told is not None:
            raise ConfigurationError(KEY, f"excludes {KEY}_FILE")
        key = f"{KEY}_FILE"
        text = read_secret_text(settings.admin_token_file, key)
    elif told is not None:
        text = told.get_secret_value()
    else:
        raise ConfigurationError(
            KEY, f"must be set (name:token, several with commas), or {KEY}_FILE; without, it is off"
        )
    return Tokens(_by_name(text, key))


def _by_name(text: str, key: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, one in enumerate(filter(None, _BETWEEN.split(text)), 1):
        name, colon, token = one.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise ConfigurationError(key, f"number {number} must be name:token")
        if len(token) < LEAST:
            raise ConfigurationError(key, f"the token of {name} must have {LEAST} characters")
        if name in found or token in found.values():
            raise ConfigurationError(key, f"{name} or its token stands twice")
        found[name] = token
    if not found:
        raise ConfigurationError(key, "has no name:token")
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
