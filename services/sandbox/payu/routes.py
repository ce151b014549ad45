"""The Payouts API over HTTP, under `/payu/v1.0`, and the report of the PayU module."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from services.sandbox.accounts import Accounts
from services.sandbox.apis.answers import Answer
from services.sandbox.chaos import Chaos, respond
from services.sandbox.payu import answers
from services.sandbox.payu.answers import SLUG, refused
from services.sandbox.payu.payees import faults_of_update
from services.sandbox.payu.report import file_name, written
from services.sandbox.payu.service import PayU

BASE: Final = "/payu/v1.0"
_OWNER: Final = "{merchant}/{account}"
Operation = Callable[[web.Request], Awaitable[Answer]]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Routes:
    """Checks both headers and the ids in the path of every call, and hands it on."""

    payu: PayU
    accounts: Accounts
    chaos: Chaos

    def routes(self) -> list[web.RouteDef]:
        """Return every route; that of the list comes before the one with an id in its place."""
        transfers, webhooks = f"{BASE}/supplier-transfers", f"{BASE}/webhooks"
        return [
            web.post(f"{BASE}/authenticate", self._authenticate),
            web.post(f"{transfers}/{_OWNER}", self._guarded(self._create)),
            web.put(
                f"{transfers}/bank-account/{_OWNER}/{{id}}", self._guarded(self._update_account)
            ),
            web.delete(f"{transfers}/{_OWNER}/{{id}}", self._guarded(self._cancel)),
            web.get(f"{webhooks}/account/{_OWNER}", self._guarded(self._list)),
            web.post(f"{webhooks}/{_OWNER}", self._guarded(self._create_webhook)),
            web.put(f"{webhooks}/{_OWNER}", self._guarded(self._update_webhook)),
            web.get(f"{webhooks}/{_OWNER}/{{id}}", self._guarded(self._get_webhook)),
            web.delete(f"{webhooks}/{_OWNER}/{{id}}", self._guarded(self._delete_webhook)),
            web.get("/payu/report.csv", self._report),
        ]

    async def _authenticate(self, request: web.Request) -> web.Response:
        query = request.query
        shown = {"api_key": query.get("apiKey", ""), "api_login": query.get("apiLogin", "")}
        for account in self.accounts.of(SLUG):
            known = account.credentials
            if query.get("accountId") == account.account_id and account.opens_with(
                shown | {"public_key": known.get("public_key", "")}
            ):
                return respond(Answer({"token": self.payu.tokens.issue()}))
        return respond(answers.WRONG_CREDENTIALS)

    def _guarded(self, operation: Operation) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return respond(self._refusal(request) or await operation(request))

        return handle

    def _refusal(self, request: web.Request) -> Answer | None:
        token = request.headers.get("Authorization", "")
        state = self.payu.tokens.state(token)
        if state == "good" and self.chaos.expires():
            self.payu.tokens.revoke(token)
            state = "expired"
        if state != "good":
            return answers.EXPIRED if state == "expired" else answers.NO_TOKEN
        key = request.headers.get("PublicKey", "")
        mine = [a for a in self.accounts.of(SLUG) if key and a.credentials["public_key"] == key]
        if not mine:
            return answers.WRONG_KEY
        asked = (request.match_info["merchant"], request.match_info["account"])
        if asked not in {(a.merchant_id, a.account_id) for a in mine}:
            return answers.WRONG_MERCHANT
        return None

    async def _create(self, request: web.Request) -> Answer:
        told = await _read(request)
        if told is None:
            return answers.NOT_JSON
        transfers = told.get("transfers")
        if not isinstance(transfers, list) or not transfers:
            return refused(400, "The field transfers is required")
        return Answer(self.payu.request(transfers, datetime.now(UTC)))

    async def _cancel(self, request: web.Request) -> Answer:
        payout = self.payu.payouts.get(request.match_info["id"])
        if payout is None:
            return refused(404, "There is no payout with that id")
        if not payout.cancel():
            return refused(400, "The payout cannot be cancelled in its current state")
        return Answer({"message": "Cancellation request received"})

    async def _update_account(self, request: web.Request) -> Answer:
        told = await _read(request)
        if told is None:
            return answers.NOT_JSON
        if faults := faults_of_update(told):
            return refused(400, *faults)
        if not self.payu.accounts.update(request.match_info["id"], told):
            return refused(404, "There is no registered bank account with that id")
        return Answer({"message": "Update received"})

    async def _create_webhook(self, request: web.Request) -> Answer:
        told = await _read(request)
        if told is None:
            return answers.NOT_JSON
        return self.payu.registrations.create(told, datetime.now(UTC))

    async def _update_webhook(self, request: web.Request) -> Answer:
        told = await _read(request)
        return answers.NOT_JSON if told is None else self.payu.registrations.update(told)

    async def _get_webhook(self, request: web.Request) -> Answer:
        return self.payu.registrations.get(request.match_info["id"])

    async def _delete_webhook(self, request: web.Request) -> Answer:
        return self.payu.registrations.delete(request.match_info["id"])

    async def _list(self, _: web.Request) -> Answer:
        return self.payu.registrations.listed()

    async def _report(self, _: web.Request) -> web.Response:
        name = file_name(datetime.now(UTC), next(a.account_id for a in self.accounts.of(SLUG)))
        return web.Response(
            text=written(self.payu.rows()),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


async def _read(request: web.Request) -> Document | None:
    """Read a JSON object with exact numbers; None for anything else."""
    try:
        told = json.loads(await request.read(), parse_float=Decimal)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
