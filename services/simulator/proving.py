"""Proves to a source who sends, as its provider would: a token put in, or the bytes signed."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from libs.runtime.authentication import kinds
from libs.runtime.authentication.kinds import Authentication, Encoding
from libs.runtime.authentication.secrets import Secrets
from services.simulator.lives import SECRET_SLOT

_SLOT: Final = json.dumps(SECRET_SLOT).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire. The query and the body may hold a credential."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return "Request(…)"


def can_prove(authentication: Authentication) -> bool:
    """Whether it asks for something that we can show: a secret that we have, and no private key."""
    match authentication:
        case kinds.AllOf(of):
            return all(map(can_prove, of))
        case kinds.AnyOf(of):
            return any(map(can_prove, of))
        case kinds.JwsDetached() | kinds.NoAuthentication() | kinds.IpAllowList():
            return False
        case _:
            return bool(authentication.secrets)


def prove(
    request: Request, authentication: Authentication, *, now: Callable[[], float] = time.time
) -> Request:
    """Return the request with what the source asks for; of several secrets the first is used.

    What is put into the body comes before what signs it.
    """
    for part in sorted(_chosen(authentication), key=_signs):
        request = _with(request, part, now)
    return request


def _chosen(authentication: Authentication) -> list[Authentication]:
    match authentication:
        case kinds.AllOf(of):
            return [chosen for part in of for chosen in _chosen(part)]
        case kinds.AnyOf(of):
            usable = [part for part in of if can_prove(part)]
            return _chosen(usable[0]) if usable else []
        case _:
            return [authentication]


def _signs(part: Authentication) -> bool:
    return isinstance(part, kinds.Signature)


def _with(  # noqa: PLR0911 - one each
    request: Request, part: Authentication, now: Callable[[], float]
) -> Request:
    match part:
        case kinds.QueryToken(parameter, secrets):
            mark = "&" if "?" in request.path else "?"
            return replace(
                request, path=f"{request.path}{mark}{urlencode({parameter: _first(secrets)})}"
            )
        case kinds.BodyField(_, secrets):
            filled = request.body.replace(_SLOT, json.dumps(_first(secrets)).encode())
            return replace(request, body=filled)
        case kinds.HeaderToken(header, secrets):
            return _and_header(request, {header: _first(secrets)})
        case kinds.Bearer(secrets):
            return _and_header(request, {"Authorization": f"Bearer {_first(secrets)}"})
        case kinds.Basic(username, secrets):
            pair = base64.b64encode(f"{username}:{_first(secrets)}".encode()).decode()
            return _and_header(request, {"Authorization": f"Basic {pair}"})
        case kinds.Hmac():
            return _and_header(request, _hmac(request.body, part, now))
        case kinds.StandardWebhooks(secrets):
            return _and_header(request, _standard(request.body, _first(secrets), now))
        case _:
            return request


def _hmac(body: bytes, kind: kinds.Hmac, now: Callable[[], float]) -> dict[str, str]:
    headers: dict[str, str] = {}
    if kind.timestamp is not None:
        seconds = str(int(now()))
        headers[kind.timestamp.header] = seconds
        body = f"{seconds}{kind.separator}".encode() + body
    digest = hmac.digest(_key(_first(kind.secrets), kind.key_encoding), body, kind.algorithm.value)
    headers[kind.header] = kind.prefix + _ENCODE[kind.encoding](digest)
    return headers


def _standard(body: bytes, secret: str, now: Callable[[], float]) -> dict[str, str]:
    at = datetime.fromtimestamp(int(now()), UTC)
    message = f"msg_{uuid4().hex}"
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body.decode()),
    }


_ENCODE: Final[Mapping[Encoding, Callable[[bytes], str]]] = MappingProxyType(
    {
        Encoding.HEX: bytes.hex,
        Encoding.BASE64: lambda raw: base64.b64encode(raw).decode(),
        Encoding.BASE64URL: lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }
)


def _key(secret: str, encoding: Encoding) -> bytes:
    match encoding:
        case Encoding.HEX:
            return bytes.fromhex(secret)
        case Encoding.BASE64:
            return base64.b64decode(secret)
        case Encoding.BASE64URL:
            return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        case Encoding.TEXT:
            return secret.encode()


def _first(secrets: Secrets) -> str:
    return secrets[0].get_secret_value()


def _and_header(request: Request, headers: Mapping[str, str]) -> Request:
    return replace(request, headers={**request.headers, **headers})
