"""The kinds of authentication as the sources file names their keys."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WrapValidator,
)

from libs.runtime.authentication import kinds
from libs.runtime.authentication.kinds import (
    TOLERANCE,
    Algorithm,
    Authentication,
    Encoding,
    JwsAlgorithm,
)
from libs.runtime.authentication.secrets import Read, WrittenSecrets

# RFC 9110, section 5.1: a field name is a token.
_FIELD_NAME: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Header = Annotated[str, StringConstraints(pattern=_FIELD_NAME, max_length=200)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class WrittenBodyField(_Written):
    """`{ kind = "body_field", field = "SecretKey", secrets = ["env:NAME"] }`."""

    kind: Literal["body_field"]
    field: Name
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.BodyField(self.field, read(f"{at}secrets", self.secrets))


class WrittenQueryToken(_Written):
    """`{ kind = "query_token", parameter = "token", secrets = ["file:PATH"] }`."""

    kind: Literal["query_token"]
    parameter: Name
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.QueryToken(self.parameter, read(f"{at}secrets", self.secrets))


class WrittenHeaderToken(_Written):
    """`{ kind = "header_token", header = "X-Token", secrets = ["literal:VALUE"] }`."""

    kind: Literal["header_token"]
    header: Header
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.HeaderToken(self.header, read(f"{at}secrets", self.secrets))


class WrittenBasic(_Written):
    """`{ kind = "basic", username = "caudal", secrets = ["env:PASSWORD"] }`."""

    kind: Literal["basic"]
    username: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f\x7f]*$", max_length=200)]
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.Basic(self.username, read(f"{at}secrets", self.secrets))


class WrittenBearer(_Written):
    """`{ kind = "bearer", secrets = ["env:NAME"] }`."""

    kind: Literal["bearer"]
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.Bearer(read(f"{at}secrets", self.secrets))


def _seconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number of seconds")  # noqa: TRY004 - as pydantic has it
    return timedelta(seconds=value)


Tolerance = Annotated[
    timedelta,
    BeforeValidator(_seconds),
    Field(ge=timedelta(seconds=1), le=timedelta(days=1), strict=False),
]


class WrittenSignedTime(_Written):
    """`{ header = "X-Timestamp", tolerance = 300 }`, in seconds."""

    header: Header
    tolerance: Tolerance = TOLERANCE


Words = Annotated[str, StringConstraints(max_length=64)]


def _of_a_signature(encoding: Encoding) -> Encoding:
    if encoding is Encoding.TEXT:
        raise ValueError("must be hex, base64 or base64url")
    return encoding


class WrittenHmac(_Written):
    """`{ kind = "hmac", header = "X-Signature", algorithm = "sha256", encoding = "hex", … }`."""

    kind: Literal["hmac"]
    header: Header
    secrets: WrittenSecrets
    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.SHA256
    encoding: Annotated[Encoding, Field(strict=False), AfterValidator(_of_a_signature)] = (
        Encoding.HEX
    )
    prefix: Words = ""
    key_encoding: Annotated[Encoding, Field(strict=False)] = Encoding.TEXT
    timestamp: WrittenSignedTime | None = None
    separator: Words = "."

    def resolve(self, read: Read, at: str = "") -> Authentication:
        told = self.timestamp
        return kinds.Hmac(
            header=self.header,
            secrets=read(f"{at}secrets", self.secrets),
            algorithm=self.algorithm,
            encoding=self.encoding,
            prefix=self.prefix,
            key_encoding=self.key_encoding,
            timestamp=None if told is None else kinds.SignedTime(told.header, told.tolerance),
            separator=self.separator,
        )


class WrittenStandardWebhooks(_Written):
    """`{ kind = "standard_webhooks", secrets = ["env:NAME"] }`, each `whsec_…`."""

    kind: Literal["standard_webhooks"]
    secrets: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.StandardWebhooks(read(f"{at}secrets", self.secrets))


class WrittenJwsDetached(_Written):
    """`{ kind = "jws_detached", header = "…", algorithms = ["PS256"], certificates = ["file:PATH"] }`."""

    kind: Literal["jws_detached"]
    header: Header
    algorithms: Annotated[
        tuple[Annotated[JwsAlgorithm, Field(strict=False)], ...], Field(min_length=1, strict=False)
    ] = (JwsAlgorithm.PS256,)
    certificates: WrittenSecrets

    def resolve(self, read: Read, at: str = "") -> Authentication:
        found = read(f"{at}certificates", self.certificates)
        return kinds.JwsDetached(self.header, self.algorithms, found)


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value) if isinstance(value, str) else ip_network("")
    except ValueError:
        raise ValueError("must be an address or a network (192.0.2.0/24, 2001:db8::/32)") from None


Networks = Annotated[
    tuple[
        Annotated[IPv4Network | IPv6Network, WrapValidator(lambda value, _: _network(value))], ...
    ],
    Field(min_length=1, strict=False),
]


class WrittenIpAllowList(_Written):
    """`{ kind = "ip_allow_list", networks = ["192.0.2.0/24"] }`."""

    kind: Literal["ip_allow_list"]
    networks: Networks

    def resolve(self, _read: Read, _at: str = "") -> Authentication:
        return kinds.IpAllowList(self.networks)


class WrittenNone(_Written):
    """`{ kind = "none" }`: must be written out."""

    kind: Literal["none"]

    def resolve(self, _read: Read, _at: str = "") -> Authentication:
        return kinds.NoAuthentication()


class WrittenAllOf(_Written):
    """`{ kind = "all_of", of = [{ kind = … }, { kind = … }] }`."""

    kind: Literal["all_of"]
    of: WrittenParts

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.AllOf(_resolved(self.of, read, at))


class WrittenAnyOf(_Written):
    """`{ kind = "any_of", of = [{ kind = … }, { kind = … }] }`."""

    kind: Literal["any_of"]
    of: WrittenParts

    def resolve(self, read: Read, at: str = "") -> Authentication:
        return kinds.AnyOf(_resolved(self.of, read, at))


WrittenAuthentication = Annotated[
    WrittenBodyField
    | WrittenQueryToken
    | WrittenHeaderToken
    | WrittenBasic
    | WrittenBearer
    | WrittenHmac
    | WrittenStandardWebhooks
    | WrittenJwsDetached
    | WrittenIpAllowList
    | WrittenNone
    | WrittenAllOf
    | WrittenAnyOf,
    Field(discriminator="kind"),
]
DEPTH: Final = 4  # of `of` within `of`


def _not_too_deep(parts: tuple[WrittenAuthentication, ...]) -> tuple[WrittenAuthentication, ...]:
    if _depth(parts) > DEPTH:
        raise ValueError(f"must not stand in each other more than {DEPTH} deep")
    return parts


def _depth(parts: tuple[WrittenAuthentication, ...]) -> int:
    inner = [part.of for part in parts if isinstance(part, WrittenAllOf | WrittenAnyOf)]
    return 1 + max(map(_depth, inner), default=0)


WrittenParts = Annotated[
    tuple[WrittenAuthentication, ...],
    Field(min_length=2, max_length=8, strict=False),
    AfterValidator(_not_too_deep),
]
WrittenAllOf.model_rebuild()
WrittenAnyOf.model_rebuild()


def _resolved(
    parts: tuple[WrittenAuthentication, ...], read: Read, at: str
) -> tuple[Authentication, ...]:
    return tuple(part.resolve(read, f"{at}of[{n}].") for n, part in enumerate(parts))


KINDS: Final = frozenset(
    {
        "body_field",
        "query_token",
        "header_token",
        "basic",
        "bearer",
        "hmac",
        "standard_webhooks",
        "jws_detached",
        "ip_allow_list",
        "none",
        "all_of",
        "any_of",
    }
)
