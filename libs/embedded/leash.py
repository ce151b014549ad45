"""Becomes the program that `children.start_child` wants, on a leash: it ends when its parent ends.

Run as a file by a bare interpreter (`python -I -S leash.py ...`), so it imports the standard
library only. It changes the user first and ties the leash then, because the kernel drops the
leash when the user changes. A program of its own, since code between fork and exec in a process
with threads may deadlock, and since the new user may be unable to read the interpreter.

Linux: `prctl(PR_SET_PDEATHSIG)` survives exec, so the wanted program itself is the child.
Elsewhere (macOS): this process stays as a guardian in front of the program, forwards signals to it
and ends their common process group when the pipe to the parent breaks.
"""

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from types import FrameType

PR_SET_PDEATHSIG = 1
NOT_FOUND = 127
GRACE_SECONDS = 5.0
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def main() -> int:
    options = parse(sys.argv[1:])
    if options.uid is not None:
        os.setgroups([options.gid])
        os.setgid(options.gid)
        os.setuid(options.uid)
    if options.pipe is not None:
        return guard(options.argv, options.pipe, options.signal)
    tie_to_parent(options.signal, options.parent)
    return become(options.argv)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="leash")
    parser.add_argument("--parent", type=int, required=True, help="pid that must still be there")
    parser.add_argument("--signal", type=int, required=True, help="sent when the parent ends")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--pipe", type=int, help="descriptor that ends with the parent")
    parser.add_argument("argv", nargs="+")
    return parser.parse_args(words)


def tie_to_parent(number: int, parent: int) -> None:
    """Ask the kernel for the signal; leave at once if the parent ended before we asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(128 + number)


def become(argv: list[str]) -> int:
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (no shell is what we want)
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
    return NOT_FOUND


def guard(argv: list[str], pipe: int, number: int) -> int:
    try:
        child = subprocess.Popen(argv)  # noqa: S603 (the caller's own argument vector)
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        return NOT_FOUND

    def forward(received: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(received)

    for forwarded in FORWARDED:
        signal.signal(forwarded, forward)
    while child.poll() is None:
        readable, _, _ = select.select([pipe], [], [], 0.1)
        if readable and os.read(pipe, 1) == b"":
            child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
            os.killpg(0, signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main())
