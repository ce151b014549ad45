"""What the sources file changes of a provider's own schedule."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from libs.providers.clients import SCHEDULES
from libs.runtime.source_api import Asking
from services.reconciler.polling.schedules import schedule_of

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def told(**spans: tuple[timedelta, ...]) -> Asking:
    return Asking(overdue=MappingProxyType(spans))


def test_untold_is_the_providers_own() -> None:
    assert schedule_of("clip", None, askable=True) == SCHEDULES["clip"]


def test_one_rail_is_changed_alone() -> None:
    found = schedule_of("clip", told(card=(SECOND,)), askable=True)
    assert found.spans("CARD") == (SECOND,)
    assert found.spans("cash") == SCHEDULES["clip"].spans("cash")
    assert found.default == SCHEDULES["clip"].default


def test_default_is_for_every_rail_that_is_not_told() -> None:
    found = schedule_of("clip", told(default=(SECOND,), cash=(DAY,)), askable=True)
    assert (found.spans("card"), found.spans("cash"), found.spans(None)) == (
        (SECOND,),
        (DAY,),
        (SECOND,),
    )


def test_default_of_payouts_counts_no_banking_days() -> None:
    assert SCHEDULES["payu"].banking is not None
    assert schedule_of("payu", told(default=(SECOND,)), askable=False).banking is None


def test_finished_is_looked_at_again_where_one_can_ask_or_the_file_says() -> None:
    """Else each finished object would be a task for a person."""
    assert schedule_of("clip", None, askable=True).finished == (DAY,)
    assert schedule_of("clip", None, askable=False).finished == ()
    assert schedule_of("payu", told(finished=(SECOND,)), askable=False).finished == (SECOND,)
    assert schedule_of("clip", told(finished=()), askable=True).finished == ()
