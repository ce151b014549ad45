"""What is wrong with a request before it is sent: all of it, by place, and never with the value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import ValidationError

from libs.providers.payu.discreet import Discreet

Model = TypeVar("Model", bound=Discreet)

_MISSING: Final = "is missing"
_WORDS: Final = {
    "missing": _MISSING,
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be a list",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `place` as `transfers[2].bankAccount.documentNumber`.

    A `doubt` is not against a documented rule: a table of ours does not have the value. It may be
    overridden.
    """

    place: str
    what: str
    doubt: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what


class NotValidError(ValueError):
    """A request that is not sent, with everything that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field has to be, where it is told; `what` says so to whoever wrote it."""

    field: str
    holds: Callable[[str], bool]
    what: str
    doubt: bool = False


def taken(model: type[Model], told: object, place: str) -> Model | list[Finding]:
    """Read a JSON object, or say what of it has the wrong type or is missing."""
    try:
        return model.model_validate(told)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=True)
    return [Finding(_place(place, each["loc"]), _words(each)) for each in found]


def broken(rules: Sequence[Rule], model: Discreet, place: str) -> Iterator[Finding]:
    """Give the rules that do not hold; a field that is not told breaks none."""
    told = model.model_dump(by_alias=True, exclude_none=True)
    for rule in rules:
        value = told.get(rule.field)
        if value is not None and not rule.holds(str(value)):
            yield Finding(_within(place, rule.field), rule.what, rule.doubt)


def missing(fields: Sequence[str], model: Discreet, place: str) -> Iterator[Finding]:
    """Give the fields that are not told, or empty."""
    told = model.model_dump(by_alias=True, exclude_none=True)
    for name in fields:
        if told.get(name, "") == "":
            yield Finding(_within(place, name), _MISSING)


def not_own(model: Discreet, own: Mapping[str, str], place: str) -> Iterator[Finding]:
    """Give the numbers that are told and are not the account's own, documented there or not."""
    told = model.model_dump(by_alias=True, exclude_none=True)
    for name, mine in own.items():
        value = told.get(name)
        if value is not None and str(value).strip().lstrip("0") != mine.lstrip("0"):
            yield Finding(_within(place, name), "is not that of this account")


def undocumented(model: Discreet, place: str) -> Iterator[Finding]:
    """Give the fields that no document names: a slip of the pen, or newer than we are."""
    for name in model.undocumented:
        known = name if name.isidentifier() and len(name) <= 40 else "a field"
        yield Finding(_within(place, known), "is not a documented field", doubt=True)


def _place(place: str, loc: Sequence[str | int]) -> str:
    for part in loc:
        place = f"{place}[{part}]" if isinstance(part, int) else _within(place, part)
    return place


def _within(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field


def _words(error: object) -> str:
    assert isinstance(error, dict)  # noqa: S101 - pydantic's ErrorDetails
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    return _WORDS.get(error["type"], "has the wrong type")
