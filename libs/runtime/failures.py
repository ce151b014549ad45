"""Errors that say what to do, wherever they were born.

A layer that knows why something failed raises one of these; a layer that must decide what happens
next asks only which of them it is. Any other exception is a bug and treated as one.
"""

from __future__ import annotations

import traceback


class TemporaryError(Exception):
    """The same thing may succeed later: keep it and try again.

    `after` is the wait that the failing side asked for, in seconds, or None where the caller shall
    choose.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class ContentionError(TemporaryError):
    """Somebody else holds what this needs: a lock, or one of two places in a deadlock.

    The server is there and well. Where it keeps happening, a smaller piece of work finds out what
    is held, and the rest goes on.
    """


def short_of_memory() -> TemporaryError:
    """Say what a `MemoryError` is: ours, and no fault of what was worked on at that moment."""
    return TemporaryError("memory is short")


class PermanentError(Exception):
    """Trying again cannot help: put it aside with the message as the reason, for a person to see.

    The message names what is wrong and quotes nothing of what a stranger sent.
    """


def reason_of(error: BaseException) -> str:
    """Say why something failed, for whoever looks at what was put aside.

    Our own words where they are meant for that, else where it happened (see `where`).
    """
    return str(error) if isinstance(error, PermanentError) else where(error)


def where(error: BaseException) -> str:
    """Return the frames and the types of an error and its causes, without their messages.

    The message of a foreign exception often quotes the value that it choked on.
    """
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None:
        frames = traceback.extract_tb(link.__traceback__)
        lines += [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        lines.append(type(link).__qualname__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n".join(lines)
