"""What recognises a payout that is asked for once more, and tells nobody what is in it.

An HMAC under a key that is made of the account's API key: an account number has few enough digits to
be guessed from a plain hash of it. `key_name` tells two keys apart, and nothing else of them.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Self

from libs.providers.payu.requests import Transfer
from libs.providers.payu.written import canonical


@dataclass(frozen=True, slots=True)
class DigestKey:
    """A key, and its name."""

    key: bytes = field(repr=False)
    name: str

    @classmethod
    def of(cls, api_key: str) -> Self:
        """Derive it."""
        key = hmac.digest(api_key.encode(), b"caudal/payu/payout-request/1", "sha256")
        return cls(key, hashlib.sha256(b"name" + key).hexdigest()[:12])

    def digest(self, transfer: Transfer) -> bytes:
        """Recognise what is asked for: the same content, the same digest."""
        return hmac.digest(self.key, canonical(transfer), "sha256")
