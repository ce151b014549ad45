"""Removes a container when whoever started it is gone (`python container_guard.py ID`).

A container is the engine's child, not ours, and would outlive us. This process is our child: the
end of its parent reaches it as SIGTERM (see `children`), and it takes the container along.
"""

import signal
import sys

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    signal.sigwait(SIGNALS)

    import docker  # type: ignore[import-untyped]  # noqa: PLC0415 (while all is well it stays small)

    client = docker.from_env(timeout=30)
    try:
        client.containers.get(sys.argv[1]).remove(force=True)
    finally:
        client.close()


if __name__ == "__main__":
    main()
