"""JSON as it is sent: an amount is a number with its exact digits, never by way of a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from libs.providers.payu.discreet import Discreet


def written(model: Discreet) -> bytes:
    """Write a model under PayU's names, without what is not told."""
    return _text(model.model_dump(by_alias=True, exclude_none=True)).encode()


def canonical(model: Discreet) -> bytes:
    """Write a model so that the same content gives the same bytes, in whatever order it was told.

    Numbers and texts of the same digits are the same, and so are 1500000 and 1500000.00.
    """
    return _text(_plain(model.model_dump(by_alias=True, exclude_none=True))).encode()


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{json.dumps(str(k))}:{_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(name): _plain(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        whole = number == number.to_integral_value()
        return format(number.to_integral_value() if whole else number.normalize(), "f")
    return value
