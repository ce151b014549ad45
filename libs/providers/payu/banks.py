"""The bank codes of Colombia, as PayU lists them for payouts.

Source: https://developers.payulatam.com/latam/es/docs/integrations/api-integration/payouts-api.html
(bank codes; the list is what it was on 2026-11-23, and banks come and go). A code is text of three or
four digits; `7` and `007` are the same bank, and one documented cell has a trailing blank.
"""

from __future__ import annotations

from typing import Final

_LISTED: Final = (
    "001 002 006 007 009 012 013 014 019 023 031 032 040 041 042 047 051 052 053 059 060 061 062 "
    "063 065 066 067 069 070 071 083 084 086 087 088 089 090 121 283 289 292 370 507 550 558 683 "
    "685 801 1062 1063 1069 1283 1291 1292 1303 1637"
)
CODES: Final = frozenset(_LISTED.split())


def normalised(code: str) -> str:
    """Return a code as PayU writes it where it is known, else as it came, trimmed."""
    text = code.strip()
    padded = text.zfill(3) if text.isascii() and text.isdigit() else text
    return padded if padded in CODES else text
