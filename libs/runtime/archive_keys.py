"""The keys of the archive, as an operator writes them: 32 bytes each, the newest first.

In base64 (either alphabet, with or without padding) or hex, with commas or white space between.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import Final

from libs.runtime.configuration import ConfigurationError
from libs.runtime.key_ring import KEY_SIZE, KeyRing
from libs.runtime.secret_references import SecretReader
from libs.runtime.settings import PREFIX, Settings

KEYS: Final = f"{PREFIX}ARCHIVE_KEYS"
KEYS_FILE: Final = f"{PREFIX}ARCHIVE_KEYS_FILE"
WITHOUT_KEYS: Final = "is not set: raw bodies rest unencrypted (`caudal archive key` makes one)"
_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
_LEAST_VARIETY: Final = 8  # distinct bytes; fewer by chance in one key of 10**36


def fresh_key() -> str:
    """Return a new key: 43 characters, which need no quoting anywhere."""
    return secrets.token_urlsafe(KEY_SIZE)


def keys_are_told(settings: Settings) -> bool:
    """Tell whether keys, or a file of them, are named at all."""
    return settings.archive_keys is not None or settings.archive_keys_file is not None


def key_ring(settings: Settings) -> KeyRing:
    """Return the ring that the settings tell of, or one without keys where they tell of none.

    Raises `ConfigurationError`, which shows nothing of a key. A file without a key is one: who named
    it wanted to have what rests sealed.
    """
    told, path = settings.archive_keys, settings.archive_keys_file
    if told is not None and path is not None:
        raise ConfigurationError(KEYS_FILE, f"cannot be told beside {KEYS}")
    if told is not None:
        return _ring(told.get_secret_value(), KEYS, settings)
    if path is None:
        return KeyRing()
    found = SecretReader(path.parent).read(f"file:{path.name}", KEYS_FILE)
    return _ring("" if found is None else found.get_secret_value(), KEYS_FILE, settings)


def _ring(text: str, variable: str, settings: Settings) -> KeyRing:
    try:
        keys = read_keys(text)
    except ValueError as error:
        raise ConfigurationError(variable, str(error)) from None
    return KeyRing(keys, sealed_only=settings.archive_sealed_only)


def read_keys(text: str) -> tuple[bytes, ...]:
    """Read keys. Raises `ValueError`, which quotes nothing, where there is none or one is no key."""
    written = text.replace(",", " ").split()
    if not written:
        raise ValueError("holds no key; `caudal archive key` prints a new one")
    keys = tuple(_key(each, number) for number, each in enumerate(written, 1))
    if len(set(keys)) < len(keys):
        raise ValueError("holds a key twice")
    return keys


def _key(written: str, number: int) -> bytes:
    key = b""
    if _HEX.fullmatch(written):
        key = bytes.fromhex(written)
    elif _BASE64.fullmatch(written):
        try:
            key = base64.urlsafe_b64decode(written.translate(_TO_URLSAFE).rstrip("=") + "=")
        except binascii.Error:
            key = b""
    if len(key) != KEY_SIZE:
        raise ValueError(f"key {number} is not {KEY_SIZE} bytes in base64 or hex")
    if len(set(key)) < _LEAST_VARIETY:
        raise ValueError(f"key {number} was not drawn by chance")
    return key


_TO_URLSAFE: Final = str.maketrans("+/", "-_")
