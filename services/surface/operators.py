"""The port for operators, from the table of what it answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from libs.runtime.settings import Settings
from services.admin import answers
from services.admin.answers import Nothing, Refusal, Refused
from services.admin.port import BODY_BYTES
from services.admin.routes import GET, ROUTES, Route
from services.surface.parts import JSON, Json, Schemas, content, response

TAG: Final = "operators"
SCHEME: Final = "operator"
_ALWAYS: Final = (
    answers.UNUSABLE,
    answers.NO_TOKEN,
    answers.NOT_ALLOWED,
    answers.BUG,
    answers.NOT_NOW,
)
_ACTS: Final = (answers.MISSING, answers.NOT_POSSIBLE, answers.TOO_LARGE)


def paths(schemas: Schemas) -> Json:
    """Return what can be asked for, by path."""
    settings = Settings.model_fields
    url = f"http://{settings['admin_host'].default}:{settings['admin_port'].default}"
    found: Json = {}
    for route in ROUTES:
        item = found.setdefault(route.path, {"servers": [{"url": url, "description": TAG}]})
        item[route.method.lower()] = _operation(route, schemas)
    return found


def security_schemes() -> Json:
    """Return how somebody shows who they are."""
    return {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of CAUDAL_ADMIN_TOKEN or CAUDAL_ADMIN_TOKEN_FILE.",
        }
    }


def _operation(route: Route, schemas: Schemas) -> Json:
    reads = route.method == GET
    told: dict[str, Any] = {
        "tags": [TAG],
        "operationId": route.does.__name__,
        "summary": route.does.__doc__,
        "security": [{SCHEME: []}],
    }
    parameters = schemas.parameters(route.place, "path")
    if reads:
        parameters += schemas.parameters(route.takes, "query")
    else:
        told["requestBody"] = {
            "required": True,
            "description": f"At most {BODY_BYTES} bytes. It is on record with `why`, before it is done.",
            "content": content(schemas.of(route.takes, "validation")),
        }
    if parameters:
        told["parameters"] = parameters
    refused = _ALWAYS if reads else (*_ALWAYS, *_ACTS)
    told["responses"] = {
        str(int(HTTPStatus.OK)): response(["Done."], content(schemas.of(route.gives))),
        **{
            str(each.status): _refusal(each, schemas)
            for each in sorted(refused, key=lambda each: each.status)
        },
    }
    return told


def _refusal(refusal: Refusal, schemas: Schemas) -> Json:
    form = Nothing if refusal is answers.NO_TOKEN else Refused
    return response([refusal.why], content(schemas.of(form), JSON), refusal.headers)
