"""Servers in place of the real ones: one that ends TLS before Postgres, one that writes down."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LOOPBACK = "127.0.0.1"
SSL_REQUEST = struct.pack(">II", 8, 80877103)


@asynccontextmanager
async def tls_before(
    host: str, port: int, context: Callable[[], ssl.SSLContext]
) -> AsyncIterator[int]:
    """Speak Postgres' TLS to clients, and pass on what they say to a real server in the clear."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            assert await reader.readexactly(8) == SSL_REQUEST
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context())
            behind = await asyncio.open_connection(host, port)
            await asyncio.gather(_pass(reader, behind[1]), _pass(behind[0], writer))
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def writing_down(answer: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """Speak no TLS: answer the first bytes with `answer`, and keep everything that comes."""
    kept = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                kept.extend(data)
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1], kept
    finally:
        server.close()
