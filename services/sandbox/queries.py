"""The routes of the three APIs that can be asked for a payment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from services.sandbox.accounts import Accounts
from services.sandbox.apis import clip, mobbex, safe2pay
from services.sandbox.apis.answers import Answer
from services.sandbox.chaos import Chaos, respond
from services.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Queries:
    """Checks the credentials of a query, and answers it from the world."""

    world: World
    accounts: Accounts
    chaos: Chaos

    def routes(self) -> list[web.RouteDef]:
        """Return every route, under its provider's name."""
        return [
            web.get("/clip/v2/checkout/{id}", self._checkout),
            web.get("/clip/refunds/{id}", self._refund),
            web.get("/mobbex/operations", self._operations),
            web.get("/mobbex/operations/{uid}", self._operation),
            web.get("/safe2pay/v2/transaction/Get", self._transaction),
            web.get("/safe2pay/v2/transaction/Reference", self._transactions),
        ]

    async def _checkout(self, request: web.Request) -> web.Response:
        return self._clip(request, clip.checkout)

    async def _refund(self, request: web.Request) -> web.Response:
        return self._clip(request, clip.refund)

    def _clip(self, request: web.Request, ask: clip.Asking) -> web.Response:
        shown = clip.credentials(request.headers.get("Authorization", ""))
        if self.accounts.opened(clip.SLUG, shown) is None:
            return respond(clip.UNAUTHORIZED)
        if self.chaos.is_behind():
            return respond(clip.NOT_FOUND)
        return respond(ask(self.world, request.match_info["id"]))

    async def _operation(self, request: web.Request) -> web.Response:
        if not self._knows_mobbex(request.headers):
            return respond(mobbex.UNAUTHORIZED)
        uid = request.match_info["uid"]
        if uid.startswith("ref\\"):
            return respond(mobbex.by_reference(self.world, uid.removeprefix("ref\\")))
        return respond(mobbex.operation(self.world, uid))

    async def _operations(self, request: web.Request) -> web.Response:
        if not self._knows_mobbex(request.headers):
            return respond(mobbex.UNAUTHORIZED)
        page, limit = (
            _number(request, name, given) for name, given in (("page", 0), ("limit", 15))
        )
        reference = request.query.get("reference")
        return respond(mobbex.listed(self.world, reference=reference, page=page, limit=limit))

    def _knows_mobbex(self, headers: Mapping[str, str]) -> bool:
        shown = {
            "api_key": headers.get("x-api-key", ""),
            "access_token": headers.get("x-access-token", ""),
        }
        return self.accounts.opened(mobbex.SLUG, shown) is not None

    async def _transaction(self, request: web.Request) -> web.Response:
        return respond(self._safe2pay(request, "Id", safe2pay.transaction))

    async def _transactions(self, request: web.Request) -> web.Response:
        return respond(self._safe2pay(request, "reference", safe2pay.by_reference))

    def _safe2pay(self, request: web.Request, name: str, ask: safe2pay.Asking) -> Answer:
        shown = {"token": request.headers.get("X-API-KEY", "")}
        if self.accounts.opened(safe2pay.SLUG, shown) is None:
            return safe2pay.UNAUTHORIZED
        asked = request.query.get(name, "")
        return ask(self.world, asked) if asked else safe2pay.failed("001", f"{name} é obrigatório")


def _number(request: web.Request, name: str, given: int) -> int:
    told = request.query.get(name, str(given))
    return int(told) if told.isascii() and told.isdigit() else -1
