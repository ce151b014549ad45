"""What to do with a message after handling it went wrong: one function decides.

The layers below raise `TemporaryError` and `PermanentError`; whatever else comes is a bug. A bug is
tried again a few times, since some of them are races, and then parked: neither lost nor in the way.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Final

from libs.runtime.failures import PermanentError, TemporaryError

ATTEMPTS: Final = 5  # how often something that looks like a bug is tried


@dataclass(frozen=True, slots=True)
class Ack:
    """It is done."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Keep it and try again, after so many seconds or, with None, when the caller sees fit."""

    after: float | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Put it aside with the reason. `traceback` says where, and quotes no value."""

    reason: str
    traceback: str


Verdict = Ack | Retry | Park


def decide(error: BaseException | None, *, attempt: int = 1, attempts: int = ATTEMPTS) -> Verdict:
    """Turn what handling ended with into what to do; `attempt` counts from one.

    The network, the disk and the clock (OSError, TimeoutError) count as temporary for ever.
    """
    match error:
        case None:
            return Ack()
        case TemporaryError():
            return Retry(error.after)
        case OSError():  # TimeoutError and ConnectionError are among them
            return Retry()
        case PermanentError():
            return Park(str(error), where(error))
        case _ if attempt < attempts:
            return Retry()
        case _:
            return Park(f"bug: {type(error).__name__}", where(error))


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
