"""What an object needs: nothing any more, to be asked about now or later, or a person.

A pure function of the row that keeps the object on the list, of the object as it is, of its provider's
schedule and of the time. Spans count from the last news that no poll of ours brought; a span that lies
before the last answer is used up, so that what was slept through is asked once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from libs.domain.lifecycle import Band, Flag, Kind, State, band_of
from libs.providers.asking import Banking, Schedule
from libs.store.polls import Looked, Seen

# What is heard of an object so soon after an answer is what the answer told.
OWN_NEWS: Final = timedelta(seconds=60)
FIRST_PAUSE: Final = timedelta(seconds=5)  # after a failure, doubling
LONGEST_PAUSE: Final = timedelta(hours=1)
# A person's task, and a row that waits for what an answer comes to, are looked at again so.
SOONEST_LOOK: Final = timedelta(seconds=2)
LATEST_LOOK: Final = timedelta(hours=1)
# What nobody knows, neither the provider nor we: a notice that named it was forged or meant another.
UNKNOWN_FOR: Final = timedelta(days=1)
SPREAD: Final = 10  # a tenth of a span, so that what began together is not asked together
_WEEKEND: Final = 5  # Saturday


class Action(StrEnum):
    """What to do about an object."""

    SETTLED = "settled"
    WAIT = "wait"
    ASK = "ask"
    PERSON = "person"


class Why(StrEnum):
    """Why an object is on the list."""

    POKED = "poked"
    OVERDUE = "overdue"
    VERIFY = "verify"
    UNCORROBORATED = "uncorroborated"
    CHECK = "check"  # it looks finished; whether that is all a last look tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is on record of asking about the object; all of it None for one that is new."""

    name: str
    entered_at: datetime
    base_at: datetime | None = None
    seen_at: datetime | None = None
    poked_at: datetime | None = None
    asked_at: datetime | None = None
    tried_at: datetime | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """What to do, and what to note of the look."""

    action: Action
    looked: Looked


def need(  # noqa: PLR0913 - what the decision is a function of
    kind: Kind,
    seen: Seen | None,
    row: Row,
    schedule: Schedule,
    *,
    askable: bool,
    now: datetime,
) -> Need:
    """Decide. `seen` is None for an object that nobody knows yet; `askable` whether one can ask."""
    base = _base(seen, row)
    why = _why(kind, seen)
    spans = _times(why, base, seen, row, schedule)
    poked = row.poked_at is not None and (row.asked_at is None or row.asked_at < row.poked_at)
    if poked and (why is None or askable):
        due, times = row.poked_at, [row.poked_at]
        why = Why.POKED if why in (None, Why.OVERDUE, Why.CHECK) else why
    elif why is None or not spans:
        return _need(Action.SETTLED, Why.CHECK, base, seen, now)
    else:
        due = spans[0]
        times = [at for at in spans if row.asked_at is None or at > row.asked_at]
    if seen is None and row.failures and now - row.entered_at > UNKNOWN_FOR:
        return _need(Action.SETTLED, why, base, seen, now)
    if not times and why is Why.CHECK:
        return _need(Action.SETTLED, why, base, seen, now)
    ask = max(times[0] or now, _after_failures(row)) if times and askable else None
    return _decided(why, base, seen, row=row, due=due or now, ask=ask, now=now)


def _decided(  # noqa: PLR0913 - the parts of one decision
    why: Why,
    base: datetime,
    seen: Seen | None,
    *,
    row: Row,
    due: datetime,
    ask: datetime | None,
    now: datetime,
) -> Need:
    if ask is not None and ask <= now:
        return _need(Action.ASK, why, base, seen, now, due=due, ask=ask)
    # what comes of an answer, or what a person does, shows in the object: look now and then
    glance = now + min(max(now - max(row.asked_at or due, base), SOONEST_LOOK), LATEST_LOOK)
    if due > now:
        look = due if ask is None else min(due, ask)
        return _need(Action.WAIT, why, base, seen, look, due=due, ask=ask)
    if ask is None:
        return _need(Action.PERSON, why, base, seen, glance, due=due)
    return _need(Action.WAIT, why, base, seen, min(glance, ask), due=due, ask=ask)


def _need(  # noqa: PLR0913 - the fields of the row
    action: Action,
    why: Why,
    base: datetime,
    seen: Seen | None,
    look: datetime,
    *,
    due: datetime | None = None,
    ask: datetime | None = None,
) -> Need:
    return Need(
        action,
        Looked(
            why=why.value,
            look_at=look,
            due_at=due,
            ask_at=ask,
            base_at=base,
            seen_at=None if seen is None else seen.updated_at,
        ),
    )


def _base(seen: Seen | None, row: Row) -> datetime:
    """Return the last news that no answer of ours brought."""
    if seen is None:
        return row.base_at or row.entered_at
    news = seen.updated_at
    if row.base_at is None:
        return news
    own = row.asked_at is not None and row.asked_at <= news <= row.asked_at + OWN_NEWS
    heard = row.seen_at is None or news > row.seen_at
    return news if heard and not own else row.base_at


def _why(kind: Kind, seen: Seen | None) -> Why | None:
    """Say what keeps the object from being settled; None for one that is only poked."""
    if seen is None:
        return None
    if Flag.UNCORROBORATED in seen.flags:
        return Why.UNCORROBORATED
    if Flag.VERIFY in seen.flags:
        return Why.VERIFY
    if seen.state is None or band_of(kind, State(seen.state)) < Band.NEGATIVE:
        return Why.OVERDUE
    return Why.CHECK


def _times(
    why: Why | None, base: datetime, seen: Seen | None, row: Row, schedule: Schedule
) -> list[datetime]:
    """Return when the object is asked about after its last news, in order."""
    if why is None or seen is None:
        return []
    if why is Why.CHECK:
        return list(_spread(base, schedule.finished, row.name))
    spans = schedule.spans(seen.method)
    if why is not Why.OVERDUE:
        return [base, *_spread(base, spans, row.name)]
    begin = base if schedule.banking is None else _answered_by(base, schedule.banking)
    if schedule.banking is not None and spans:
        spans = tuple(span - spans[0] for span in spans)
    times = list(_spread(begin, spans, row.name))
    if seen.expires_at is not None and spans and seen.expires_at > base:
        # open for as long as it may be: the last look comes when that is over
        times.append(seen.expires_at + spans[0])
    return sorted(times)


def _spread(base: datetime, spans: tuple[timedelta, ...], name: str) -> Iterator[datetime]:
    """Put each time off by up to a tenth of its span, for one object always the same."""
    share = zlib.crc32(name.encode()) % 1000
    for span in spans:
        yield base + span + span * share / (1000 * SPREAD)


def _after_failures(row: Row) -> datetime:
    """Back off, the longer the more questions failed in a row; between half of the step and all."""
    if not row.failures or row.tried_at is None:
        return row.entered_at
    step = min(FIRST_PAUSE * (1 << min(row.failures - 1, 20)), LONGEST_PAUSE)
    share = zlib.crc32(f"{row.name} {row.failures}".encode()) % 1000
    return row.tried_at + step / 2 + step * share / 2000


def _answered_by(sent: datetime, banking: Banking) -> datetime:
    """Return the end of the day on which a bank has answered: the one after it was sent on its way."""
    local = sent.astimezone(ZoneInfo(banking.zone))
    day = local.date()
    if local.time() > banking.cut_off:
        day += timedelta(days=1)
    while day.weekday() >= _WEEKEND:
        day += timedelta(days=1)
    day += timedelta(days=1)
    while day.weekday() >= _WEEKEND:
        day += timedelta(days=1)
    over = datetime.combine(day + timedelta(days=1), datetime.min.time(), local.tzinfo)
    return over.astimezone(sent.tzinfo)
