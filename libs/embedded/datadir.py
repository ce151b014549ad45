"""The data directory: who holds it, and the secrets in it."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from libs.embedded.errors import DataDirInUseError, EmbeddedError

PRIVATE_FILE = 0o600


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Create `data_dir` and be the only stack on it. The lock ends with the process.

    Raises DataDirInUseError, and EmbeddedError where we may not write.
    """
    lock = data_dir / "lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise EmbeddedError(
            f"{data_dir} cannot be used: {error.strerror} ({error.filename}). It may belong to "
            "another user; choose another directory with --data-dir or --ephemeral."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read_text().strip() or "?"
            raise DataDirInUseError(
                f"{data_dir} is in use by another stack (pid {holder}). "
                "Stop it, or choose another directory with --data-dir or --ephemeral."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def kept_secret(path: Path) -> str:
    """Return the random word in `path`, made on first use: 43 URL-safe characters."""
    if path.exists():
        return path.read_text().strip()
    word = secrets.token_urlsafe(32)
    draft = path.with_suffix(".new")
    write_private(draft, word + "\n")
    draft.replace(path)
    return word


def write_private(path: Path, text: str) -> None:
    """Write `text` to a file that nobody else could read at any moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
