"""The port of the ingress, claimed for as long as a stack runs.

The ingress binds it seconds after it was chosen, and again whenever it is started anew. A lock
keeps another stack on this machine from choosing the same one meanwhile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from libs.embedded.ports import free_port, is_free
from libs.runtime.configuration import ConfigurationError

USUAL_PORT: Final = 8080


@contextlib.contextmanager
def claimed_port(wanted: int | None) -> Iterator[int]:
    """Give a free port: `wanted`, any for 0, and for None the usual one if it is free.

    Raises `ConfigurationError` where a port that was asked for by number is taken.
    """
    with contextlib.ExitStack() as claims:
        if wanted:
            if not _claim(wanted, claims):
                raise ConfigurationError("--port", f"{wanted} is taken; --port 0 takes a free one")
            yield wanted
            return
        if wanted is None and _claim(USUAL_PORT, claims):
            yield USUAL_PORT
            return
        while not _claim(port := free_port(), claims):
            continue
        yield port


def _claim(port: int, claims: contextlib.ExitStack) -> bool:
    """Lock the port among the stacks of this machine; False where it is taken."""
    lock = Path(tempfile.gettempdir()) / f"caudal-port-{port}.lock"
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        return False  # somebody else's stack
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    if not is_free(port):
        os.close(descriptor)
        return False
    claims.callback(os.close, descriptor)
    claims.callback(lock.unlink, missing_ok=True)
    return True
