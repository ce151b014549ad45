"""Makes what checks requests out of what the sources file says."""

from __future__ import annotations

from typing import assert_never

from libs.domain.lifecycle import Authority
from libs.runtime.authentication import kinds
from libs.runtime.authentication.kinds import Authentication
from libs.runtime.configuration import ConfigurationError
from services.ingress.authentication.addresses import IpAllowListRule
from services.ingress.authentication.composed import AllOfRule, AnyOfRule
from services.ingress.authentication.jws import JwsDetachedRule
from services.ingress.authentication.signatures import HmacRule, StandardWebhooksRule
from services.ingress.authentication.tokens import (
    BasicRule,
    BearerRule,
    BodyFieldRule,
    HeaderTokenRule,
    QueryTokenRule,
)
from services.ingress.authentication.verdict import Attempt, Authenticator, Rule, Verdict


class OpenDoor(Rule):
    """Nobody is asked; what is said here is unsigned."""

    __slots__ = ()
    rule = "none"

    def judge(self, attempt: Attempt) -> Verdict:  # noqa: ARG002  # nothing to look at
        return _OPEN


_OPEN = Verdict("none", Authority.UNSIGNED)


def authenticator_of(authentication: Authentication, key: str = "authentication") -> Authenticator:
    """Make the rule of a source.

    Raises `ConfigurationError`, under `key`, for a secret or a certificate that is not written as it
    should be; nothing of it is quoted.
    """
    try:
        return _rule(authentication, key)
    except ValueError as error:
        raise ConfigurationError(key, str(error)) from None


def _rule(authentication: Authentication, key: str) -> Authenticator:  # noqa: PLR0911, PLR0912, C901 - one each
    match authentication:
        case kinds.QueryToken():
            return QueryTokenRule(authentication)
        case kinds.HeaderToken():
            return HeaderTokenRule(authentication)
        case kinds.BodyField():
            return BodyFieldRule(authentication)
        case kinds.Basic():
            return BasicRule(authentication)
        case kinds.Bearer():
            return BearerRule(authentication)
        case kinds.Hmac():
            return HmacRule(authentication)
        case kinds.StandardWebhooks():
            return StandardWebhooksRule(authentication)
        case kinds.JwsDetached():
            return JwsDetachedRule(authentication)
        case kinds.IpAllowList():
            return IpAllowListRule(authentication)
        case kinds.NoAuthentication():
            return OpenDoor()
        case kinds.AllOf(of):
            return AllOfRule(
                [authenticator_of(part, f"{key}.of[{n}]") for n, part in enumerate(of)]
            )
        case kinds.AnyOf(of):
            return AnyOfRule(
                [authenticator_of(part, f"{key}.of[{n}]") for n, part in enumerate(of)]
            )
        case _:
            assert_never(authentication)
