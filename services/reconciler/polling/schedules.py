"""When each source is asked: the provider's schedule as the sources file changes it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

from libs.providers.asking import Schedule
from libs.providers.clients import SCHEDULES
from libs.runtime.source_api import DEFAULT_METHOD, FINISHED, Asking

_UNTOLD: Final = Asking()


def schedule_of(provider: str, told: Asking | None, *, askable: bool) -> Schedule:
    """Return the provider's own schedule with what the file says instead.

    Who cannot be asked is looked at once more after the end only where the file says when: each such
    look is a task for a person. Spans from the file count from the last news, banking day or not.
    """
    own, told = SCHEDULES[provider], told or _UNTOLD
    overdue = {
        method: spans
        for method, spans in told.overdue.items()
        if method not in (DEFAULT_METHOD, FINISHED)
    }
    default = told.overdue.get(DEFAULT_METHOD)
    # one that sets the default for all rails means all of them
    rails = overdue if default is not None else {**own.overdue, **overdue}
    return replace(
        own,
        overdue=MappingProxyType(rails),
        default=own.default if default is None else default,
        finished=told.overdue.get(FINISHED, own.finished if askable else ()),
        banking=own.banking if default is None else None,
    )
