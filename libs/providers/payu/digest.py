"""What recognises a payout that is asked for once more, and tells nobody what is in it.

An HMAC under a key that is made of the account's API key: an account number has few enough digits to
be guessed from a plain hash of it. `key_name` tells two keys apart, and nothing else of them.

What is only spelled otherwise is the same payout: an empty description and none, an id in capitals, a
date with slashes or hyphens, the state that a new payee has anyway, the merchant's own number. It is
recognised so, and sent as it was told: which spelling PayU wants, whoever wrote it may know better.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Self

from libs.providers.payu.dates import read_date
from libs.providers.payu.requests import Payee, Transfer
from libs.providers.payu.words import NEW_PAYEE_STATE
from libs.providers.payu.written import canonical


@dataclass(frozen=True, slots=True)
class DigestKey:
    """A key, and its name."""

    key: bytes = field(repr=False)
    name: str

    @classmethod
    def of(cls, api_key: str, environment: str) -> Self:
        """Derive it; one account has another key in each of PayU's worlds."""
        label = f"caudal/payu/payout-request/2/{environment}"
        key = hmac.digest(api_key.encode(), label.encode(), "sha256")
        return cls(key, hashlib.sha256(b"name" + key).hexdigest()[:12])

    def digest(self, transfer: Transfer) -> bytes:
        """Recognise what is asked for: the same content, the same digest."""
        return hmac.digest(self.key, recognised(transfer), "sha256")


def recognised(transfer: Transfer) -> bytes:
    """Write a payout in one spelling: the same bytes are the same payout."""
    plain = transfer.model_copy(
        update={
            "description": transfer.description or None,
            "bank_account": _payee(transfer.bank_account),
        }
    )
    return canonical(plain)


def _payee(payee: Payee) -> Payee:
    """Spell a payee so; another merchant's number than the own one is never sent."""
    return payee.model_copy(
        update={
            "id": None if payee.id is None else payee.id.lower(),
            "birth_date": _date(payee.birth_date),
            "expedition_date": _date(payee.expedition_date),
            "state": None if payee.state == NEW_PAYEE_STATE else payee.state,
            "merchant_id": None,
        }
    )


def _date(text: str | None) -> str | None:
    found = None if text is None else read_date(text)
    return text if found is None else found.isoformat()
