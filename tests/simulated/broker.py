"""A broker in memory as seen over the wire: queues of the topology, confirms, acknowledgements.

Its code runs outside of every process. `weather` draws what goes wrong with a single message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiormq.exceptions import ChannelNotFoundEntity, ConnectionClosed
from pamqp.commands import Basic

from libs.bus import topology
from libs.bus.memory import matches
from tests.simulated.weather import Weather
from tests.simulated.wire import Callback, Channel, Connection

Arrived = Callable[..., None]
OUTSIDE = Context()


@dataclass(slots=True, eq=False)
class Stored:
    """A message in a queue."""

    body: bytes
    properties: Basic.Properties
    routing_key: str
    redelivered: bool = False


@dataclass(slots=True, eq=False)
class Consumer:
    """Who takes from a queue."""

    channel: Channel
    tag: str
    callback: Callback


@dataclass(slots=True, eq=False)
class Shelf:
    """A queue."""

    name: str
    holds_for: float | None
    dead_letters_to: str | None
    ready: deque[Stored] = field(default_factory=deque)
    consumers: list[Consumer] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Ledger:
    """What the broker knows of a channel."""

    limit: int = 1
    tag: int = 0
    unacknowledged: dict[int, tuple[Shelf, Stored]] = field(default_factory=dict)


class Broker:
    """The server."""

    def __init__(self, random: Random, weather: Weather, seen: Callable[[str], None]) -> None:
        self.up = True
        self.alarm = False
        self.stalled = False
        self.weather = weather
        self.seen = seen
        self.complaints: list[str] = []
        self.connections: list[Connection] = []
        self.shelves: dict[str, Shelf] = {}
        self._random = random
        self._ledgers: dict[Channel, Ledger] = {}
        self._kinds = {exchange.name: exchange.kind for exchange in topology.EXCHANGES}
        self.bindings = [
            (exchange, key, queue.name)
            for queue in topology.QUEUES
            for exchange, key in queue.bindings()
        ]
        for queue in topology.QUEUES:
            self.declare(queue.name)

    # What an operator does

    def declare(self, name: str) -> None:
        """Make the queue as the topology says."""
        [queue] = (each for each in topology.QUEUES if each.name == name)
        ttl = queue.arguments().get("x-message-ttl")
        held = None if ttl is None else int(ttl) / 1000
        self.shelves[name] = Shelf(name, held, queue.dead_letters_to)

    def delete(self, name: str) -> None:
        """Delete a queue with all that is in it; its consumers are told."""
        shelf = self.shelves.pop(name)
        for consumer in shelf.consumers:
            channel = consumer.channel
            channel.connection.to_client.send(channel.cancel_consumer, consumer.tag)

    def stop(self) -> None:
        """Go down: every connection ends, what was not yet read is lost."""
        self.up = False
        for connection in list(self.connections):
            self.cut(connection, ConnectionClosed(320, "CONNECTION_FORCED"))

    def start(self) -> None:
        """Come back with everything that was stored."""
        self.up = True

    def cut(self, connection: Connection, why: BaseException) -> None:
        """End a connection at both ends."""
        connection.to_server.tear()
        self.disconnected(connection)
        asyncio.get_running_loop().call_soon(connection.lose, why, context=connection.context)

    def set_alarm(self, *, on: bool) -> None:
        """Raise or clear the alarm that holds publishers back."""
        self.alarm = on
        if not on:
            for connection in self.connections:
                connection.to_client.send(_unblock, connection)
                connection.to_server.release()

    def stall(self, *, on: bool) -> None:
        """Freeze or continue the whole broker; nothing that was sent is lost."""
        self.stalled = on
        for connection in self.connections:
            if on:
                connection.to_server.held = connection.to_client.held = True
            else:
                connection.to_server.release()
                connection.to_client.release()

    # What is left to do

    def waiting(self) -> Iterator[tuple[str, int]]:
        """Tell how many messages each queue has, given out or not."""
        for name, shelf in self.shelves.items():
            out = sum(
                1
                for ledger in self._ledgers.values()
                for at, _ in ledger.unacknowledged.values()
                if at is shelf
            )
            yield name, len(shelf.ready) + out

    # What clients do; called when it arrives

    async def connect(self, name: str) -> Connection:
        await asyncio.sleep(self.weather.latency())
        if not self.up:
            raise ConnectionRefusedError
        connection = Connection(self, name, self.weather.latency)
        if self.stalled:
            connection.to_server.held = connection.to_client.held = True
        self.connections.append(connection)
        await asyncio.sleep(self.weather.latency())
        return connection

    def nothing(self, channel: Channel, answer: asyncio.Future[Any]) -> None:
        """Answer a question that needs no more."""
        self._ledgers[channel] = Ledger()
        self._tell(channel, answer)

    def limit(self, channel: Channel, answer: asyncio.Future[Any], count: int) -> None:
        self._ledgers[channel].limit = count
        self._tell(channel, answer)

    def count(self, channel: Channel, answer: asyncio.Future[Any], name: str) -> None:
        shelf = self.shelves.get(name)
        if shelf is None:
            self._close_channel(channel, ChannelNotFoundEntity(f"no queue {name}"))
        else:
            counts = (len(shelf.ready), len(shelf.consumers))
            channel.connection.to_client.send(channel.tell, answer, counts)

    def consume(
        self, channel: Channel, answer: asyncio.Future[Any], name: str, callback: Callback, tag: str
    ) -> None:
        shelf = self.shelves.get(name)
        if shelf is None:
            self._close_channel(channel, ChannelNotFoundEntity(f"no queue {name}"))
            return
        self._tell(channel, answer)
        shelf.consumers.append(Consumer(channel, tag, callback))
        self._hand_out(shelf)

    def cancelled(self, channel: Channel, tag: str) -> None:
        for shelf in self.shelves.values():
            shelf.consumers = [
                each for each in shelf.consumers if (each.channel, each.tag) != (channel, tag)
            ]

    def acknowledged(self, channel: Channel, tag: int, multiple: bool) -> None:  # noqa: FBT001
        ledger = self._ledgers.get(channel)
        if ledger is None:
            return
        tags = [each for each in ledger.unacknowledged if each == tag or (multiple and each < tag)]
        if tag not in tags:
            self.complaints.append(f"{channel.connection.name} acknowledged an unknown tag")
            self._close_channel(channel, ChannelNotFoundEntity("PRECONDITION_FAILED"))
            return
        for shelf in {id(at): at for at, _ in map(ledger.unacknowledged.pop, tags)}.values():
            self._hand_out(shelf)

    def channel_closed(self, channel: Channel, answer: asyncio.Future[Any]) -> None:
        self._forget(channel)
        self._tell(channel, answer)

    def disconnected(self, connection: Connection) -> None:
        """End the broker's side: what was not acknowledged is there again."""
        if connection in self.connections:
            self.connections.remove(connection)
            connection.to_client.tear()
            for channel in connection.channels:
                self._forget(channel)

    def published(  # noqa: PLR0917 - a frame with its content
        self,
        channel: Channel,
        tag: int,
        exchange: str,
        key: str,
        body: bytes,
        properties: Basic.Properties,
    ) -> None:
        connection = channel.connection
        if self.alarm:
            connection.to_client.send(_block, connection)
            connection.to_server.take_back(
                self.published, channel, tag, exchange, key, body, properties
            )
            return
        if exchange not in self._kinds:
            self._close_channel(channel, ChannelNotFoundEntity(f"no exchange {exchange}"))
            return
        if self.weather.strikes("nack"):
            self._answer(channel, tag, "nack")
            return
        copies = 2 if self.weather.strikes("twice") else 1
        taken = [self.store(exchange, Stored(body, properties, key)) for _ in range(copies)]
        if self.weather.strikes("lost confirm"):
            return
        answer = "ack" if taken[0] else "return"
        if self.weather.strikes("late confirm"):
            asyncio.get_running_loop().call_later(
                self._random.uniform(0.5, 15), self._answer, channel, tag, answer, context=OUTSIDE
            )
        else:
            self._answer(channel, tag, answer)

    def store(self, exchange: str, message: Stored) -> bool:
        """Put a message into every queue that is bound for it; tell whether there is one."""
        taking = [
            shelf for shelf in map(self.shelves.get, self._routes(exchange, message)) if shelf
        ]
        for shelf in taking:
            copy = Stored(message.body, message.properties, message.routing_key)
            shelf.ready.append(copy)
            if shelf.holds_for is not None:
                self._hold(shelf, copy, shelf.holds_for)
            self._hand_out(shelf)
        return bool(taking)

    def _routes(self, exchange: str, message: Stored) -> list[str]:
        kind = self._kinds.get(exchange)
        return [
            name
            for bound, key, name in self.bindings
            if bound == exchange
            and (
                kind == "fanout"
                or (kind == "direct" and key == message.routing_key)
                or (kind == "topic" and matches(key, message.routing_key))
            )
        ]

    def _hold(self, shelf: Shelf, message: Stored, seconds: float) -> None:
        if message.properties.expiration is not None:
            seconds = min(seconds, int(message.properties.expiration) / 1000)
        asyncio.get_running_loop().call_later(
            seconds, self._move_on, shelf, message, context=OUTSIDE
        )

    def _move_on(self, shelf: Shelf, message: Stored) -> None:
        """Give a message that was held to where the queue hands it on, once somebody takes it."""
        if message not in shelf.ready:
            return
        if self.up and not self.stalled and self.store(shelf.dead_letters_to or "", message):
            shelf.ready.remove(message)
        else:
            self._hold(shelf, message, 1)

    def _hand_out(self, shelf: Shelf) -> None:
        if shelf.holds_for is not None or self.shelves.get(shelf.name) is not shelf:
            return
        while shelf.ready:
            able = [
                each
                for each in shelf.consumers
                if len(self._ledgers[each.channel].unacknowledged)
                < self._ledgers[each.channel].limit
            ]
            if not able:
                return
            taker, message = self._random.choice(able), shelf.ready.popleft()
            ledger = self._ledgers[taker.channel]
            ledger.tag += 1
            ledger.unacknowledged[ledger.tag] = (shelf, message)
            taker.channel.connection.to_client.send(
                taker.channel.deliver,
                taker.callback,
                ledger.tag,
                message.routing_key,
                message.body,
                message.properties,
                message.redelivered,
            )

    def _forget(self, channel: Channel) -> None:
        """End a channel at the broker's side: what it held goes back, to the head or the tail."""
        ledger = self._ledgers.pop(channel, None)
        if ledger is None:
            return
        for shelf in self.shelves.values():
            shelf.consumers = [each for each in shelf.consumers if each.channel is not channel]
        touched: dict[str, Shelf] = {}
        for _, (shelf, message) in sorted(ledger.unacknowledged.items(), reverse=True):
            message.redelivered = True
            touched[shelf.name] = shelf
            if self.weather.strikes("requeued at the tail"):
                shelf.ready.append(message)
            else:
                shelf.ready.appendleft(message)
        for shelf in touched.values():
            self._hand_out(shelf)

    def _close_channel(self, channel: Channel, why: Exception) -> None:
        self._forget(channel)
        channel.connection.to_client.send(channel.lose, why)

    def _answer(self, channel: Channel, tag: int, how: str) -> None:
        channel.connection.to_client.send(channel.answered, tag, how)

    def _tell(self, channel: Channel, answer: asyncio.Future[Any]) -> None:
        channel.connection.to_client.send(channel.tell, answer)


def _block(connection: Connection) -> None:
    connection.block(on=True)


def _unblock(connection: Connection) -> None:
    connection.block(on=False)
