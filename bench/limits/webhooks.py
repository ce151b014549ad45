"""The corpus as deliveries and outcomes: what ingress and normalizer make of it, without either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from bench.load.corpus import DUPLICATES
from libs.contracts import webhook_received
from libs.contracts.delivery import Delivery
from libs.contracts.webhook_translated import Translated
from libs.providers.reading import read_object
from libs.providers.registry import PROVIDERS
from libs.runtime.development import development_sources
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Sources, read_sources
from services.ingress.authentication.verdict import Attempt
from services.ingress.doors import Door, Doors, build_doors
from services.ingress.envelope import wrap
from services.normalizer.terms import terms_of
from services.normalizer.translate import Translator
from services.simulator.credentials import credentials_from
from services.simulator.plan import Plan
from services.simulator.proving import Request

TOGETHER: Final = 20  # webhooks in one message under load, as the ingress forms them


def deliveries(seed: int, run: str, count: int) -> list[Delivery]:
    """Return the first `count` webhooks of the bench's corpus as the ingress would publish them."""
    credentials, doors = credentials_from(None), _doors()
    plan = Plan.from_seed(seed, run=run, count=count, duplicates=DUPLICATES)
    return [
        _let_in(
            doors.by_slug[webhook.source],
            credentials.request(webhook.source, webhook.body),
            webhook.body.event,
            webhook.index,
        )
        for webhook in plan.webhooks()
    ]


def outcomes(received: Sequence[Delivery]) -> list[Translated]:
    """Return what the normalizer would say of them."""
    translator = Translator(PROVIDERS, terms_of(_sources()))
    return [translator.outcome_of(delivery) for delivery in received]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Mean sizes in bytes: of a webhook's body, of a message of one, of a message of `TOGETHER`."""

    body: int
    one: int
    together: int

    @classmethod
    def of(cls, received: Sequence[Delivery]) -> Sizes:
        """Measure these deliveries."""
        body = fmean(len(delivery.body) for delivery in received)
        packed = fmean(webhook_received.pack(delivery).size for delivery in received)
        frame = len(webhook_received.join([]))
        return cls(round(body), round(frame + packed), round(frame + TOGETHER * packed))


def _sources() -> Sources:
    return read_sources(development_sources(), PROVIDERS, SecretReader(Path.cwd()))


def _doors() -> Doors:
    return build_doors(_sources(), PROVIDERS)


def _let_in(door: Door, request: Request, event: str | None, number: int) -> Delivery:
    headers = CIMultiDictProxy(CIMultiDict({**request.headers, "X-Request-Id": str(number)}))
    document = read_object(request.body) if door.authenticator.needs_document else {}
    query = MultiDict(parse_qsl(urlsplit(request.path).query))
    attempt = Attempt(headers=headers, query=query, body=request.body, document=document)
    authority = door.authenticator.judge(attempt).authority
    if authority is None:
        raise ValueError(f"the corpus is not let in at {door.source.slug}")
    body = door.redactor.body(request.body, document)
    return wrap(door, body, headers, authority=authority, route_event=event)
