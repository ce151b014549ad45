"""The document: OpenAPI 3.1 of all that answers HTTP, frozen beside the other published documents.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import json
from typing import Any, Final

from services.surface import operators, webhooks
from services.surface.parts import Schemas

NAME: Final = "openapi.json"


def openapi() -> dict[str, Any]:
    """Return the document."""
    schemas = Schemas()
    paths = webhooks.paths() | operators.paths(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Caudal over HTTP",
            "version": "1.0.0",
            "description": (
                "The ingress takes webhooks and answers how it is; the port for operators, which is "
                "another one, reads and handles what is parked. Each path names its server. What is "
                'refused is told as `{"error": …}` in a few fixed words. A worker with '
                "CAUDAL_METRICS_PORT answers `/metrics` there, like the ingress."
            ),
        },
        "tags": [
            {"name": webhooks.TAG, "description": "The door for providers, open to the internet."},
            {"name": operators.TAG, "description": "On loopback, behind a token for each person."},
        ],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.found.items())),
            "securitySchemes": operators.security_schemes(),
        },
    }


def documents() -> dict[str, str]:
    """Return it by its file name, as text."""
    return {NAME: json.dumps(openapi(), indent=2, ensure_ascii=False) + "\n"}
