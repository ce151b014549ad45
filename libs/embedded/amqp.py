"""Whether a broker is ready: it greets, and lets us in."""

import asyncio
import contextlib

import aio_pika

from libs.embedded import ports

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"
ANSWER_SECONDS = 5.0


async def broker_answers(url: str, port: int) -> bool:
    """Whether an AMQP connection to `url`, at the loopback `port`, succeeds now."""
    if not await _greets(port):
        return False
    try:
        connection = await aio_pika.connect(url, timeout=ANSWER_SECONDS)
    except (OSError, TimeoutError, aio_pika.exceptions.AMQPError):
        return False
    await connection.close()
    return True


async def _greets(port: int) -> bool:
    """Whether a broker speaks at the port. A container's port takes connections before that."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(ports.LOOPBACK, port)
            try:
                writer.write(PROTOCOL_HEADER)
                return await reader.read(1) == METHOD_FRAME
            finally:
                writer.close()
    return False
