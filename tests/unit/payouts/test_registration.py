"""The difference between the webhooks at PayU and those that the sources file wants."""

from __future__ import annotations

import pytest

from libs.providers.payu.answers import Webhook
from services.payouts.registration import Action, plan, shown_url, url_for

BASE = "https://hooks.example.com/webhooks/payu"
EVENTS = ("TRANSFER_CREATION", "TRANSFER_UPDATE", "VALIDATION_RESULT")


def webhook(
    name: str, url: str, *events: str, about: str = "x", status: str | None = "ENABLED"
) -> Webhook:
    return Webhook(
        id=name, callback_url=url, description=about, enabled_events=events, status=status
    )


def in_line() -> list[Webhook]:
    return [webhook(event, f"{BASE}/{event}?token=t", event) for event in EVENTS]


def planned(*found: Webhook, url: str = f"{BASE}?token=t") -> list[tuple[str, str | None]]:
    steps = plan(found, source="payu", account_id="1", callback_url=url)
    return [
        (step.action.value, step.event if step.found is None else step.found.id) for step in steps
    ]


def test_nothing_there() -> None:
    assert planned() == [("create", event) for event in EVENTS]


def test_everything_there() -> None:
    assert planned(*in_line()) == [("keep", event) for event in EVENTS]


def test_token_that_was_rotated_is_updated_in_its_place() -> None:
    steps = plan(in_line(), source="payu", account_id="1", callback_url=f"{BASE}?token=new")
    assert {step.action for step in steps} == {Action.UPDATE}
    assert [step.wanted and (step.wanted.id, step.wanted.callback_url) for step in steps] == [
        (event, f"{BASE}/{event}?token=new") for event in EVENTS
    ]


def test_host_that_moved_is_found_by_its_mark() -> None:
    old = [webhook(e, f"https://old.example.com/{e}", e, about=f"Caudal payu: {e}") for e in EVENTS]
    assert planned(*old) == [("update", event) for event in EVENTS]


def test_other_events_are_updated() -> None:
    wrong = webhook("w", f"{BASE}/TRANSFER_UPDATE?token=t", *EVENTS)
    assert ("update", "w") in planned(wrong)


def test_second_of_a_place_is_deleted() -> None:
    twice = webhook("old", f"{BASE}/TRANSFER_UPDATE?token=old", "TRANSFER_UPDATE")
    assert planned(twice, *in_line()) == [*(("keep", e) for e in EVENTS), ("delete", "old")]


@pytest.mark.parametrize(
    "theirs",
    [
        webhook("w", f"{BASE}-erp/x", "TRANSFER_UPDATE"),
        webhook("w", "https://hooks.example.com/webhooks", "TRANSFER_UPDATE"),
        webhook("w", "https://hooks.example.com/webhooks/payu2", "TRANSFER_UPDATE"),
        webhook("w", "https://[odd", "TRANSFER_UPDATE", about="Caudal payu-2: TRANSFER_UPDATE"),
        webhook("w", f"{BASE}/TRANSFER_UPDATE?token=t", "TRANSFER_UPDATE", status="DELETED"),
    ],
)
def test_what_is_not_ours_is_left_alone(theirs: Webhook) -> None:
    assert planned(theirs) == [("create", event) for event in EVENTS]


def test_deletions_come_last() -> None:
    everything = webhook("all", BASE, *EVENTS)
    assert planned(everything)[-1] == ("delete", "all")


def test_event_is_a_segment_before_the_query() -> None:
    assert url_for("https://h/x/?a=1&b", "E") == "https://h/x/E?a=1&b"
    assert url_for("https://h", "E") == "https://h/E"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h:8443/x?token=canary&b=canary", "https://h:8443/x?token=…&b=…"),
        ("https://h/x", "https://h/x"),
        ("https://user:canary@h/x#canary", "https://h/x"),
        ("https://h:canary/x", "…"),
        ("", ""),
    ],
)
def test_no_secret_of_a_url_is_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
