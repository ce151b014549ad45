"""Mobbex's notice as pydantic models: their field names, and only the fields that are read.

Read once from a body whose values came from JSON or, all of them text, from a form. Shapes are
taken liberally here: a node that is no object counts as absent, and values on which money hangs
(`object`) are judged where they are used, so that an oddity beside the point loses no news.
Source: https://mobbex.dev/webhooks, https://mobbex.dev/consulta-de-operaciones-y-childs
"""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Node(BaseModel):
    """One object of the notice."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def _object_or_none(value: object) -> object:
    return value if isinstance(value, dict) else None


def _text_or_none(value: object) -> object:
    return value.strip() or None if isinstance(value, str) else None


def _list_or_none(value: object) -> object:
    return value if isinstance(value, list) else None


def _code_or_object(value: object) -> object:
    """Read the bare word that older bodies have in place of `{code, text, symbol}`."""
    return {"code": value} if isinstance(value, str) else _object_or_none(value)


_N = TypeVar("_N", bound=Node)
Loose = Annotated[_N | None, BeforeValidator(_object_or_none)]
Word = Annotated[str | None, BeforeValidator(_text_or_none)]


class Currency(Node):
    """`payment.currency`: `ARS`, or `TEST` in test mode."""

    code: object = None


class CurrencyData(Node):
    """`payment.currency_data`, in bodies of 2017."""

    value: object = None


LooseCurrency = Annotated[Currency | None, BeforeValidator(_code_or_object)]


class Status(Node):
    """`payment.status`: only the code counts, a string of digits."""

    code: object = None
    text: Word = None
    message: Word = None


class Typed(Node):
    """A node of which only `type` is read: `view`, `payment.source`, `payment.operation`."""

    type: Word = None


class Payment(Node):
    """`data.payment`. Amounts are major units; times are ISO 8601 in UTC."""

    id: object = None
    total: object = None
    requested_total: object = Field(default=None, alias="requestedTotal")
    currency: LooseCurrency = None
    currency_data: Loose[CurrencyData] = None
    created: object = None
    updated: object = None
    reference: object = None
    operation: Loose[Typed] = None
    source: Loose[Typed] = None
    status: Loose[Status] = None


class Checkout(Node):
    """`data.checkout`: `total` is what was asked, before a financing charge or discount."""

    uid: Word = None
    total: object = None
    currency: LooseCurrency = None


class Named(Node):
    """A node of which only the `uid` is read: subscription, subscriber, execution."""

    uid: Word = None


class Service(Node):
    """`data.service`: Mobbex's charge for the operation."""

    total: object = None


class Data(Node):
    """`data`. Customers, cards, taxes (`transactions`) and risk are left unread."""

    result: object = None
    view: Loose[Typed] = None
    status: Loose[Status] = None
    payment: Loose[Payment] = None
    checkout: Loose[Checkout] = None
    subscription: Loose[Named] = None
    subscriber: Loose[Named] = None
    execution: Loose[Named] = None
    service: Loose[Service] = None
    childs: Annotated[list[object] | None, BeforeValidator(_list_or_none)] = None
