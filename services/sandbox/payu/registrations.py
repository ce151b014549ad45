"""The WebHooks of an account: where PayU posts what, as the documentation lets one register it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from services.sandbox.apis.answers import Answer
from services.sandbox.payu.answers import refused

CREATION: Final = "TRANSFER_CREATION"
UPDATE: Final = "TRANSFER_UPDATE"
RESULT: Final = "VALIDATION_RESULT"
EVENTS: Final = (UPDATE, CREATION, RESULT)
NOT_FOUND: Final = refused(404, "There is no webhook with that id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One WebHook. Its URL may hold a token."""

    id: str
    created: str
    account_id: int
    callback_url: str = field(repr=False)
    description: str
    events: tuple[str, ...]
    status: str = "ENABLED"

    def shown(self) -> dict[str, Any]:
        """Return it as every answer has it."""
        return {
            "processingStatus": "SUCCESS",
            "id": self.id,
            "created": self.created,
            "accountId": self.account_id,
            "callbackUrl": self.callback_url,
            "description": self.description,
            "enabledEvents": list(self.events),
            "status": self.status,
        }


class Registrations:
    """Every WebHook that was registered; one that was deleted keeps its id."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._by_id: dict[str, Registration] = {}

    def wanting(self, event: str) -> list[Registration]:
        """Return those to whom an event is told."""
        return [each for each in self._enabled() if event in each.events]

    def create(self, told: Mapping[str, Any], now: datetime) -> Answer:
        """`POST /webhooks/{merchantId}/{accountId}`."""
        if faults := self._faults(told, None):
            return refused(400, *faults)
        made = Registration(
            id=str(uuid.UUID(int=self._chance.getrandbits(128), version=4)),
            created=now.astimezone(UTC).isoformat(timespec="milliseconds"),
            account_id=int(told["accountId"]),
            callback_url=told["callbackUrl"],
            description=told["description"],
            events=tuple(told["enabledEvents"]),
        )
        self._by_id[made.id] = made
        return Answer(made.shown())

    def update(self, told: Mapping[str, Any]) -> Answer:
        """`PUT` to the same address, with the id in the body."""
        known = self._by_id.get(str(told.get("id")))
        if known is None or known.status != "ENABLED":
            return NOT_FOUND if told.get("id") else refused(400, "The field id is required")
        if faults := self._faults(told, known.id):
            return refused(400, *faults)
        changed = replace(
            known, callback_url=told["callbackUrl"], description=told["description"],
            events=tuple(told["enabledEvents"]),
        )  # fmt: skip
        self._by_id[known.id] = changed
        return Answer(changed.shown())

    def delete(self, webhook_id: str) -> Answer:
        """`DELETE /webhooks/{merchantId}/{accountId}/{id}`."""
        known = self._by_id.get(webhook_id)
        if known is None or known.status != "ENABLED":
            return NOT_FOUND
        self._by_id[webhook_id] = replace(known, status="DELETED")
        return Answer({"processingStatus": "SUCCESS", "id": webhook_id, "status": "DELETED"})

    def get(self, webhook_id: str) -> Answer:
        """`GET /webhooks/{merchantId}/{accountId}/{id}`."""
        known = self._by_id.get(webhook_id)
        return NOT_FOUND if known is None else Answer(known.shown())

    def listed(self) -> Answer:
        """`GET /webhooks/account/{merchantId}/{accountId}`: those that are not deleted."""
        return Answer([each.shown() for each in self._enabled()])

    def _enabled(self) -> list[Registration]:
        return [each for each in self._by_id.values() if each.status == "ENABLED"]

    def _faults(self, told: Mapping[str, Any], own_id: str | None) -> list[str]:
        url, events = told.get("callbackUrl"), told.get("enabledEvents")
        found = []
        if not str(told.get("accountId", "")).isdigit():
            found.append("The field accountId is required")
        if not isinstance(told.get("description"), str) or not told["description"]:
            found.append("The field description is required")
        if not isinstance(events, list) or not 1 <= len(events) <= len(EVENTS):
            found.append("The field enabledEvents must have from 1 to 3 events")
        elif strange := [event for event in events if event not in EVENTS]:
            found.append(f"There is no event: {strange[0]}")
        if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
            found.append("The field callbackUrl is required")
        elif any(each.callback_url == url and each.id != own_id for each in self._enabled()):
            found.append("The callbackUrl is already registered")
        return found
