"""The ingress as an aiohttp application: its routes, and what becomes of errors."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from libs.runtime.metrics import answer_metrics
from services.ingress.health import Health
from services.ingress.receiving import continue_if_welcome
from services.ingress.rejections import Rejection, error_response, unavailable
from services.ingress.webhooks import Webhooks

log = structlog.get_logger()

Receive = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(webhooks: Webhooks, health: Health) -> web.Application:
    """Put the routes together."""
    app = web.Application(middlewares=[answer_errors])
    app.on_response_prepare.append(name_server)
    app.router.add_get("/health/live", health.live)
    app.router.add_get("/health/ready", health.ready)
    app.router.add_get("/metrics", answer_metrics)
    _add(app, "/webhooks/{source}", webhooks.by_slug, webhooks)
    _add(app, "/webhooks/{source}/{event}", webhooks.by_slug, webhooks)
    for path in webhooks.doors.by_path:
        _add(app, path, webhooks.by_path, webhooks)
    return app


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a small answer that tells a stranger nothing."""
    try:
        return await handler(request)
    except Rejection as rejection:
        return rejection.response()
    except web.HTTPException as error:
        allow = error.headers.get("Allow")
        words = (error.reason or "error").lower()
        return error_response(error.status, words, {"Allow": allow} if allow else {})
    except MemoryError:
        log.error("memory_short", method=request.method)  # noqa: TRY400  # no frames: they need some
        return unavailable().response()
    except Exception as error:  # noqa: BLE001  # the one place where a bug becomes a 500
        # Neither the exception's text nor the query is logged: both may hold what was sent.
        log.error(  # noqa: TRY400  # the frames alone, without the text
            "request_failed",
            method=request.method,
            error=type(error).__name__,
            frames=traceback.format_tb(error.__traceback__)[-8:],
        )
        return error_response(500, "internal error")


async def name_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Tell no version: aiohttp's default names its own and Python's."""
    response.headers["Server"] = "caudal"


def _add(app: web.Application, path: str, handler: Receive, webhooks: Webhooks) -> None:
    app.router.add_post(
        path,
        handler,
        expect_handler=partial(continue_if_welcome, max_body_bytes=webhooks.max_body_bytes),
    )
