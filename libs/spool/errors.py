"""Why the spool could not promise to keep a message."""

from __future__ import annotations

import errno
from typing import Final

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class SpoolError(Exception):
    """The message is not promised to be on disk. `reason` is one word of a closed set."""

    reason = "disk"


class SpoolFullError(SpoolError):
    """There is no room: the bound is reached, the disk is full, or a quota is."""

    reason = "full"


class SpoolStalledError(SpoolError):
    """The disk does not answer."""

    reason = "stalled"


def spool_error(error: OSError) -> SpoolError:
    """Say what an error of the file system means to us (it names no content)."""
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return SpoolFullError(name) if error.errno in _FULL else SpoolError(name)
