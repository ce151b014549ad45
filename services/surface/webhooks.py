"""The ingress: the ways to a source, its providers' answers, its refusals, and its own pages."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, cast

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.providers.port import Answer
from libs.providers.registry import PROVIDERS
from libs.runtime.settings import Settings
from libs.runtime.sources import SLUG
from services.ingress.express import METHOD
from services.ingress.front import PAGE_METHODS, pages
from services.ingress.health import Health
from services.ingress.ladder import Level
from services.ingress.rejections import Refusal
from services.ingress.ways import EVENT, PREFIX
from services.surface.parts import JSON, Json, content, response

TAG: Final = "ingress"
_SOURCE: Final = {
    "name": "source",
    "in": "path",
    "required": True,
    "description": "The slug of a source of the sources file.",
    "schema": {"type": "string", "pattern": SLUG},
}
_EVENT_IN_PATH: Final = {
    "name": "event",
    "in": "path",
    "required": True,
    "description": "The event, for providers whose bodies do not name it.",
    "schema": {"type": "string", "pattern": f"^{EVENT.pattern}$"},
}
_EVENT_IN_QUERY: Final = {
    "name": "event",
    "in": "query",
    "required": False,
    "description": "The same as the path's last segment, which goes before it.",
    "schema": {"type": "string", "pattern": f"^{EVENT.pattern}$"},
}
_BODIES: Final = (b"{}", b"no object")
"""A webhook that can be read, and one that cannot."""


def paths() -> Json:
    """Return what can be asked for, by path."""
    settings = Settings.model_fields
    servers = [
        {
            "url": f"http://{settings['ingress_host'].default}:{settings['ingress_port'].default}",
            "description": TAG,
        }
    ]
    found: Json = {
        f"{PREFIX}{{source}}": {
            "servers": servers,
            METHOD.lower(): _webhook("webhook", [_SOURCE, _EVENT_IN_QUERY]),
        },
        f"{PREFIX}{{source}}/{{event}}": {
            "servers": servers,
            METHOD.lower(): _webhook("webhookOfEvent", [_SOURCE, _EVENT_IN_PATH]),
        },
    }
    for provider in PROVIDERS.values():
        if provider.documented_path is not None:
            name = f"{provider.slug}Webhook"
            found[provider.documented_path] = {
                "servers": servers,
                METHOD.lower(): _webhook(name, [_EVENT_IN_QUERY], [provider.slug]),
            }
    for path, told in _pages().items():
        found[path] = {
            "servers": servers,
            **{method.lower(): _page(path, method, told) for method in PAGE_METHODS},
        }
    return found


def _webhook(name: str, parameters: list[Json], providers: Iterable[str] = PROVIDERS) -> Json:
    fields = Settings.model_fields
    return {
        "tags": [TAG],
        "operationId": name,
        "summary": "Take a webhook; 2xx once it is safe.",
        "description": (
            "Who may send is the source's authentication: a field of the body, a token of the query, a "
            "header, a signature, an address. A source may have a path of its own in the sources file, "
            "which is answered in the same way."
        ),
        "security": [],
        "parameters": parameters,
        "requestBody": {
            "required": True,
            "description": (
                "Whatever the provider sends, in one piece or in chunks, without a Content-Encoding; at "
                f"most CAUDAL_MAX_BODY_BYTES ({fields['max_body_bytes'].default})."
            ),
            "content": {JSON: {"schema": {}}, "application/x-www-form-urlencoded": {"schema": {}}},
        },
        "responses": _responses(_acknowledged(providers), _refused(Refusal)),
    }


def _page(path: str, method: str, told: list[tuple[int, str, Json]]) -> Json:
    name = path.strip("/").replace("/", " ").title().replace(" ", "")
    anywhere = [each for each in Refusal if each.anywhere and each is not Refusal.NOT_FOUND]
    return {
        "tags": [TAG],
        "operationId": f"{method.lower()}{name}",
        "summary": f"Answer {path}.",
        "security": [],
        "responses": _responses(told, _refused(anywhere)),
    }


# A status, what it is for, and a body of it.
_Told = tuple[int, str, Json]


def _responses(*told: Iterable[tuple[Any, ...]]) -> Json:
    """Put together what is answered with the same status."""
    by_status: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for each in told:
        for status, *rest in each:
            by_status[status].append(tuple(rest))
    found: Json = {}
    for status, answers in sorted(by_status.items()):
        bodies: dict[str, list[Json]] = defaultdict(list)
        for _, body, *_ in answers:
            for media_type, form in body.items():
                if form["schema"] not in bodies[media_type]:
                    bodies[media_type].append(form["schema"])
        headers = [set(rest[0]) if rest else set() for _, _, *rest in answers]
        found[str(status)] = response(
            dict.fromkeys(why for why, *_ in answers),
            {
                media_type: {"schema": forms[0] if len(forms) == 1 else {"anyOf": forms}}
                for media_type, forms in bodies.items()
            },
            sorted(set.intersection(*headers)),
        )
    return found


def _refused(refusals: Iterable[Refusal]) -> Iterator[tuple[int, str, Json, tuple[str, ...]]]:
    for each in refusals:
        schema = {
            "type": "object",
            "properties": {"error": {"type": "string", "const": each.error}},
            "required": ["error"],
            "additionalProperties": False,
        }
        yield each.status, each.why, content(schema), each.headers


def _acknowledged(providers: Iterable[str]) -> Iterator[_Told]:
    """Ask the providers what they answer."""
    for slug in providers:
        for body in _BODIES:
            answer = PROVIDERS[slug].acknowledge(_delivery(slug, body))
            why = "As its provider takes for success." if answer.status < 400 else "Not readable."
            yield answer.status, why, content(_form(answer), answer.content_type)


def _form(answer: Answer) -> Json:
    if answer.content_type != JSON:
        return {"type": "string", "maxLength": len(answer.body)}
    return {
        "type": "object",
        "required": sorted(json.loads(answer.body)),
        "additionalProperties": {"type": ["string", "integer"]},
    }


def _delivery(slug: str, body: bytes) -> Delivery:
    return Delivery(
        id="01900000-0000-7000-8000-000000000001",
        source=slug,
        provider=slug,
        body=body,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        authority=Authority.UNSIGNED,
    )


def _pages() -> dict[str, list[_Told]]:
    """Ask the pages what they answer, on each level."""

    async def ask() -> dict[str, list[_Told]]:
        found: dict[str, list[_Told]] = defaultdict(list)
        for level in Level:
            request: Any = None  # none of them looks at it
            for path, page in pages(Health(partial(Level, level))).items():
                found[path].append(_told_by(cast(web.Response, await page(request))))
        return dict(found)

    return asyncio.run(ask())


def _told_by(answer: web.Response) -> _Told:
    why = "Well." if answer.status < 400 else "Neither the broker nor the disk takes a webhook."
    if answer.content_type != JSON:
        return answer.status, why, content({"type": "string"}, CONTENT_TYPE_PLAIN_0_0_4)
    body = json.loads(cast(bytes, answer.body))
    schema = {
        "type": "object",
        "properties": {name: {"type": "string", "const": word} for name, word in body.items()},
        "required": sorted(body),
        "additionalProperties": False,
    }
    return answer.status, why, content(schema)
