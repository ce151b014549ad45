"""What rests is sealed: AES-256-GCM under a ring of keys, of which the newest seals and all open.

    sealed    mark 4 | 1 | name of the key 8 | nonce 12 | ciphertext | tag 16
    escaped   mark 4 | 0 | content

What does not begin with the mark is plain, and stays readable: it was kept before there were keys.
Where there are none, content that begins with the mark is escaped, so that nobody can send what
looks sealed. The associated data is the head (mark, form and name) and what the content belongs
to, such as the id of a delivery: of two that were exchanged neither opens.

A nonce is drawn by chance for each. NIST SP 800-38D, 8.3, allows 2**32 of them under one key.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.runtime.failures import PermanentError

KEY_SIZE: Final = 32
MARK: Final = b"\xffCAU"  # begins neither UTF-8 nor any form of text
PLAIN: Final = "plain"
_ESCAPED: Final = MARK + b"\x00"
_SEALED: Final = MARK + b"\x01"
_NAME_SIZE: Final = 8
_NONCE_SIZE: Final = 12
_TAG_SIZE: Final = 16
HEAD_SIZE: Final = len(_SEALED) + _NAME_SIZE
GROWTH: Final = HEAD_SIZE + _NONCE_SIZE + _TAG_SIZE  # bytes that sealing adds


class NotOpenedError(PermanentError):
    """What rests cannot be read. Says why, by the name of the key, and quotes nothing of it."""


class KeyMissingError(NotOpenedError):
    """The key is not in the ring: with it, nothing is wrong."""


class AlteredError(NotOpenedError):
    """It is not what was sealed, or not where it was put: damaged, forged or exchanged."""


class KeyRing:
    """Keys of 32 bytes, the newest first; without any, nothing is sealed.

    `sealed_only` refuses what is plain, where there are keys: whoever can write to the place where
    it rests could otherwise put a plain forgery in place of what was sealed.
    """

    def __init__(self, keys: Sequence[bytes] = (), *, sealed_only: bool = False) -> None:
        self._ciphers = {_SEALED + _name(key): AESGCM(key) for key in keys}
        self._sealed_only = sealed_only and bool(keys)
        self.head = next(iter(self._ciphers), b"")
        """What all that is sealed now begins with."""
        self._newest = self._ciphers.get(self.head)

    def __bool__(self) -> bool:
        return self._newest is not None

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.names)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the keys, the newest first: digests that give no key away."""
        return tuple(name_of(head) for head in self._ciphers)

    @property
    def growth(self) -> int:
        """Bytes that sealing adds to any content."""
        return GROWTH if self else 0

    def seal(self, content: bytes, of: bytes) -> bytes:
        """Seal what belongs to `of`; without keys, return it as it may rest."""
        if self._newest is None:
            return _ESCAPED + content if content.startswith(MARK) else content
        nonce = os.urandom(_NONCE_SIZE)
        return b"".join((self.head, nonce, self._newest.encrypt(nonce, content, self.head + of)))

    def open(self, kept: bytes, of: bytes) -> bytes:
        """Return what was sealed for `of`, or is plain. Raises `NotOpenedError`."""
        if not is_sealed(kept):
            if self._sealed_only:
                raise AlteredError("is not sealed, and only what is sealed is to be read")
            return kept.removeprefix(_ESCAPED)
        head, start = kept[:HEAD_SIZE], HEAD_SIZE + _NONCE_SIZE
        cipher = self._ciphers.get(head)
        if cipher is None:
            raise _unknown(head)
        try:
            return cipher.decrypt(kept[HEAD_SIZE:start], kept[start:], head + of)
        except (InvalidTag, ValueError):  # ValueError: too short to be anything
            raise AlteredError(
                f"is not what was sealed under the key {name_of(head)}, or belongs elsewhere"
            ) from None


def is_sealed(kept: bytes) -> bool:
    """Tell whether something rests sealed, whatever the form."""
    return kept.startswith(MARK) and not kept.startswith(_ESCAPED)


def name_of(head: bytes | None) -> str:
    """Return the name of the key under which something rests, by its first bytes; else `plain`."""
    if head is None or not is_sealed(head):
        return PLAIN
    return head[len(_SEALED) : HEAD_SIZE].hex()


def _unknown(head: bytes) -> NotOpenedError:
    if not head.startswith(_SEALED):
        return AlteredError("is sealed in a form that this release does not know")
    return KeyMissingError(f"is sealed under the key {name_of(head)}, which is not among ours")


def _name(key: bytes) -> bytes:
    return hmac.digest(key, b"caudal: name of a key", "sha256")[:_NAME_SIZE]


NO_KEYS: Final = KeyRing()
