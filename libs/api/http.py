"""One provider's API over HTTP: a bounded session, deadlines, and errors that show no secret.

Redirects are not followed: a call with credentials goes where it was sent. An answer is read up to
`MOST_BYTES`. Proxies of the environment (HTTPS_PROXY) are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import orjson
from yarl import URL

from libs.api.errors import RefusedError, UnansweredError, UnsentError

MOST_BYTES: Final = 4 * 1024 * 1024
CONNECT_WITHIN: Final = 5.0  # seconds, of the whole timeout
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked. `path` begins with a slash and is appended to the base address.

    `name` stands for the call in errors and logs, since a path may hold a reference and a query a
    credential. `json` is written as JSON; a `Decimal` has to be made text or a number before.
    `raw` is a body that was written already.
    """

    method: str
    path: str
    name: str
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    raw: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer: its exact bytes."""

    status: int
    body: bytes = field(repr=False)
    content_type: str = ""

    def json(self) -> Any:  # noqa: ANN401 - whatever it says
        """Return what the body says as JSON. Raises `UnansweredError` where it is none."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise UnansweredError("the answer is not JSON") from None


class Http:
    """Calls to one base address. `timeout` is seconds for a whole call; `connections` at most."""

    def __init__(self, base_url: str, *, timeout: float = 10.0, connections: int = 8) -> None:
        self._base = URL(base_url.rstrip("/"))
        self._timeout = aiohttp.ClientTimeout(
            total=timeout, sock_connect=min(CONNECT_WITHIN, timeout)
        )
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def send(self, call: Call) -> Answer:
        """Make one call, once. Raises `UnsentError`, `UnansweredError` or `RefusedError`."""
        url = URL(f"{self._base}{call.path}", encoded=True)
        try:
            async with self._opened().request(
                call.method,
                url.with_query(call.query) if call.query else url,
                headers=call.headers,
                data=call.raw,
                allow_redirects=False,
            ) as response:
                body = await _read(response, call)
                if response.status >= 300:
                    raise RefusedError(str(call), response.status, body, _after(response))
                return Answer(
                    status=response.status,
                    body=body,
                    content_type=response.headers.get("Content-Type", ""),
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            raise UnsentError(f"{call}: {self._base.host} cannot be reached") from None
        except TimeoutError:
            raise UnansweredError(f"{call} was not answered in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnansweredError(f"{call}: {type(error).__name__} before a whole answer") from None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
                headers={"Accept": "application/json", "User-Agent": "caudal"},
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, call: Call) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_chunked(65_536):
        size += len(part)
        if size > MOST_BYTES:
            raise UnansweredError(f"{call}: the answer is longer than {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _after(response: aiohttp.ClientResponse) -> float | None:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) < 8 else None
