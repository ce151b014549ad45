"""The webhooks at PayU beside what the sources file wants: one URL for each event.

PayU's notification does not name its event; so the URL does: `callback_url` with the event as one more
segment. What carries our mark in its description, or lies under our `callback_url`, is ours: it is
updated, or deleted where nothing wants it. Everything else is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from libs.providers.payu.answers import Webhook
from libs.providers.payu.client import PayU
from libs.providers.payu.requests import WebhookRequest
from libs.providers.payu.words import Event

HIDDEN: Final = "…"


class Action(StrEnum):
    """What is to be done with one registration."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One difference, or none. `wanted` is how it shall be, `found` how it is."""

    action: Action
    event: str | None
    wanted: WebhookRequest | None = None
    found: Webhook | None = None

    @property
    def url(self) -> str:
        """The URL, fit to be shown."""
        told = self.wanted.callback_url if self.wanted else (self.found and self.found.callback_url)
        return shown_url(told or "")


def mark_of(source: str) -> str:
    """Return how descriptions of ours begin."""
    return f"Caudal {source}: "


def url_for(callback_url: str, event: str) -> str:
    """Append the event to the path; a query stays."""
    parts = urlsplit(callback_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{event}"))


def shown_url(url: str) -> str:
    """Return a URL without what may be a secret in it: the values of its query, and a user."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return HIDDEN
    names = [part.partition("=")[0] for part in parts.query.split("&") if part]
    query = "&".join(f"{name}={HIDDEN}" for name in names)
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, query, ""))


def plan(
    found: Sequence[Webhook], *, source: str, account_id: str, callback_url: str
) -> list[Step]:
    """Compare; creations first and deletions last, so that no event is without a URL meanwhile."""
    ours = [
        each for each in found if each.live and each.id and _is_ours(each, source, callback_url)
    ]
    steps: list[Step] = []
    for event in Event:
        wanted = WebhookRequest(
            account_id=int(account_id),
            callback_url=url_for(callback_url, event),
            description=f"{mark_of(source)}{event}",
            enabled_events=(event.value,),
        )
        match = _best(ours, wanted)
        if match is None:
            steps.append(Step(Action.CREATE, event, wanted))
            continue
        ours.remove(match)
        action = Action.KEEP if _is_so(match, wanted) else Action.UPDATE
        steps.append(Step(action, event, wanted.model_copy(update={"id": match.id}), match))
    steps += [Step(Action.DELETE, None, found=each) for each in ours]
    return sorted(steps, key=lambda step: list(Action).index(step.action))


async def carry_out(payu: PayU, step: Step) -> Webhook | None:
    """Do what a step says; None where there is nothing to do."""
    if step.action is Action.CREATE and step.wanted:
        return await payu.create_webhook(step.wanted)
    if step.action is Action.UPDATE and step.wanted:
        return await payu.update_webhook(step.wanted)
    if step.action is Action.DELETE and step.found and step.found.id:
        return await payu.delete_webhook(step.found.id)
    return None


def _is_ours(webhook: Webhook, source: str, callback_url: str) -> bool:
    if (webhook.description or "").startswith(mark_of(source)):
        return True
    home, lies = _place(callback_url), _place(webhook.callback_url or "")
    return lies == home or lies.startswith(f"{home}/")


def _best(ours: Sequence[Webhook], wanted: WebhookRequest) -> Webhook | None:
    """Return the one that is as wanted, else at that place, else of that description."""
    looks = (
        lambda each: _is_so(each, wanted),
        lambda each: _place(each.callback_url or "") == _place(wanted.callback_url),
        lambda each: each.description == wanted.description,
    )
    return next((each for look in looks for each in ours if look(each)), None)


def _is_so(webhook: Webhook, wanted: WebhookRequest) -> bool:
    return (webhook.callback_url, set(webhook.enabled_events)) == (
        wanted.callback_url,
        set(wanted.enabled_events),
    )


def _place(url: str) -> str:
    """Return a URL without query and without a slash at its end; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
