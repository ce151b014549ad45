"""Safe2Pay's queries: a transaction, and the transactions of a reference. Header `X-API-KEY`.

The envelope is `{ResponseDetail, HasError, ErrorCode, Error}`; HTTP 200 with `HasError: true` is how a
query fails. A reference is not unique.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from libs.providers.asking import (
    Asked,
    Client,
    FailedQueryError,
    NotAskableError,
    NotThereError,
    Query,
    Reply,
    Send,
    Wanted,
    document_of,
)
from libs.providers.reading import Json

_FOUND_AT_MOST: Final = 20
# No list of error codes is published; their texts are Portuguese.
_NOT_FOUND: Final = (
    "não encontrad",
    "nao encontrad",
    "não existe",
    "não localizad",
    "inexistente",
    "not found",
)


class _Client:
    base_url: Final = "https://api.safe2pay.com.br"
    credentials: Final = ("token",)
    calls: Final = 1

    def askable(self, provider_ref: str) -> bool:
        return provider_ref.isascii() and provider_ref.isdigit()

    async def ask(
        self, send: Send, credentials: Mapping[str, str], wanted: Wanted
    ) -> tuple[Asked, ...]:
        """Ask for one transaction."""
        if not self.askable(wanted.provider_ref):
            raise NotAskableError("Safe2Pay is asked for transactions by number")
        reply = await send(
            Query(
                path="/v2/transaction/Get",
                name="/v2/transaction/Get?Id=",
                parameters={"Id": wanted.provider_ref},
                headers=_headers(credentials),
            )
        )
        _detail(reply)
        route = f"transaction/{wanted.provider_ref}"
        return (Asked(route_event=route, body=reply.body, content_type=reply.content_type),)

    async def find(
        self, send: Send, credentials: Mapping[str, str], merchant_ref: str
    ) -> tuple[str, ...]:
        reply = await send(
            Query(
                path="/v2/transaction/Reference",
                name="/v2/transaction/Reference?reference=",
                parameters={"reference": merchant_ref},
                headers=_headers(credentials),
            )
        )
        objects = _detail(reply).get("Objects")
        found = [_number(each) for each in objects] if isinstance(objects, list) else []
        numbers = tuple(dict.fromkeys(number for number in found if number))
        if not numbers:
            raise NotThereError
        return numbers[:_FOUND_AT_MOST]


def _headers(credentials: Mapping[str, str]) -> dict[str, str]:
    return {"X-API-KEY": credentials["token"]}


def _detail(reply: Reply) -> dict[str, Json]:
    """Return what is in the envelope, or raise what it says instead."""
    told = document_of(reply)
    detail = told.get("ResponseDetail")
    if reply.status == 200 and told.get("HasError") is not True:
        if isinstance(detail, dict):
            return detail
        raise NotThereError
    if any(words in f"{told.get('Error')}".lower() for words in _NOT_FOUND):
        raise NotThereError
    raise FailedQueryError(f"answered {reply.status} with an error")


def _number(node: Json) -> str | None:
    number = node.get("IdTransaction") if isinstance(node, dict) else None
    text = "" if isinstance(number, bool) else f"{number}"
    return text if text.isascii() and text.isdigit() else None


CLIENT: Final[Client] = _Client()
