"""The kinds of authentication, ready to be checked by: what each takes, and the authority it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from libs.runtime.authentication.secrets import Secret, Secrets

TOLERANCE: Final = timedelta(
    minutes=5
)  # of a signed time, as the Standard Webhooks specification has it


class Algorithm(StrEnum):
    """Of an HMAC."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class Encoding(StrEnum):
    """How a signature, or a key, is written as text."""

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"
    TEXT = "text"  # a key alone: its bytes as they stand


class JwsAlgorithm(StrEnum):
    """Of a detached JWS (RFC 7518, section 3.1)."""

    PS256 = "PS256"
    RS256 = "RS256"
    ES256 = "ES256"


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
class Basic:
    """A user and a password (RFC 7617)."""

    username: str
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token in `Authorization: Bearer` (RFC 6750)."""

    secrets: Secrets


@dataclass(frozen=True, slots=True)
class SignedTime:
    """A time that is signed with the body: in its header, as seconds since 1970."""

    header: str
    tolerance: timedelta = TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """A keyed hash of the body's exact bytes, or of a time, `separator` and the body."""

    header: str
    secrets: Secrets
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    key_encoding: Encoding = Encoding.TEXT
    timestamp: SignedTime | None = None
    separator: str = "."


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""

    secrets: Secrets


@dataclass(frozen=True, slots=True)
class JwsDetached:
    """A JWS with detached content (RFC 7515, appendix F), whose certificate is one of ours.

    `certificates` are PEM; each may hold several. A certificate counts within its own validity.
    """

    header: str
    algorithms: tuple[JwsAlgorithm, ...]
    certificates: Secrets


@dataclass(frozen=True, slots=True)
class IpAllowList:
    """A sender's address in one of these networks. It proves no more than that: `unsigned`."""

    networks: tuple[IPv4Network | IPv6Network, ...]


@dataclass(frozen=True, slots=True)
class NoAuthentication:
    """Everybody may send; what they say is `unsigned`."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of these; the best authority among them counts."""

    of: tuple[Authentication, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these; of those that hold the best authority counts. A false signature is none."""

    of: tuple[Authentication, ...]


Token = BodyField | QueryToken | HeaderToken | Basic | Bearer
Signature = Hmac | StandardWebhooks | JwsDetached
Authentication = Token | Signature | IpAllowList | NoAuthentication | AllOf | AnyOf


def parts(authentication: Authentication) -> Iterator[Authentication]:
    """Give every kind that an authentication is made of, itself first."""
    yield authentication
    if isinstance(authentication, AllOf | AnyOf):
        for part in authentication.of:
            yield from parts(part)


def secrets_of(authentication: Authentication) -> tuple[Secret, ...]:
    """Return every secret that opens something; a certificate is none."""
    found: list[Secret] = []
    for part in parts(authentication):
        if isinstance(part, Token | Hmac | StandardWebhooks):
            found.extend(part.secrets)
    return tuple(found)


def can_hold(authentication: Authentication) -> bool:
    """Whether anybody at all can be let in: where all secrets are empty, nobody can."""
    match authentication:
        case AllOf(of):
            return all(can_hold(part) for part in of)
        case AnyOf(of):
            return any(can_hold(part) for part in of)
        case NoAuthentication():
            return True
        case IpAllowList(networks):
            return bool(networks)
        case JwsDetached():
            return bool(authentication.certificates)
        case _:
            return bool(authentication.secrets)


def open_to_all(authentication: Authentication) -> bool:
    """Whether a sender needs to prove nothing at all."""
    match authentication:
        case NoAuthentication():
            return True
        case AllOf(of):
            return all(open_to_all(part) for part in of)
        case AnyOf(of):
            return any(open_to_all(part) for part in of)
        case _:
            return False
