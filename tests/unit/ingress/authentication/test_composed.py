"""all_of and any_of, and addresses through proxies."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import AUTHORITY_RANK, Authority
from libs.runtime.authentication import kinds
from services.ingress.authentication.addresses import client_address
from services.ingress.authentication.build import authenticator_of
from services.ingress.authentication.composed import AllOfRule, AnyOfRule
from services.ingress.authentication.verdict import Attempt, Rule, Verdict
from services.simulator.proving import prove
from tests.unit.ingress.authentication.attempts import NOW, attempt, request, secrets

TOKEN = kinds.HeaderToken("X-Token", secrets("token"))
SIGNATURE = kinds.Hmac(header="X-Signature", secrets=secrets("key"))
OFFICE = kinds.IpAllowList((ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))


class Says(Rule):
    rule = "says"

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def judge(self, attempt: Attempt) -> Verdict:
        del attempt
        return self._verdict


_VERDICTS = st.one_of(
    st.sampled_from([Authority.SIGNED, Authority.SECRET, Authority.UNSIGNED]).map(
        lambda authority: Verdict("says", authority)
    ),
    st.builds(
        lambda failure, forged: Verdict("says", None, failure, "no", forged),
        st.sampled_from(list(AuthFailure)[:5]),
        st.booleans(),
    ),
)


@given(told=st.lists(_VERDICTS, min_size=2, max_size=4))
def test_composition_is_what_its_words_say(told: list[Verdict]) -> None:
    of = [Says(verdict) for verdict in told]
    held = [verdict.authority for verdict in told if verdict.authority]
    best = max(held, key=AUTHORITY_RANK.__getitem__, default=None)
    every = AllOfRule(of).judge(attempt(request()))
    assert every.authority is (best if len(held) == len(told) else None)
    some = AnyOfRule(of).judge(attempt(request()))
    forged = any(verdict.forged for verdict in told)
    assert some.authority is (None if forged else best)
    assert forged <= (some.forged and every.forged)


@pytest.mark.parametrize(
    ("signed", "token"), list(product(["right", "false", None], ["right", "false", None]))
)
def test_false_signature_is_never_made_up_for(signed: str | None, token: str | None) -> None:
    """A signature that is there is verified, also where a token would do."""
    shown = request()
    if signed:
        shown = prove(shown, SIGNATURE)
        if signed == "false":
            shown = request(headers={"X-Signature": "00" * 32})
    if token:
        word = "token" if token == "right" else "other"
        shown = prove(shown, kinds.HeaderToken("X-Token", secrets(word)))
    verdict = authenticator_of(kinds.AnyOf((SIGNATURE, TOKEN))).judge(attempt(shown))
    expected = {"right": Authority.SIGNED, "false": None}.get(
        signed or "", Authority.SECRET if token == "right" else None
    )
    assert verdict.authority is expected


def test_optional_signature_beside_an_open_door() -> None:
    rule = authenticator_of(kinds.AnyOf((SIGNATURE, kinds.NoAuthentication())))
    assert rule.judge(attempt(request())).authority is Authority.UNSIGNED
    assert rule.judge(attempt(prove(request(), SIGNATURE))).authority is Authority.SIGNED
    assert rule.judge(attempt(request(headers={"X-Signature": "00"}))).authority is None


def test_address_alone_proves_nothing() -> None:
    rule = authenticator_of(OFFICE)
    assert (
        rule.judge(attempt(request(), address=ip_address("192.0.2.7"))).authority
        is Authority.UNSIGNED
    )
    both = authenticator_of(kinds.AllOf((OFFICE, TOKEN)))
    shown = prove(request(), TOKEN)
    assert both.judge(attempt(shown, address=ip_address("192.0.2.7"))).authority is Authority.SECRET
    for address in (None, ip_address("198.51.100.1"), ip_address("2001:db9::1")):
        verdict = both.judge(attempt(shown, address=address))
        assert (verdict.authority, verdict.failure) == (None, AuthFailure.ADDRESS)


def test_nested_parts_are_all_asked() -> None:
    rule = authenticator_of(kinds.AnyOf((kinds.AllOf((OFFICE, SIGNATURE)), TOKEN)))
    assert rule.needs_body
    assert rule.carrier_headers == {"x-token"}
    assert rule.signature_headers == {"x-signature"}
    assert rule.judge(attempt(prove(request(), TOKEN), at=NOW)).authority is Authority.SECRET
    forged = prove(request(headers={"X-Signature": "00"}), TOKEN)
    assert rule.judge(attempt(forged)).authority is None


TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "told", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["192.0.2.7"], "203.0.113.9"),  # nobody asked that proxy
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["1.1.1.1, 192.0.2.7"], "192.0.2.7"),  # the sender wrote the first
        ("10.0.0.1", ["1.1.1.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["1.1.1.1", "192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["192.0.2.7, rubbish"], None),
        ("10.0.0.1", ["192.0.2.7,"], None),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
        ("fd00::1", ['"[2001:db8::5]:4711"'], "2001:db8::5"),
        ("fd00::1%eth0", ["192.0.2.7:80"], "192.0.2.7"),
        (None, ["192.0.2.7"], None),
    ],
)
def test_chain_is_read_from_the_right(
    peer: str | None, told: list[str], expected: str | None
) -> None:
    headers: CIMultiDict[str] = CIMultiDict()
    for line in told:
        headers.add("X-Forwarded-For", line)
    found = client_address(peer, CIMultiDictProxy(headers), TRUSTED)
    assert found == (None if expected is None else ip_address(expected))


@given(chain=st.lists(st.text(max_size=20), max_size=4))
def test_whatever_the_sender_writes_changes_nothing(chain: list[str]) -> None:
    headers = CIMultiDict([("X-Forwarded-For", ",".join([*chain, " 192.0.2.7"]))])
    assert client_address("10.0.0.1", CIMultiDictProxy(headers), TRUSTED) == ip_address("192.0.2.7")
