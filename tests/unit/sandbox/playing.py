"""A sandbox without webhooks, for tests of its APIs: objects are put into its world by hand."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from services.sandbox.accounts import DEVELOPMENT, Accounts, accounts_of
from services.sandbox.apis import clip
from services.sandbox.chaos import ApiFaults, Chaos
from services.sandbox.payu.posting import Manner
from services.sandbox.payu.routes import Routes
from services.sandbox.payu.service import PayU, PayUOptions
from services.sandbox.queries import Queries
from services.sandbox.server import application
from services.sandbox.world import Standing, World
from services.simulator.credentials import credentials_from
from services.simulator.lives import Life
from services.simulator.names import Names
from services.simulator.plan import Options
from services.simulator.providers import SIMULATIONS

BORN = datetime(2026, 1, 15, 12, tzinfo=UTC)
OPTIONS = Options(seed=1)
PAYU = "/payu/v1.0"
MINE = "508029/512321"

Client = TestClient[Request, Application]


def accounts() -> Accounts:
    return accounts_of(credentials_from(None).sources.values())


def basic(api_key: str, secret_key: str) -> dict[str, str]:
    told = base64.b64encode(f"{api_key}:{secret_key}".encode()).decode()
    return {"Authorization": f"Basic {told}"}


CLIP = basic(**DEVELOPMENT["clip"])
MOBBEX = {
    "x-api-key": DEVELOPMENT["mobbex"]["api_key"],
    "x-access-token": DEVELOPMENT["mobbex"]["access_token"],
}
SAFE2PAY = {"X-API-KEY": DEVELOPMENT["safe2pay"]["token"]}


class Playing:
    """The parts of a sandbox, and a client that talks to it."""

    def __init__(
        self, folder: Path, options: Options, payu: PayUOptions, faults: ApiFaults
    ) -> None:
        self.world = World({clip.SLUG: clip.other_names})
        self.chaos = Chaos(faults, options.mark)
        self.journal = folder / "journal"
        manner = Manner(options=options, documented_only=payu.documented_only)
        self.payu = PayU(payu, manner, self.world, self.journal, "payu")
        self.client: Client

    def application(self) -> Application:
        routes = (
            *Queries(self.world, accounts(), self.chaos).routes(),
            *Routes(self.payu, accounts(), self.chaos).routes(),
        )
        return application(self.chaos, routes, dict)

    def put(self, slug: str, life: Life, reached: int) -> Standing:
        """Let an object have gone so many steps of its life."""
        assert life.known is not None
        standing = Standing(slug, life.known, reached)
        self.world.standings.setdefault(slug, {})[standing.ref] = standing
        names = [life.known.names.reference]
        names += clip.other_names(standing) if slug == clip.SLUG else ()
        for name in names:
            self.world.by_reference.setdefault(slug, {}).setdefault(name, []).append(standing)
        return standing

    async def token(self) -> dict[str, str]:
        """Authenticate at PayU, and return both headers."""
        known = DEVELOPMENT["payu"]
        query = {
            "accountId": "512321", "apiKey": known["api_key"], "apiLogin": known["api_login"],
        }  # fmt: skip
        async with self.client.post(f"{PAYU}/authenticate", params=query) as answer:
            assert answer.status == 200
            told: dict[str, Any] = await answer.json()
        return {"Authorization": told["token"], "PublicKey": known["public_key"]}


@contextlib.asynccontextmanager
async def playing(
    folder: Path,
    *,
    options: Options = OPTIONS,
    payu: PayUOptions | None = None,
    faults: ApiFaults | None = None,
) -> AsyncIterator[Playing]:
    """Serve a sandbox while inside."""
    parts = Playing(folder, options, payu or PayUOptions(step=0.01), faults or ApiFaults())
    async with TestClient(TestServer(parts.application())) as client:
        parts.client = client
        yield parts
        parts.chaos.closing.set()
        await parts.payu.close()


def live(slug: str, steps: tuple[str, ...], state: str | None = None, number: int = 1) -> Life:
    """Make a life that goes this path of a provider."""
    path = next(
        path
        for path in SIMULATIONS[slug].paths
        if path.steps == steps and state in (None, path.state)
    )
    return SIMULATIONS[slug].live(path, Names(OPTIONS.mark, number), Random(number), BORN)
