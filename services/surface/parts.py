"""What both halves of the document are put together from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

Json = dict[str, Any]

JSON: Final = "application/json"
SCHEMAS: Final = "#/components/schemas/{model}"
HEADERS: Final[Mapping[str, Json]] = {
    "Allow": {
        "description": "The methods that are taken here, with commas between.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which it may be tried again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}},
}


def content(schema: Json, media_type: str = JSON, **more: object) -> Json:
    """Return a body of one type."""
    return {media_type: {"schema": schema, **more}}


def response(why: Iterable[str], body: Json, headers: Iterable[str] = ()) -> Json:
    """Return an answer; each of its headers is always there."""
    told: Json = {"description": " / ".join(why)}
    named = {name: {"required": True, **HEADERS[name]} for name in headers}
    if named:
        told["headers"] = named
    return {**told, "content": body}


class Schemas:
    """Collects the schemas of models, each of which stands in the document once."""

    def __init__(self) -> None:
        self.found: Json = {}

    def of(self, kind: Any, mode: Any = "serialization") -> Json:  # noqa: ANN401 - any type there is
        """Return the schema of a type, or where it stands."""
        schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=SCHEMAS)
        self.found |= schema.pop("$defs", {})
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return schema
        self.found[kind.__name__] = schema
        return {"$ref": SCHEMAS.format(model=kind.__name__)}

    def parameters(self, model: type[BaseModel], place: str) -> list[Json]:
        """Return the fields of a model as parameters of a query or a path."""
        schema = TypeAdapter(model).json_schema(ref_template=SCHEMAS)
        self.found |= schema.pop("$defs", {})
        return [
            {
                "name": name,
                "in": place,
                "required": name in schema.get("required", ()),
                "schema": _said(form),
            }
            for name, form in schema.get("properties", {}).items()
        ]


def _said(form: Json) -> Json:
    """Leave out that it may be null: in a URL, what is not said does not stand there."""
    told = {key: value for key, value in form.items() if key != "title"}
    if told.get("default", "") is None:
        del told["default"]
    kinds = [kind for kind in told.pop("anyOf", []) if kind != {"type": "null"}]
    return told | kinds[0] if kinds else told
