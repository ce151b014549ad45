"""A private RabbitMQ node as our child, from the `rabbitmq-server` found on the machine.

Three things keep it on our leash:

* Debian's wrapper in /usr/sbin switches the user; the script behind it runs as whoever calls it.
* With `RABBITMQ_ALLOW_INPUT` the script execs, so that `beam.smp` itself is our child. It stops in
  order on SIGTERM. `-noinput` then keeps it from taking our empty stdin for the end.
* Erlang would start an epmd that stays for ever; ours runs first, in the foreground, on its own
  port, as our child.
"""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from types import TracebackType
from typing import Self

from libs.embedded import ports, serverlog
from libs.embedded.amqp import broker_answers
from libs.embedded.children import Child, start_child
from libs.embedded.errors import DataDirInUseError, StartFailedError
from libs.embedded.rabbitmq_node import NodeFiles, find_epmd, find_rabbitmq_server
from libs.embedded.waiting import until

READY_SECONDS = 120.0
STOP_SECONDS = 10.0
CONTROL_SECONDS = 60.0
LEAVING_SECONDS = 10.0
PORT_TAKEN = ("eaddrinuse", "dist_port_already_used")
"""What the node says of its listener, and of the port for its like. epmd ends without a word."""


class EmbeddedRabbit:
    """One node in `data_dir`, its output in `log`; `more` is added to its configuration.

    `start()` answers the AMQP URL of vhost `/`. A second `start()` after `stop()`, `kill()`, or in
    a later process finds the same data, user and, if they are free, the same ports.
    """

    title = "RabbitMQ"

    def __init__(self, data_dir: Path, log: Path, *, more: str = "") -> None:
        self.log = log
        self.node: Child | None = None
        self.epmd: Child | None = None
        self._files = NodeFiles(data_dir.absolute(), more)
        self._server = find_rabbitmq_server()
        self._epmd = find_epmd()

    @property
    def url(self) -> str:
        return self._files.url

    @property
    def ended(self) -> bool:
        """Whether it ended although nobody asked it to."""
        return any(child is not None and not child.running for child in (self.node, self.epmd))

    async def start(self) -> str:
        """Start, wait until it is ready. Raises DataDirInUseError, StartFailedError."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        await self._await_leaving()
        for attempt in range(ports.ATTEMPTS):
            self._files.prepare(fresh_ports=attempt > 0)
            offset = serverlog.size(self.log)
            ready = False
            try:
                ready = await self._run()
            finally:
                if not ready:
                    await self.kill()
            if ready:
                return self.url
            if not self._port_was_taken(serverlog.since(self.log, offset).lower()):
                break
        raise StartFailedError(f"RabbitMQ does not start ({self.log}):\n{serverlog.tail(self.log)}")

    async def stop(self) -> None:
        """Shut the node down in order, then its epmd."""
        node, self.node = self.node, None
        epmd, self.epmd = self.epmd, None
        try:
            if node is not None:
                await node.stop(STOP_SECONDS)
        finally:
            if epmd is not None:
                await epmd.stop(1.0)

    async def kill(self) -> None:
        """End it as a power cut would; the next start recovers."""
        for child in (self.node, self.epmd):
            if child is not None:
                await child.kill()
        self.node = self.epmd = None

    async def flush(self) -> None:
        """Have the node note on disk which queues there are. For tests, before `kill()`.

        It does so by itself about a second after a declaration. A quorum queue declared later than
        that before a kill comes back without its content and without a leader (seen on 3.10.8).
        """
        await self.control("eval", "[dets:sync(Table) || Table <- dets:all()].")

    async def control(self, *words: str) -> str:
        """Return what `rabbitmqctl` answers to `words`. It takes a second to start.

        Raises StartFailedError with its complaint, TimeoutError.
        """
        process = await asyncio.create_subprocess_exec(
            self._server.with_name("rabbitmqctl"),
            "--quiet",
            *words,
            env=self._files.environment(),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            async with asyncio.timeout(CONTROL_SECONDS):
                said, _ = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        text = said.decode(errors="replace")
        if process.returncode != 0:
            raise StartFailedError(f"rabbitmqctl {words[0]}: {text}")
        return text

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _run(self) -> bool:
        """Start epmd and the node; whether they became ready, and did not end or hang instead."""
        environment = self._files.environment()
        port = environment["ERL_EPMD_PORT"]
        epmd = [str(self._epmd), "-address", ports.LOOPBACK, "-port", port]
        self.epmd = await self._child("epmd", epmd, environment)
        node = [str(self._server), "-noinput"]
        self.node = await self._child("rabbitmq", node, environment)
        self._files.note_pid(self.node.pid)
        try:
            await until(self._settled, seconds=READY_SECONDS)
        except TimeoutError:
            return False
        return self.epmd.running and self.node.running

    def _port_was_taken(self, told: str) -> bool:
        taken = any(words in told for words in PORT_TAKEN)
        return taken or not ports.is_free(self._files.port("epmd"))

    async def _child(self, name: str, argv: list[str], env: dict[str, str]) -> Child:
        with self.log.open("ab") as log:
            return await start_child(
                argv, name=name, env=env, cwd=self._files.here, stdout=log, stderr=log
            )

    async def _settled(self) -> bool:
        ended = any(child is None or not child.running for child in (self.node, self.epmd))
        return ended or await self._answers()

    async def _answers(self) -> bool:
        """Whether it lets us in; the listener is the last thing a node opens."""
        return await broker_answers(self.url, self._files.port("amqp"))

    async def _await_leaving(self) -> None:
        """Give a node whose parent was killed a moment ago the time to be gone."""
        try:
            await until(self._left, seconds=LEAVING_SECONDS)
        except TimeoutError:
            raise DataDirInUseError(f"another RabbitMQ runs on {self._files.here}") from None

    async def _left(self) -> bool:
        return not self._files.in_use()
