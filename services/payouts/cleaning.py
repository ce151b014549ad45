"""What PayU says of a failure, fit to be kept and shown: without payees and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from libs.providers.payu.requests import Payee, Transfer

MASK: Final = "***"
LIMIT: Final = 200
MOST: Final = 5
_DIGITS: Final = re.compile(r"[0-9](?:[ .-]?[0-9]){4,}")
_QUERY: Final = re.compile(r"(https?://[^\s?]{1,2000})\?[^\s\"']*")
_SHORTEST_NAME: Final = 3


def cleaned(
    messages: Iterable[str], transfers: Iterable[Transfer] = (), secrets: Iterable[str] = ()
) -> tuple[str, ...]:
    """Mask names, dates, long numbers, the queries of URLs, and whatever is secret; cut."""
    secret = _personal([each.bank_account for each in transfers], secrets)
    return tuple(_clean(message, secret) for message in list(messages)[:MOST])


def _clean(message: str, secret: re.Pattern[str] | None) -> str:
    text = "".join(c if c.isprintable() else " " for c in message)
    if secret is not None:
        text = secret.sub(MASK, text)
    text = _DIGITS.sub(MASK, _QUERY.sub(r"\1?…", text))
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _personal(payees: Iterable[Payee], secrets: Iterable[str]) -> re.Pattern[str] | None:
    words = {secret for secret in secrets if secret}
    for payee in payees:
        told = (payee.full_name, payee.account_number, payee.document_number)
        words |= {str(one) for one in (*told, payee.birth_date, payee.expedition_date) if one}
        words |= {w for w in (payee.full_name or "").split() if len(w) >= _SHORTEST_NAME}
    if not words:
        return None
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
