"""What the port answers with, in the forms that its document tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, WithJsonSchema

from libs.store.acts import Act
from libs.store.inspect import ParkedReading
from libs.store.objects import StoredObject
from libs.store.parked import ParkedGroup
from services.inspection.view import OBJECT, PARKED


def _shape_of(row: type, names: tuple[str, ...] = ()) -> WithJsonSchema:
    """Return the form of a view of a row: all its fields, or those that the view shows."""
    schema = TypeAdapter(row).json_schema(mode="serialization")
    told = {
        name: {key: value for key, value in form.items() if key not in {"default", "title"}}
        for name, form in schema["properties"].items()
        if not names or name in names
    }
    return WithJsonSchema(
        {
            "type": "object",
            "properties": told,
            "required": sorted(told),
            "additionalProperties": False,
        },
        mode="serialization",
    )


ParkedJson = Annotated[dict[str, Any], _shape_of(ParkedReading, PARKED)]
GroupJson = Annotated[dict[str, Any], _shape_of(ParkedGroup)]
ObjectJson = Annotated[dict[str, Any], _shape_of(StoredObject, OBJECT)]
ActJson = Annotated[dict[str, Any], _shape_of(Act)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Refused(_Answer):
    """Why not, in a line that quotes nothing of what was sent."""

    error: str


class Nothing(_Answer):
    """What somebody without a token is told."""


class Sent(_Answer):
    """How many deliveries were asked for and sent, and which could not be.

    The last four are there where it was waited for: of how many nothing is parked any more, of how many
    something is, in which groups, and which were not translated in time.
    """

    asked: int
    sent: int
    missing: list[str]
    not_opened: list[str]
    resolved: int | None = None
    still_parked: int | None = None
    still: list[GroupJson] | None = None
    not_taken: list[str] | None = None


class Replayed(Sent):
    """The same, and which of the deliveries that were named have nothing parked."""

    not_parked: list[str]


class Discarded(_Answer):
    """How many parked readings were taken off the list."""

    discarded: int


class Polled(_Answer):
    """The object before and after its provider was asked, and whether it changed."""

    source: str
    provider_ref: str
    before: ObjectJson | None
    after: ObjectJson | None
    folded: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status that says no, and what it is for."""

    status: int
    why: str
    headers: tuple[str, ...] = ()


UNUSABLE: Final = Refusal(400, "The request cannot be used.")
NO_TOKEN: Final = Refusal(401, "No token, or an unknown one.", ("WWW-Authenticate",))
MISSING: Final = Refusal(404, "There is no such thing here.")
NOT_ALLOWED: Final = Refusal(405, "Another method.", ("Allow",))
NOT_POSSIBLE: Final = Refusal(409, "It cannot be done.")
TOO_LARGE: Final = Refusal(413, "The body is too large.")
BUG: Final = Refusal(500, "A fault of ours.")
NOT_NOW: Final = Refusal(503, "It cannot be done now.")
