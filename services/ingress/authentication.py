"""Who sent it: one small class per kind of authentication in the sources file.

Every secret of a source is compared, in constant time and without stopping at the first match, so
that the time tells neither how much was right nor which secret it was.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from multidict import CIMultiDictProxy, MultiMapping

from libs.contracts.notice import AuthFailure
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority
from libs.providers.reading import Json
from libs.runtime.source_authentication import (
    Authentication,
    BodyField,
    HeaderToken,
    NoAuthentication,
    QueryToken,
    Secrets,
)


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a request brings to prove who sent it. `document` is {} until the body was read."""

    headers: CIMultiDictProxy[str]
    query: MultiMapping[str]
    document: Mapping[str, Json] = field(default_factory=dict)


class Authenticator(Protocol):
    """Checks attempts for one source."""

    @property
    def needs_document(self) -> bool:
        """Whether the body must be read, as a JSON object, before anything can be said."""

    @property
    def carrier_header(self) -> str | None:
        """The header that holds the credential, in lower case: it must not travel on."""

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The body fields that hold the credential: their values must not travel on."""

    def verify(self, attempt: Attempt) -> Authority | None:
        """Return the authority that the attempt has earned, or None for nobody we know."""

    def failure(self, attempt: Attempt) -> AuthFailure:
        """Say what was wrong with an attempt that earned nothing."""


@dataclass(frozen=True, slots=True)
class QueryTokenAuthenticator:
    """A secret in exactly one parameter of that name."""

    parameter: str
    secrets: tuple[bytes, ...] = field(repr=False)
    needs_document: bool = False
    carrier_header: str | None = None
    secret_fields: tuple[str, ...] = ()

    def verify(self, attempt: Attempt) -> Authority | None:
        return _verdict(_encoded(attempt.query.getall(self.parameter, [])), self.secrets)

    def failure(self, attempt: Attempt) -> AuthFailure:
        return _failure(attempt.query.getall(self.parameter, []))


@dataclass(frozen=True, slots=True)
class HeaderTokenAuthenticator:
    """A secret in exactly one header of that name."""

    header: str
    secrets: tuple[bytes, ...] = field(repr=False)
    needs_document: bool = False
    secret_fields: tuple[str, ...] = ()

    @property
    def carrier_header(self) -> str:
        return self.header.lower()

    def verify(self, attempt: Attempt) -> Authority | None:
        return _verdict(_encoded(attempt.headers.getall(self.header, [])), self.secrets)

    def failure(self, attempt: Attempt) -> AuthFailure:
        return _failure(attempt.headers.getall(self.header, []))


@dataclass(frozen=True, slots=True)
class BodyFieldAuthenticator:
    """A secret in a top-level field of the JSON body, whatever the case of its ASCII letters.

    Safe2Pay compares without regard to case, as its own WooCommerce plugin does.
    """

    name: str
    secrets: tuple[bytes, ...] = field(repr=False)
    needs_document: bool = True
    carrier_header: str | None = None
    _lowered: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lowered", tuple(secret.lower() for secret in self.secrets))

    @property
    def secret_fields(self) -> tuple[str, ...]:
        return (self.name,)

    def verify(self, attempt: Attempt) -> Authority | None:
        value = attempt.document.get(self.name)
        presented = [value.encode().lower()] if isinstance(value, str) else []
        return _verdict(presented, self._lowered)

    def failure(self, attempt: Attempt) -> AuthFailure:
        return _failure([attempt.document.get(self.name)])


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """Nobody is asked; what is said here is unsigned."""

    needs_document: bool = False
    carrier_header: str | None = None
    secret_fields: tuple[str, ...] = ()

    def verify(self, attempt: Attempt) -> Authority | None:  # noqa: ARG002  # nothing to look at
        return Authority.UNSIGNED

    def failure(self, attempt: Attempt) -> AuthFailure:  # noqa: ARG002  # it lets everybody in
        return AuthFailure.MISSING


def authenticator_of(authentication: Authentication) -> Authenticator:
    """Make what checks requests out of what the sources file says."""
    match authentication:
        case QueryToken(parameter, secrets):
            return QueryTokenAuthenticator(parameter, _bytes(secrets))
        case HeaderToken(header, secrets):
            return HeaderTokenAuthenticator(header, _bytes(secrets))
        case BodyField(name, secrets):
            return BodyFieldAuthenticator(name, _bytes(secrets))
        case NoAuthentication():
            return OpenDoor()
        case _:
            assert_never(authentication)


def _bytes(secrets: Secrets) -> tuple[bytes, ...]:
    return tuple(secret.get_secret_value().encode() for secret in secrets)


def _verdict(presented: Sequence[bytes], secrets: Iterable[bytes]) -> Authority | None:
    """Compare one presented value with every secret; two values for one name are none."""
    if len(presented) != 1:
        return None
    matches = [hmac.compare_digest(presented[0], secret) for secret in secrets]
    return Authority.SECRET if any(matches) else None


def _failure(presented: Iterable[object]) -> AuthFailure:
    shown = [one for one in presented if one is not None and one != ""]
    if not shown:
        return AuthFailure.MISSING
    return AuthFailure.WRONG if len(shown) == 1 else AuthFailure.REPEATED


def _encoded(texts: Iterable[str]) -> list[bytes]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]
