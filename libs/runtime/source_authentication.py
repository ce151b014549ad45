"""How a source knows its sender: as written in the sources file, and with its secrets read.

A kind is a `Written…` model, which names its keys, and the frozen dataclass that it becomes.
Adding one adds the two and a line in `WrittenAuthentication`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from libs.runtime.secret_references import check_reference

Secrets = tuple[SecretStr, ...]
# Reads the references of one list, given the list's name: `secrets`.
Read = Callable[[str, tuple[str, ...]], Secrets]

# RFC 9110, section 5.1: a field name is a token.
_FIELD_NAME: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"


@dataclass(frozen=True, slots=True)
class BodyField:
    """A secret in a top-level field of the JSON body, compared without regard to ASCII case."""

    field: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class QueryToken:
    """A secret in a parameter of the URL's query."""

    parameter: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class HeaderToken:
    """A secret in a request header."""

    header: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class NoAuthentication:
    """Everybody may send; what they say is `unsigned`."""


Authentication = BodyField | QueryToken | HeaderToken | NoAuthentication


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


Reference = Annotated[str, AfterValidator(check_reference)]
References = Annotated[tuple[Reference, ...], Field(min_length=1, strict=False)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class WrittenBodyField(_Written):
    """`{ kind = "body_field", field = "SecretKey", secrets = ["env:NAME"] }`."""

    kind: Literal["body_field"]
    field: Name
    secrets: References

    def resolve(self, read: Read) -> Authentication:
        return BodyField(self.field, read("secrets", self.secrets))


class WrittenQueryToken(_Written):
    """`{ kind = "query_token", parameter = "token", secrets = ["file:PATH"] }`."""

    kind: Literal["query_token"]
    parameter: Name
    secrets: References

    def resolve(self, read: Read) -> Authentication:
        return QueryToken(self.parameter, read("secrets", self.secrets))


class WrittenHeaderToken(_Written):
    """`{ kind = "header_token", header = "X-Token", secrets = ["literal:VALUE"] }`."""

    kind: Literal["header_token"]
    header: Annotated[str, StringConstraints(pattern=_FIELD_NAME, max_length=200)]
    secrets: References

    def resolve(self, read: Read) -> Authentication:
        return HeaderToken(self.header, read("secrets", self.secrets))


class WrittenNone(_Written):
    """`{ kind = "none" }`: must be written out."""

    kind: Literal["none"]

    def resolve(self, _read: Read) -> Authentication:
        return NoAuthentication()


WrittenAuthentication = Annotated[
    WrittenBodyField | WrittenQueryToken | WrittenHeaderToken | WrittenNone,
    Field(discriminator="kind"),
]
KINDS: Final = frozenset({"body_field", "query_token", "header_token", "none"})
