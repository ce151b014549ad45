"""Errors that say what to do, wherever they were born.

A layer that knows why something failed raises one of these; a layer that must decide what happens
next asks only which of them it is. Any other exception is a bug and treated as one.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Final

_OURS: Final = frozenset({"libs", "services"})


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
    for link in chain(error):
        lines += _frames(link)
        lines.append(type(link).__qualname__)
    return "\n".join(lines)


def told(error: BaseException) -> str:
    """Return what a log may tell of an error: as `where`, with the messages that quote no stranger.

    Those are of our own errors and of the operating system's; of any other only the length is told.
    """
    lines: list[str] = []
    for link in chain(error):
        lines += _frames(link)
        lines.append(f"{type(link).__qualname__}: {_message(link)}")
        if isinstance(link, BaseExceptionGroup):
            lines += [told(each) for each in link.exceptions]
    return "\n".join(lines)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Go through an error and its causes, each once.

    They can form a ring: a connection that is reset while it is closed raises an error that it has
    kept from before, and that then is the context of its own cause.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _message(error: BaseException) -> str:
    ours = type(error).__module__.partition(".")[0] in _OURS
    text = str(error)
    return text if ours or isinstance(error, OSError) else f"<text of {len(text)}>"
