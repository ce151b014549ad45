"""What a body goes through, as the processes have it, without their servers: doors, translator, masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from libs.contracts.delivery import Delivery
from libs.providers.card_fields import CardFields
from libs.providers.registry import PROVIDERS
from libs.runtime.limits import IngressLimits
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import read_sources
from services.ingress.accept import Acceptor
from services.ingress.budget import Budget
from services.ingress.doors import build_doors
from services.ingress.guard import Guard
from services.ingress.peer import Peer
from services.ingress.tally import Tally
from services.ingress.ways import Way, Ways
from services.ingress.webhooks import Webhooks

BODY_LIMIT: Final = 1 << 20  # bytes, as `CAUDAL_MAX_BODY_BYTES` has it
_OFTEN: Final = 1_000_000  # what the limits let through: here nobody is to be held up

SECRETS: Final = MappingProxyType({slug: f"Fuzz-{slug}-7f3A9b2e" for slug in sorted(PROVIDERS)})

# As in deploy/sources, but for the certificate: a signature is checked in its place.
_SOURCES: Final = """
[sources.clip]
provider = "clip"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:$clip"] }

[sources.conectados]
provider = "conectados"
authentication = { kind = "any_of", of = [
  { kind = "hmac", header = "X-Signature", secrets = ["literal:$conectados"] },
  { kind = "header_token", header = "X-Webhook-Token", secrets = ["literal:$conectados"] },
] }

[sources.mobbex]
provider = "mobbex"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:$mobbex"] }

[sources.payu]
provider = "payu"
authentication = { kind = "all_of", of = [
  { kind = "query_token", parameter = "token", secrets = ["literal:$payu"] },
  { kind = "ip_allow_list", networks = ["34.233.144.154"] },
] }

[sources.safe2pay]
provider = "safe2pay"
authentication = { kind = "body_field", field = "SecretKey", secrets = ["literal:$safe2pay"] }
"""


class _Silent(Tally):
    def note(self, event: str, source: str, **fields: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Wire:
    peername: Any = ("34.233.144.154", 4711)


class House:
    """An ingress that takes bodies by a call, without connections and without a broker."""

    def __init__(self) -> None:
        text = _SOURCES
        for slug, secret in SECRETS.items():
            text = text.replace(f"${slug}", secret)
        limits = IngressLimits(
            source_rate=_OFTEN, source_burst=_OFTEN, address_failure_rate=1, address_failure_burst=1
        )
        tally = _Silent()
        guard = Guard(limits, tally)
        doors = build_doors(read_sources(text, PROVIDERS, SecretReader(Path(), {})), PROVIDERS)
        self.webhooks = Webhooks(
            doors=doors,
            acceptor=cast("Acceptor", None),  # what is let in is not sent anywhere
            budget=Budget(BODY_LIMIT * 4),
            guard=guard,
            max_body_bytes=BODY_LIMIT,
            body_timeout=1.0,
            tally=tally,
        )
        self._ways = Ways(doors, guard)
        self._peer: Peer = guard.peers.at("34.233.144.154")

    def let_in(self, slug: str, body: bytes, content_type: str, event: str | None) -> Delivery:
        """Let in a body whose head is right. Raises `Rejection`."""
        way = self.way(slug, event)
        with self.webhooks.budget.hold(way.turnstile.share) as hold:
            return self.webhooks.delivery(
                way, self._peer, _headers(slug, content_type), body, hold, _Wire()
            )

    def way(self, slug: str, event: str | None = None) -> Way:
        """Return where the URL of a source leads."""
        target = f"/webhooks/{slug}?token={SECRETS[slug]}"
        if event is not None:
            target += f"&event={event}"
        way = self._ways.of(target, URL(target))
        assert way is not None
        return way


@cache
def house() -> House:
    """Return the one that all inputs go through."""
    return House()


@cache
def cards_of(slug: str) -> CardFields:
    """Return the fields of a provider that hold card numbers, as whoever asks it back has them."""
    return CardFields.of(PROVIDERS[slug].personal_fields)


@cache
def _headers(slug: str, content_type: str) -> CIMultiDictProxy[str]:
    told: Mapping[str, str] = {
        "Content-Type": content_type,
        "User-Agent": "fuzz",
        "X-Webhook-Token": SECRETS[slug],
        "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
    }
    return CIMultiDictProxy(CIMultiDict(told))
