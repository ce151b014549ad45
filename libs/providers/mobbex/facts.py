"""What is worth showing beside an observation: text to text, no person and no card in it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from libs.contracts.readings import shown
from libs.providers.mobbex.body import number_text
from libs.providers.mobbex.fields import Times, is_absent, merchant_ref
from libs.providers.mobbex.wire import Data, Node, Payment

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
# Prefixes of `payment.id`: objects of their own, which never move the operation they belong to.
_PARTS: Final = {"CHD-": "child", "GRP-": "group"}


def facts_of(data: Data, times: Times, ref: str) -> dict[str, str]:
    """Collect the facts that a notice tells; what it leaves out is left out."""
    payment = data.payment or Payment()
    reference_lost = not is_absent(payment.reference) and merchant_ref(data) is None
    told: dict[str, str | None] = {
        "requested_total": _number(payment.requested_total),
        "checkout_total": _number(data.checkout.total) if data.checkout else None,
        "service_total": _number(data.service.total) if data.service else None,
        "operation_type": payment.operation.type if payment.operation else None,
        "checkout_uid": _uid(data.checkout),
        "subscription_uid": _uid(data.subscription),
        "subscriber_uid": _uid(data.subscriber),
        "execution_uid": _uid(data.execution),
        "part": _PARTS.get(ref[:4]),
        "childs": str(len(data.childs)) if data.childs else None,
        "result": "false" if data.result in (False, "false") else None,
        "reference": "unreadable" if reference_lost else None,
        **dict.fromkeys(times.unreadable, "unreadable"),
    }
    return {name: shown(value) for name, value in told.items() if value}


def total_as_told(data: Data) -> str | None:
    """Return the text of `payment.total` where it is not believed, as in reversals."""
    return _number(data.payment.total) if data.payment else None


def method_of(data: Data) -> str | None:
    """Return how the customer pays, in Mobbex's word: `card`, `cash`."""
    for node in (data.payment and data.payment.source, data.view):
        if node and node.type:
            return shown(node.type)
    return None


def reason_of(data: Data) -> str | None:
    """Return why it was refused, in the provider's words."""
    status = (data.payment and data.payment.status) or data.status
    told = (status.message or status.text) if status else None
    return shown(told) if told else None


def _uid(node: Node | None) -> str | None:
    uid = getattr(node, "uid", None)
    return uid if isinstance(uid, str) else None


def _number(value: object) -> str | None:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return number_text(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return value.strip()
    return None
