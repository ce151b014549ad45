"""What a request brings to prove who sent it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from multidict import CIMultiDictProxy, MultiMapping

from libs.contracts.notice import AuthFailure
from libs.domain.frozen import unguarded
from libs.domain.lifecycle import Authority
from libs.providers.reading import Json

Address = IPv4Address | IPv6Address


@unguarded
@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request, as far as it has been read.

    `body` has the exact bytes, `document` what they say as a JSON object ({} where nobody asked for
    it). `address` is the sender's, behind trusted proxies too. `at` None: now.
    """

    headers: CIMultiDictProxy[str]
    query: MultiMapping[str]
    body: bytes = b""
    document: Mapping[str, Json] = field(default_factory=dict)
    address: Address | None = None
    at: datetime | None = None

    def time(self) -> datetime:
        """Return when it was made."""
        return self.at or datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule says: an authority, or why there is none in a few fixed words.

    `forged` says that a signature was shown and is false: no other rule makes up for that.
    """

    rule: str
    authority: Authority | None = None
    failure: AuthFailure | None = None
    why: str = ""
    forged: bool = False


class Authenticator(Protocol):
    """Checks attempts for one source. Nothing is raised, whatever was sent."""

    @property
    def rule(self) -> str:
        """The kind, as the sources file names it."""

    @property
    def needs_body(self) -> bool:
        """Whether the body must be read before anything can be said."""

    @property
    def needs_document(self) -> bool:
        """Whether the body must be read as a JSON object."""

    @property
    def carrier_headers(self) -> frozenset[str]:
        """The headers that hold a credential, in lower case: they must not travel on."""

    @property
    def signature_headers(self) -> frozenset[str]:
        """The headers that hold a signature, in lower case: they travel on, as evidence."""

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The body fields that hold a credential: their values must not travel on."""

    def judge(self, attempt: Attempt) -> Verdict:
        """Say what the attempt proves."""


class Rule:
    """What most kinds have in common: they look at the head alone, and nothing of it is theirs."""

    __slots__ = ()
    rule = ""
    needs_body = False
    needs_document = False
    carrier_headers: frozenset[str] = frozenset()
    signature_headers: frozenset[str] = frozenset()
    secret_fields: tuple[str, ...] = ()
