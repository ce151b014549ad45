"""The banks of Colombia by their codes, as PayU's documentation lists them; the names are ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NAMED: Final = {
    "001": "BANCO DE BOGOTA", "002": "BANCO POPULAR", "006": "ITAU CORPBANCA", "007": "BANCOLOMBIA",
    "009": "CITIBANK", "012": "BANCO GNB SUDAMERIS", "013": "BBVA COLOMBIA", "014": "ITAU",
    "019": "SCOTIABANK COLPATRIA", "023": "BANCO DE OCCIDENTE", "031": "BANCOLDEX",
    "032": "BCSC S.A.", "040": "BANCO AGRARIO", "051": "BANCO DAVIVIENDA", "052": "BANCO AV VILLAS",
    "507": "NEQUI", "801": "MOVII",
}  # fmt: skip
_OTHERS: Final = (
    "041 042 047 053 059 060 061 062 063 065 066 067 069 070 071 083 084 086 087 088 089 090 121 "
    "283 289 292 370 550 558 683 685 1062 1063 1069 1283 1291 1292 1303 1637"
)

BANKS: Final[Mapping[str, str]] = MappingProxyType(
    {code: f"BANCO {code}" for code in _OTHERS.split()} | _NAMED
)


def bank_code(told: object) -> str:
    """Return a code as PayU writes it: 7, "7" and "007 " are one bank."""
    return str(told).strip().zfill(3)
