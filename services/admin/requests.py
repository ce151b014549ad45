"""What an operator may ask for, checked before anything is looked at."""

from __future__ import annotations

import json
import uuid
from typing import Annotated, Final, TypeVar

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from libs.contracts.readings import ParkReason
from libs.store.parked import Choice

LONGEST: Final = 60.0  # seconds that a request may wait for what comes of it
MOST: Final = 1000  # rows that are read at once


class NotUsableError(Exception):
    """A request that cannot be used; the message says why and quotes nothing of it."""


def _storable(text: str) -> str:
    """Refuse what the database cannot keep as text."""
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("must not contain NUL or half a character")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


Word = Annotated[str, Field(max_length=512), AfterValidator(_storable)]
Why = Annotated[str, Field(max_length=2000), AfterValidator(_storable), AfterValidator(_not_blank)]
Wait = Annotated[float, Field(strict=True, ge=0, le=LONGEST, allow_inf_nan=False)]
Limit = Annotated[int, Field(ge=1, le=MOST)]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Nowhere(_Told):
    """Nothing that the path would name."""


class OneObject(_Told):
    """What the path names: a reference of the provider's or the merchant's."""

    ref: Annotated[Word, Field(min_length=1)]


class OneDelivery(_Told):
    """What the path names."""

    id: uuid.UUID


class Objects(_Told):
    """Which of the objects that are called so."""

    source: Word | None = None


class Groups(Objects):
    """Which groups of parked readings."""

    provider: Word | None = None
    reason: ParkReason | None = None


class Listed(Groups):
    """Which parked readings, oldest first."""

    limit: Limit = MOST


class Acts(_Told):
    """Which acts, newest first."""

    who: Word | None = None
    action: Word | None = None
    limit: Limit = MOST


class _Request(_Told):
    why: Why


class Parked(_Request):
    """Which parked readings: deliveries, or filters, or `all`."""

    deliveries: Annotated[list[uuid.UUID], Field(min_length=1, max_length=10_000)] | None = None
    source: Word | None = None
    provider: Word | None = None
    field: Word | None = None
    value: Word | None = None
    reason: ParkReason | None = None
    all: Annotated[bool, Field(strict=True)] = False
    wait: Wait = 0

    def choice(self, *, discarded_too: bool) -> Choice:
        """Return the choice, or raise `NotUsableError` where it is none or two."""
        filters = Choice(
            source=self.source,
            provider=self.provider,
            field=self.field,
            value=self.value,
            reason=None if self.reason is None else self.reason.value,
        )
        if self.deliveries is not None:
            if self.all or not filters.everything:
                raise NotUsableError("deliveries and filters exclude each other")
            ids = sorted({str(each) for each in self.deliveries})
            return Choice(delivery_ids=ids, discarded=None if discarded_too else False)
        if self.all is not filters.everything:
            raise NotUsableError("name deliveries, or filters, or say all (and one of these)")
        return filters


class Again(_Request):
    """One delivery, named in the path."""

    wait: Wait = 0


class Poll(_Request):
    """One object: a reference, and the source where it is not known here or not the only one."""

    ref: Annotated[Word, Field(min_length=1)]
    source: Word | None = None
    wait: Wait = 10


Model = TypeVar("Model", bound=BaseModel)


async def read(request: web.Request, model: type[Model]) -> Model:
    """Read the body as JSON of this form. Raises `NotUsableError` with what is wrong, by field."""
    try:
        told = json.loads(await request.read())
    except web.RequestPayloadError:
        raise NotUsableError("the body broke off") from None
    except (ValueError, RecursionError):
        raise NotUsableError("the body must be JSON") from None
    return checked(told, model)


def queried(request: web.Request, model: type[Model]) -> Model:
    """Read the query in the same way. A name that stands twice is not usable."""
    told = dict(request.query)
    if len(told) != len(request.query):
        raise NotUsableError("the query says something twice")
    return checked(told, model)


def checked(told: object, model: type[Model]) -> Model:
    """Return it in this form. Raises `NotUsableError` with what is wrong, by field."""
    try:
        return model.model_validate(told)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(each) for each in found["loc"]) or "the body"
        raise NotUsableError(f"{where}: {found['msg']}") from None
