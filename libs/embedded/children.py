"""Child processes that cannot outlive us.

Each child leads its own session, so a Ctrl-C at the terminal reaches only us and we decide in
which order the rest stops. If we end without stopping it, even by SIGKILL, it gets its death signal:

* Linux: from the kernel, at once (`PR_SET_PDEATHSIG`). It is tied to the *thread* that called
  `start_child`: start children from the main thread, or from one that lives as long as they do.
* elsewhere: from a guardian in front of it that watches a pipe (see `leash`), within 0.1 s.

Neither reaches grandchildren. What we start therefore must be the server itself rather than a
shell around it, and must take its own children along, as `beam.smp` and `postgres` do.
"""

import asyncio
import contextlib
import os
import pwd
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

LEASH = Path(__file__).with_name("leash.py")
KILLED_SECONDS = 10.0
"""How long a process may take to vanish after SIGKILL before we say so."""

Output: TypeAlias = int | IO[bytes] | None


@dataclass(slots=True)
class Child:
    """A running (or ended) child. `pid` is also its process group and session."""

    name: str
    process: Process
    lifeline: int | None = None
    """Our end of the guardian's pipe, where there is one."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; -N when signal N ended it."""
        return self.process.returncode

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def wait(self) -> int:
        code = await self.process.wait()
        self._let_go()
        return code

    def send(self, number: signal.Signals) -> None:
        """Signal the child alone; nothing happens if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(
        self, grace_seconds: float, *, stop_signal: signal.Signals = signal.SIGTERM
    ) -> int:
        """Ask it to end; after `grace_seconds`, or when cancelled, make it. Returns its code."""
        self.send(stop_signal)
        try:
            async with asyncio.timeout(grace_seconds):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            self._kill_group()
        async with asyncio.timeout(KILLED_SECONDS):
            return await self.wait()

    async def kill(self) -> int:
        """SIGKILL, for the child and what is left of its process group."""
        self._kill_group()
        async with asyncio.timeout(KILLED_SECONDS):
            return await self.wait()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _let_go(self) -> None:
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None


async def start_child(  # noqa: PLR0913 (what a process has)
    argv: Sequence[str | Path],
    *,
    name: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    stdout: Output = None,
    stderr: Output = None,
    user: str | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    guarded: bool = sys.platform != "linux",
) -> Child:
    """Start `argv` as a child that ends when we do.

    `stdout` and `stderr` are descriptors, files, or `asyncio.subprocess.PIPE`; None shares ours.
    stdin is empty. `user` names the account to become (needs root). A program that cannot be run
    shows as a child that ends with 127.
    """
    words = [sys.executable, "-I", "-S", str(LEASH)]
    words += ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    if user is not None:
        account = pwd.getpwnam(user)
        words += ["--uid", str(account.pw_uid), "--gid", str(account.pw_gid)]
    read_end, write_end = os.pipe() if guarded else (None, None)
    if read_end is not None:
        words += ["--pipe", str(read_end)]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            "--",
            *(str(word) for word in argv),
            stdin=DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=dict(os.environ if env is None else env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=() if read_end is None else (read_end,),
        )
    except BaseException:
        if write_end is not None:
            os.close(write_end)
        raise
    finally:
        if read_end is not None:
            os.close(read_end)
    return Child(name, process, write_end)
