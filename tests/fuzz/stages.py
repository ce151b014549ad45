"""The stages of an input's way: each may end in the types that it says it ends in, and in no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from libs.providers.reading import NotReadableError
from libs.runtime.failures import chain
from services.ingress.rejections import Rejection

_ROOT: Final = Path(__file__).parents[2]
_ALLOWED: Final[Mapping[str, tuple[type[Exception], ...]]] = MappingProxyType(
    {"reading": (NotReadableError,), "ingress": (Rejection,)}
)


_Result = TypeVar("_Result")


class FoundError(Exception):
    """An input broke something: in which `stage`, and what, told so that the same is told the same."""

    def __init__(self, stage: str, what: str) -> None:
        super().__init__(f"{stage}: {what}")
        self.stage = stage
        self.what = what


def stage(name: str, work: Callable[[], _Result]) -> _Result:
    """Do a part of the work; whatever it raises that it may not is what was sought."""
    try:
        return work()
    except _ALLOWED.get(name, ()):
        raise
    except Exception as error:
        raise FoundError(name, _where(error)) from error


def _where(error: Exception) -> str:
    """Name an error by its type and the last line of ours that it came through, without its message."""
    frames = []
    for link in chain(error):
        at = link.__traceback__
        while at is not None:
            path = Path(at.tb_frame.f_code.co_filename)
            if (
                path.is_relative_to(_ROOT)
                and "fuzz" not in path.parts
                and ".venv" not in path.parts
            ):
                frames.append(f"{path.relative_to(_ROOT)}:{at.tb_lineno}")
            at = at.tb_next
    place = frames[-1] if frames else "?"
    told = f": {error}" if isinstance(error, AssertionError) else ""
    return f"{type(error).__name__}{told} at {place}"
