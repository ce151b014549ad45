"""The public contract as documents: JSON Schema of the event and AsyncAPI 3 of the exchange.

They are generated from the code and frozen under `schemas/`; a test fails when they drift.
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from libs.contracts.event import CONTENT_TYPE, DATA_SCHEMA, EXCHANGE, QUEUE, Event, EventData
from libs.domain.lifecycle import Kind, states_of

FOLDER: Final = Path(__file__).parent / "schemas"
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Return every document by file name, as text."""
    found = {
        "event.schema.json": event_schema(),
        "event-data.schema.json": event_data_schema(),
        "asyncapi.json": asyncapi(),
    }
    return {name: json.dumps(document, indent=2) + "\n" for name, document in found.items()}


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of a message on `caudal.events`."""
    schema = Event.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, "$id": "urn:caudal:schema:event:v1", **schema}


def event_data_schema() -> dict[str, Any]:
    """Return the JSON Schema of an event's `data`: what its `dataschema` names."""
    schema = EventData.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, "$id": DATA_SCHEMA, **schema}


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document of what Caudal publishes."""
    states = sorted({state.value for kind in Kind for state in states_of(kind)})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Caudal events",
            "version": "1.0.0",
            "description": (
                "One CloudEvents 1.0 message for each change of a payment or payout, at least "
                "once, in order within one object. `sequence` runs without a gap; the same `id` "
                "is the same event."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            "events": {
                "address": "{kind}.{state}.{provider}",
                "messages": {"event": {"$ref": "#/components/messages/event"}},
                "parameters": {
                    "kind": {"enum": [kind.value for kind in Kind]},
                    "state": {"enum": states},
                    "provider": {"description": "The provider's slug, such as clip."},
                },
                "bindings": {
                    "amqp": {
                        "is": "routingKey",
                        "exchange": {"name": EXCHANGE, "type": "topic", "durable": True},
                        "bindingVersion": "0.3.0",
                    }
                },
            },
            "everything": {
                "address": QUEUE,
                "description": "The default quorum queue, bound to every event.",
                "messages": {"event": {"$ref": "#/components/messages/event"}},
                "bindings": {
                    "amqp": {
                        "is": "queue",
                        "queue": {
                            "name": QUEUE,
                            "durable": True,
                            "exclusive": False,
                            "autoDelete": False,
                        },
                        "bindingVersion": "0.3.0",
                    }
                },
            },
        },
        "operations": {
            "publishEvent": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": "#/channels/events/messages/event"}],
                "bindings": {
                    "amqp": {"deliveryMode": 2, "mandatory": True, "bindingVersion": "0.3.0"}
                },
            }
        },
        "components": {
            "messages": {
                "event": {
                    "name": "event",
                    "title": "A payment or payout changed",
                    "contentType": CONTENT_TYPE,
                    "headers": {
                        "type": "object",
                        "properties": {
                            "traceparent": {
                                "type": "string",
                                "description": (
                                    "W3C Trace Context of the webhook that made the change, where tracing is on."
                                ),
                            }
                        },
                    },
                    "payload": {
                        "schemaFormat": "application/schema+json;version=draft-2020-12",
                        "schema": event_schema(),
                    },
                }
            }
        },
    }


def write(folder: Path = FOLDER, more: Mapping[str, str] = _NONE) -> list[Path]:
    """Write every document, and `more` of them (text by file name); return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (documents() | dict(more)).items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def drifted(folder: Path = FOLDER, more: Mapping[str, str] = _NONE) -> list[str]:
    """Return the names of the frozen documents that are missing or differ from the code."""
    return [
        name
        for name, text in (documents() | dict(more)).items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
