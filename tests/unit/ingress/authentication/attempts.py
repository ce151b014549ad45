"""Attempts as a provider would make them, and ways to spoil one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict
from pydantic import SecretStr

from libs.providers.reading import NotReadableError, read_object
from libs.runtime.authentication.secrets import Secret
from services.ingress.authentication.verdict import Attempt
from services.simulator.proving import Request

NOW: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def secret(text: str, **when: datetime) -> Secret:
    return Secret(SecretStr(text), **when)


def secrets(*texts: str) -> tuple[Secret, ...]:
    return tuple(map(secret, texts))


def request(
    body: bytes = b'{"a": 1}', headers: Mapping[str, str] | None = None, path: str = "/webhooks/s"
) -> Request:
    return Request(path, headers or {}, body)


def attempt(request: Request, *, at: datetime = NOW, address: object = None) -> Attempt:
    try:
        document = read_object(request.body)
    except NotReadableError:
        document = {}
    return Attempt(
        headers=CIMultiDictProxy(CIMultiDict(request.headers)),
        query=MultiDict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True)),
        body=request.body,
        document=document,
        at=at,
        address=address,  # type: ignore[arg-type]
    )
