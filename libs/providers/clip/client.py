"""Clip's queries: a payment link, and what went back of it. HTTP Basic, `api_key:secret_key`.

https://developer.clip.mx/reference (checkout v2, refunds). Which id `/refunds/{id}` takes for a refund
that Clip or the bank began is not documented: each other name of the payment is tried. There is no
query by the merchant's reference.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from libs.providers.asking import (
    Asked,
    BrokenOffError,
    Client,
    FailedQueryError,
    LimitedError,
    NotAskableError,
    NotAuthorizedError,
    NotThereError,
    Query,
    Reply,
    Send,
    Wanted,
)
from libs.providers.clip.wire import uuid_of
from libs.providers.reading import NotReadableError, read_object

_COMPLETED: Final = "CHECKOUT_COMPLETED"
_NAMES_AT_MOST: Final = 4


class _Client:
    base_url: Final = "https://api.payclip.com"
    credentials: Final = ("api_key", "secret_key")
    calls: Final = 1 + _NAMES_AT_MOST

    def askable(self, provider_ref: str) -> bool:
        return uuid_of(provider_ref) is not None

    async def ask(
        self, send: Send, credentials: Mapping[str, str], wanted: Wanted
    ) -> tuple[Asked, ...]:
        """Ask for the link; of one that was paid, also for the refunds of all its names.

        What the link says is true whatever becomes of the other questions.
        """
        headers = _headers(credentials)
        ref = wanted.provider_ref
        link = await send(
            Query(
                path=f"/v2/checkout/{quote(ref, safe='')}",
                name="/v2/checkout/{payment_request_id}",
                headers=headers,
            )
        )
        if (refused := _refused(link)) is not None:
            raise refused
        answers = [_asked(f"checkout/{ref}", link)]
        try:
            for name in _charges(link, wanted):
                if (refund := await _refund(send, headers, name)) is not None:
                    answers.append(_asked(f"refund/{ref}/{name}", refund))  # noqa: PERF401 - what came so far counts
        except Exception as error:  # whoever sends knows what it is
            raise BrokenOffError(tuple(answers), error) from error
        return tuple(answers)

    async def find(
        self, send: Send, credentials: Mapping[str, str], merchant_ref: str
    ) -> tuple[str, ...]:
        del send, credentials, merchant_ref
        raise NotAskableError("Clip has no query by the merchant's reference")


async def _refund(send: Send, headers: Mapping[str, str], name: str) -> Reply | None:
    """Ask for the refunds of one name; None where there is none, or it is no name of that kind."""
    reply = await send(
        Query(path=f"/refunds/{quote(name, safe='')}", name="/refunds/{id}", headers=headers)
    )
    refused = _refused(reply)
    if refused is None:
        return reply
    if isinstance(refused, NotThereError) or (
        isinstance(refused, FailedQueryError) and reply.status < 500
    ):
        return None
    raise refused


def _headers(credentials: Mapping[str, str]) -> dict[str, str]:
    pair = f"{credentials['api_key']}:{credentials['secret_key']}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _charges(link: Reply, wanted: Wanted) -> Iterator[str]:
    """Name what a refund of a paid link could be found by: its charges, then its receipts."""
    try:
        told = read_object(link.body)
    except NotReadableError:
        return
    status, receipt = told.get("status"), told.get("receipt_no")
    if not isinstance(status, str) or status.strip().upper() != _COMPLETED:
        return
    names = [*wanted.names, *([receipt] if isinstance(receipt, str) and receipt else [])]
    yield from sorted(dict.fromkeys(names), key=lambda name: uuid_of(name) is None)[:_NAMES_AT_MOST]


def _asked(route: str, reply: Reply) -> Asked:
    return Asked(route_event=route, body=reply.body, content_type=reply.content_type)


def _refused(reply: Reply) -> Exception | None:
    """Say what an answer is that has none. 412 is Clip's limit of the rate (code 031)."""
    match reply.status:
        case 200:
            return None
        case 404:
            return NotThereError()
        case 401 | 403:
            return NotAuthorizedError()
        case 412:
            return LimitedError()
        case status:
            return FailedQueryError(f"answered {status}")


CLIENT: Final[Client] = _Client()
