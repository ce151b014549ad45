"""Sends each request to the ingress twice: whole, for the express lane, and in two pieces, for the other.

Whoever asks here is told the first answer. What the two lanes told otherwise is kept in `different`, without
the date and without the bodies of pages that say how it is just now.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

_END: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_BETWEEN: Final = 0.002  # seconds between the pieces
_PAGES: Final = (b" /health/", b" /metrics")
WITHIN: Final = 20.0  # seconds


class Told(NamedTuple):
    """An answer: its bytes, and what of it has to be the same on both lanes."""

    raw: bytes
    same: tuple[Any, ...]
    closes: bool


class Lanes:
    """Passes requests on. `passed` counts them."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self.different: list[tuple[bytes, Told, Told]] = []
        self.passed = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            closes = False
            while not closes:
                head = await reader.readuntil(_END)
                body = await _body(reader, head)
                closes = await self._pass_on(head, body, writer)
        writer.close()

    async def _pass_on(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        self.passed += 1
        whole = await self._ask(head + body)
        parted = await self._ask(head, body) if body else await self._ask(head[:-2], head[-2:])
        if whole.same != parted.same:
            self.different.append((head + body, whole, parted))
        writer.write(whole.raw)
        await writer.drain()
        return whole.closes

    async def _ask(self, *pieces: bytes) -> Told:
        reader, writer = await asyncio.open_connection(
            self._address.hostname, self._address.port, limit=1 << 24
        )
        try:
            async with asyncio.timeout(WITHIN):
                for number, piece in enumerate(pieces):
                    if number:
                        await asyncio.sleep(_BETWEEN)
                    writer.write(piece)
                return await _answer(reader, pieces[0])
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader, asked: bytes) -> Told:
    head = await reader.readuntil(_END)
    status, *lines = head.removesuffix(_END).split(b"\r\n")
    headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
    length = 0 if asked.startswith(b"HEAD ") else int(headers.get(b"content-length", b"0"))
    body = await reader.readexactly(length)
    headers.pop(b"date")
    page = any(each in asked.split(b"\r\n", 1)[0] for each in _PAGES)
    if page:
        headers.pop(b"content-length", None)
    same = (status, sorted(headers.items()), b"" if page else body)
    return Told(head + body, same, headers.get(b"connection", b"").lower() == b"close")


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    fields = head.lower()
    if b"\r\ntransfer-encoding: chunked\r\n" in fields:
        return await reader.readuntil(_LAST_CHUNK)
    _, found, rest = fields.partition(b"\r\ncontent-length: ")
    return await reader.readexactly(int(rest.split(b"\r\n", 1)[0])) if found else b""
