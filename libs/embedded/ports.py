"""Free loopback ports.

Between choosing a port and the server's own bind somebody else may take it: rare, and the caller
tries again with another one.
"""

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
ATTEMPTS = 5
"""How often a server is started anew because its port was taken meanwhile."""


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def kept_port(memory: Path, *, fresh: bool = False) -> int:
    """Return the port that `memory` remembers if it is still free, else another one.

    It is remembered across restarts so that clients with a URL in hand find the server again.
    """
    if not fresh and memory.exists():
        remembered = memory.read_text().strip()
        if remembered.isdigit() and is_free(int(remembered)):
            return int(remembered)
    port = free_port()
    memory.write_text(f"{port}\n")
    return port
