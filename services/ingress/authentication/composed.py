"""Several rules for one source: all of them, or any of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import AUTHORITY_RANK, Authority
from services.ingress.authentication.verdict import Attempt, Authenticator, Rule, Verdict

# Of several failures, the one that says most about what an operator has to do.
_TELLING: Final = (
    AuthFailure.WRONG,
    AuthFailure.STALE,
    AuthFailure.REPEATED,
    AuthFailure.ADDRESS,
    AuthFailure.MISSING,
)


class _Composed(Rule):
    __slots__ = (
        "carrier_headers",
        "needs_body",
        "needs_document",
        "of",
        "secret_fields",
        "signature_headers",
    )

    def __init__(self, of: Sequence[Authenticator]) -> None:
        self.of = tuple(of)
        self.needs_body = any(part.needs_body for part in of)
        self.needs_document = any(part.needs_document for part in of)
        self.carrier_headers = frozenset[str]().union(*(part.carrier_headers for part in of))
        self.signature_headers = frozenset[str]().union(*(part.signature_headers for part in of))
        self.secret_fields = tuple(name for part in of for name in part.secret_fields)


class AllOfRule(_Composed):
    """Every part must hold. Each is asked, so that the time does not tell which did not."""

    __slots__ = ()
    rule = "all_of"

    def judge(self, attempt: Attempt) -> Verdict:
        told = [part.judge(attempt) for part in self.of]
        failed = [verdict for verdict in told if verdict.authority is None]
        return _worst(failed) if failed else Verdict(self.rule, _best(told))


class AnyOfRule(_Composed):
    """One part must hold, and no signature that is there may be false."""

    __slots__ = ()
    rule = "any_of"

    def judge(self, attempt: Attempt) -> Verdict:
        told = [part.judge(attempt) for part in self.of]
        forged = [verdict for verdict in told if verdict.forged]
        held = [verdict for verdict in told if verdict.authority is not None]
        if forged or not held:
            return _worst(forged or told)
        return Verdict(self.rule, _best(held))


def _best(told: Sequence[Verdict]) -> Authority:
    held = [verdict.authority for verdict in told if verdict.authority is not None]
    return max(held, key=AUTHORITY_RANK.__getitem__)


def _worst(failed: Sequence[Verdict]) -> Verdict:
    """Return the verdict that is told; a forged one stays one, also of a rule within a rule."""
    return min(
        failed, key=lambda one: (not one.forged, _TELLING.index(one.failure or AuthFailure.MISSING))
    )
