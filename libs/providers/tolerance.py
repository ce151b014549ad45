"""A stranger's JSON object into a pydantic model, without losing news to a broken side field.

`null`, a blank string and an absent field are one thing: not told. A field that cannot be read is
left out and named in `Partial.broken`; the provider's mapping decides which of those a payment can
do without (a date) and which not (an identity, an amount).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, StringConstraints, ValidationError

from libs.contracts.readings import shown
from libs.domain.frozen import unguarded
from libs.providers.reading import Json

Model = TypeVar("Model", bound=BaseModel)

# RFC 3339 with a zone; a time without one would have to be guessed.
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
# The zero times of common languages (year 1, 1900, 1970) mean "none".
_FIRST_YEAR: Final = 2000
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _instant(value: object) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(text := value.strip()):
        raise ValueError("not an RFC 3339 time with a zone")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("no such time") from None
    if moment.year < _FIRST_YEAR:
        raise ValueError("a zero time")
    return moment


# An aware UTC time, read from `2025-02-25T12:44:56Z`, with or without a fraction or an offset.
Instant = Annotated[datetime, BeforeValidator(_instant)]
# A short word, trimmed.
Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64)]
# A merchant's own text, exactly as it came; the bound keeps it fit for an index.
Reference = Annotated[str, StringConstraints(max_length=512)]


@unguarded
@dataclass(frozen=True, slots=True)
class Partial(Generic[Model]):
    """What could be read; `value` is None where a required field is missing or broken."""

    value: Model | None
    broken: tuple[str, ...]


def told(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return the fields that say anything: neither null nor blank."""
    return {
        name: value
        for name, value in body.items()
        if value is not None and not (isinstance(value, str) and not value.strip())
    }


def read_partial(model: type[Model], body: Mapping[str, Json]) -> Partial[Model]:
    """Validate `body`, leaving out the fields that do not pass; never raises."""
    rest = dict(body)
    broken: set[str] = set()
    while True:
        try:
            return Partial(model.model_validate(rest), tuple(sorted(broken)))
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False, include_input=False)
            found = {str(each["loc"][0]) for each in faults if each["loc"]} & rest.keys()
        if not found:  # only absences are left
            return Partial(None, tuple(sorted(broken)))
        broken |= found
        rest = {name: value for name, value in rest.items() if name not in found}


def key_part(text: str) -> str:
    """Return text as it may stand in an observation key: itself if plain, else its digest."""
    return text if _PLAIN.fullmatch(text) else digest(text)


def digest(secret: str | bytes) -> str:
    """Return the first 32 hex digits of the SHA-256, for what a key must tell apart unshown."""
    raw = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:32]


def blamed(value: object) -> str | None:
    """Render the value of `Unknown.value`: a scalar; of what may hold anything, only its type."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return shown(str(value).strip())
