"""Asks a source's rules about one request that was given, or about a delivery that is on file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from libs.contracts.delivery import Delivery
from libs.contracts.notice import AuthFailure
from libs.providers.reading import NotReadableError, read_object
from libs.runtime.sources import Source
from services.ingress.authentication.build import authenticator_of
from services.ingress.authentication.composed import AllOfRule, AnyOfRule
from services.ingress.authentication.verdict import Address, Attempt, Authenticator, Verdict

# The kinds whose credential was taken out of a delivery before it was filed.
_TAKEN_OUT: Final = frozenset({"body_field", "query_token", "header_token", "basic", "bearer"})


class NotARequestError(ValueError):
    """What was given is no HTTP request; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says. `checkable` False: what it would look at is not there any more."""

    path: str
    rule: str
    verdict: Verdict
    checkable: bool = True

    @property
    def holds(self) -> bool | None:
        return None if not self.checkable else self.verdict.authority is not None

    def as_json(self) -> dict[str, Any]:
        """Return it for a program; no value of the request is in it."""
        verdict, checkable = self.verdict, self.checkable
        return {
            "path": self.path,
            "rule": self.rule,
            "holds": self.holds,
            "authority": verdict.authority.value if verdict.authority and checkable else None,
            "failure": verdict.failure.value if verdict.failure and checkable else None,
            "why": self.why,
        }

    @property
    def why(self) -> str:
        if not self.checkable:
            return "taken out when it was received; cannot be checked any more"
        return self.verdict.why


@dataclass(frozen=True, slots=True)
class Given:
    """A request as a person kept it."""

    target: str
    headers: CIMultiDictProxy[str]
    body: bytes


def given(raw: bytes) -> Given:
    r"""Read an HTTP/1.1 request: request line, headers, empty line, the body's exact bytes.

    Line ends of the head may be \n alone, as editors write them. Raises `NotARequestError`.
    """
    ends = [(raw.find(end), end) for end in (b"\r\n\r\n", b"\n\n") if end in raw]
    if not ends:
        raise NotARequestError("no empty line between head and body")
    at, end = min(ends)
    first, *lines = raw[:at].decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[0] != "POST" or not parts[2].startswith("HTTP/"):
        raise NotARequestError("does not begin with POST, a path and HTTP/1.1")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise NotARequestError("a header is not written as Name: value")
        headers.add(name, value.strip())
    return Given(parts[1], CIMultiDictProxy(headers), raw[at + len(end) :])


def check_given(
    source: Source, request: Given, *, address: Address | None = None, at: datetime | None = None
) -> list[Finding]:
    """Ask every rule of a source about a request; the first finding is the whole one's."""
    query = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
    attempt = Attempt(
        headers=request.headers,
        query=MultiDict(query),
        body=request.body,
        document=_document(request.body),
        address=address,
        at=at,
    )
    return list(_asked(_rule_of(source), attempt, "authentication"))


def check_on_file(
    source: Source, delivery: Delivery, *, at: datetime | None = None
) -> list[Finding]:
    """Ask about a delivery that is on file, as of its receipt.

    Tokens were taken out of it and addresses are not kept; a signature can be checked, unless
    something was taken out of the body that it covers.
    """
    attempt = Attempt(
        headers=CIMultiDictProxy(CIMultiDict(delivery.headers)),
        query=MultiDict(),
        body=delivery.body,
        document=_document(delivery.body),
        at=at or delivery.received_at,
    )
    found = list(_asked(_rule_of(source), attempt, "authentication"))
    gone = any(map(_looks_for_what_is_gone, found))
    return [
        replace(one, checkable=False)
        if _looks_for_what_is_gone(one) or (gone and _composed(one) and not one.verdict.forged)
        else one
        for one in found
    ]


def _looks_for_what_is_gone(finding: Finding) -> bool:
    verdict = finding.verdict
    return finding.rule in _TAKEN_OUT or (
        finding.rule == "ip_allow_list" and verdict.failure is AuthFailure.ADDRESS
    )


def _composed(finding: Finding) -> bool:
    return finding.rule in {"all_of", "any_of"} and finding.verdict.authority is None


def let_in(findings: Sequence[Finding]) -> bool | None:
    """Tell whether it would be let in; None where that cannot be said any more."""
    whole, *parts = findings
    if whole.verdict.authority is not None and whole.checkable:
        return True
    if any(finding.verdict.forged for finding in findings if finding.checkable):
        return False
    return None if any(not finding.checkable for finding in (whole, *parts)) else False


def _rule_of(source: Source) -> Authenticator:
    return authenticator_of(source.authentication, f"sources.{source.slug}.authentication")


def _asked(rule: Authenticator, attempt: Attempt, path: str) -> Iterator[Finding]:
    yield Finding(path, rule.rule, rule.judge(attempt))
    if isinstance(rule, AllOfRule | AnyOfRule):
        for number, part in enumerate(rule.of):
            yield from _asked(part, attempt, f"{path}.of[{number}]")


def _document(body: bytes) -> dict[str, Any]:
    try:
        return read_object(body)
    except NotReadableError:
        return {}
