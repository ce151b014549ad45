"""The fixtures themselves: each test finds an empty broker and an empty database."""

import aio_pika
import asyncpg
import pytest

from tests.servers import VHOSTS_AT_ONCE, RunningServers

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_finds_empty_rooms(amqp_url: str, postgres_dsn: str, turn: str) -> None:
    """What the first turn leaves behind, the second does not see."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(
            "left-behind", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await channel.default_exchange.publish(aio_pika.Message(turn.encode()), queue.name)
        message = await queue.get(timeout=5)
        assert message.body == turn.encode()
    session = await asyncpg.connect(postgres_dsn)
    await session.execute("CREATE TABLE left_behind (turn text)")
    await session.close()


async def test_released_vhosts_make_room(servers: RunningServers) -> None:
    """More rooms than one call makes: only the released ones disappear."""
    kept, released = servers.fresh_vhost(), servers.fresh_vhost()
    servers.release_vhost(released)
    urls = {servers.fresh_vhost() for _ in range(VHOSTS_AT_ONCE)}
    assert len(urls - {kept, released}) == VHOSTS_AT_ONCE
    async with await aio_pika.connect(kept) as connection:
        assert not connection.is_closed
    with pytest.raises(aio_pika.exceptions.AMQPError):
        await aio_pika.connect(released)
