r"""Mobbex' queries: an operation, and the operations of a reference.

https://mobbex.dev/consulta-de-operaciones-y-childs: headers `x-api-key` and `x-access-token`. HTTP 200
with `result: false` is a query that failed, and no status. By reference: the documented filter of the
list, then `/operations/ref\<reference>`, whose separator is not certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

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

_BY_OTHER_NAMES: Final = ("checkout:", "execution:")  # see `fields.identity`: no operation's id
_FOUND_AT_MOST: Final = 20
_NOT_FOUND: Final = ("NOT_FOUND", "NOT FOUND", "NO ENCONTRAD", "INEXISTENTE", "NO EXISTE")


class _Client:
    base_url: Final = "https://api.mobbex.com/p"
    credentials: Final = ("api_key", "access_token")
    calls: Final = 1

    def askable(self, provider_ref: str) -> bool:
        return not provider_ref.startswith(_BY_OTHER_NAMES)

    async def ask(
        self, send: Send, credentials: Mapping[str, str], wanted: Wanted
    ) -> tuple[Asked, ...]:
        """Ask for one operation; the case of the letters counts."""
        if not self.askable(wanted.provider_ref):
            raise NotAskableError("Mobbex is asked for operations, and this is none")
        reply = await send(
            Query(
                path=f"/operations/{quote(wanted.provider_ref, safe='')}",
                name="/operations/{uid}",
                headers=_headers(credentials),
            )
        )
        _result(reply)
        route = f"operation/{wanted.provider_ref}"
        return (Asked(route_event=route, body=reply.body, content_type=reply.content_type),)

    async def find(
        self, send: Send, credentials: Mapping[str, str], merchant_ref: str
    ) -> tuple[str, ...]:
        headers = _headers(credentials)
        listed = await send(
            Query(
                path="/operations",
                name="/operations?reference=",
                parameters={"page": "0", "limit": "50", "reference": merchant_ref},
                headers=headers,
            )
        )
        found = _uids(_result(listed).get("data"), merchant_ref)
        if not found:
            one = await send(
                Query(
                    path=f"/operations/ref{quote(chr(92) + merchant_ref, safe='')}",
                    name="/operations/ref\\{reference}",
                    headers=headers,
                )
            )
            found = _uids(_result(one).get("data"), merchant_ref)
        if not found:
            raise NotThereError
        return tuple(found[:_FOUND_AT_MOST])


def _headers(credentials: Mapping[str, str]) -> dict[str, str]:
    return {
        "x-api-key": credentials["api_key"],
        "x-access-token": credentials["access_token"],
        "content-type": "application/json",
    }


def _result(reply: Reply) -> dict[str, Json]:
    """Return what was answered, or raise what it says instead."""
    told = document_of(reply)
    if reply.status == 200 and told.get("result") is True:
        return told
    said = f"{told.get('code')} {told.get('error')}".upper()
    if any(words in said for words in _NOT_FOUND):
        raise NotThereError
    raise FailedQueryError(f"answered {reply.status} and no result")


def _uids(data: Json, merchant_ref: str) -> list[str]:
    """Read the ids of operations, in whichever of the shapes the list comes."""
    nodes: list[Json] = []
    if isinstance(data, list):
        nodes = data
    elif isinstance(data, dict):
        for name in ("transactions", "docs", "operations"):
            listed = data.get(name)
            nodes += listed if isinstance(listed, list) else []
        transaction = data.get("transaction")
        if isinstance(transaction, dict) and isinstance(transaction.get("payment"), dict):
            nodes.append(transaction["payment"])
    uids = [_uid(node, merchant_ref) for node in nodes]
    return list(dict.fromkeys(uid for uid in uids if uid))


def _uid(node: Json, merchant_ref: str) -> str | None:
    """Read one; a list that ignored the filter tells of other references too."""
    if not isinstance(node, dict) or node.get("reference", merchant_ref) != merchant_ref:
        return None
    uid = node.get("uid") or node.get("id")
    return uid if isinstance(uid, str) and uid.isprintable() and len(uid) <= 100 else None


CLIENT: Final[Client] = _Client()
