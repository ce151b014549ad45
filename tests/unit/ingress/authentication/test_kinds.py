"""Each kind of authentication: what is right is let in, and nothing else is, however little is changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication import kinds
from libs.runtime.authentication.kinds import Algorithm, Authentication, Encoding
from libs.runtime.authentication.secrets import Secret
from services.ingress.authentication.build import authenticator_of
from services.ingress.authentication.verdict import Verdict
from services.simulator.lives import SECRET_SLOT
from services.simulator.proving import Request, prove
from tests.unit.ingress.authentication.attempts import NOW, attempt, request, secret, secrets

KEY: Final = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEYED: Final = f'{{"SecretKey": "{SECRET_SLOT}", "a": [1, 2.50]}}'.encode()
SIGNED_TIME: Final = kinds.SignedTime("X-Time", timedelta(seconds=60))

TOKENS: Final[dict[str, Authentication]] = {
    "query_token": kinds.QueryToken("token", secrets("s3cr3t-one", "s3cr3t-two")),
    "header_token": kinds.HeaderToken("X-Token", secrets("s3cr3t-one", "s3cr3t-two")),
    "basic": kinds.Basic("caudal", secrets("s3cr3t-one", "s3cr3t-two")),
    "bearer": kinds.Bearer(secrets("s3cr3t-one", "s3cr3t-two")),
    "body_field": kinds.BodyField("SecretKey", secrets("s3cr3t-one", "s3cr3t-two")),
}
SIGNATURES: Final[dict[str, Authentication]] = {
    "hmac": kinds.Hmac(header="X-Signature", secrets=secrets("k-1", "k-2")),
    "hmac prefix": kinds.Hmac(header="X-Signature", secrets=secrets("k"), prefix="sha256="),
    "hmac base64": kinds.Hmac(
        header="X-Signature",
        secrets=secrets("k"),
        algorithm=Algorithm.SHA512,
        encoding=Encoding.BASE64,
    ),
    "hmac base64url": kinds.Hmac(
        header="X-Signature",
        secrets=secrets("00ff10"),
        algorithm=Algorithm.SHA384,
        encoding=Encoding.BASE64URL,
        key_encoding=Encoding.HEX,
    ),
    "hmac timed": kinds.Hmac(header="X-Signature", secrets=secrets("k"), timestamp=SIGNED_TIME),
    "standard_webhooks": kinds.StandardWebhooks(secrets(KEY)),
}
ALL: Final = TOKENS | SIGNATURES


def proven(kind: Authentication, body: bytes = KEYED) -> Request:
    return prove(request(body), kind, now=NOW.timestamp)


def with_secrets(kind: Authentication, held: tuple[Secret, ...]) -> Authentication:
    return replace(kind, secrets=held)  # type: ignore[arg-type]  # each kind here has them


def judged(kind: Authentication, given: Request, **told: datetime) -> Verdict:
    return authenticator_of(kind).judge(attempt(given, **told))


@pytest.mark.parametrize("name", ALL)
def test_right_is_let_in(name: str) -> None:
    verdict = judged(ALL[name], proven(ALL[name]))
    assert verdict.authority is (Authority.SECRET if name in TOKENS else Authority.SIGNED)


@pytest.mark.parametrize("name", ALL)
def test_every_secret_opens(name: str) -> None:
    kind = ALL[name]
    for one in kinds.secrets_of(kind):
        alone = with_secrets(kind, (one,))
        assert judged(kind, proven(alone)).authority is not None


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_missing(name: str) -> None:
    verdict = judged(ALL[name], request(b'{"a": 1}'))
    assert (verdict.authority, verdict.failure) == (None, AuthFailure.MISSING)
    assert not verdict.forged


@pytest.mark.parametrize("name", ALL)
def test_secret_of_another_opens_nothing(name: str) -> None:
    other = (
        secrets("whsec_" + "AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        if "standard" in name
        else (secrets("ffff") if "url" in name else secrets("other"))
    )
    shown = proven(with_secrets(ALL[name], other))
    verdict = judged(ALL[name], shown)
    assert (verdict.authority, verdict.failure) == (None, AuthFailure.WRONG)


@pytest.mark.parametrize("name", SIGNATURES)
@given(data=st.data())
def test_signed_body_may_not_change(name: str, data: st.DataObject) -> None:
    """One bit flipped, cut short, made longer, written in another way, its fields in another order."""
    kind = SIGNATURES[name]
    body = data.draw(st.one_of(st.just(KEYED), st.text(min_size=1).map(str.encode)))
    good = proven(kind, body)
    changed = data.draw(
        st.one_of(
            _flipped(body),
            st.integers(0, len(body) - 1).map(lambda size: body[:size]),
            st.binary(min_size=1, max_size=4).map(lambda more: body + more),
            st.sampled_from([
                b" " + body, body + b"\n", b"\xef\xbb\xbf" + body, body.replace(b" ", b""),
                b'{"a": [1, 2.5], "SecretKey": ""}', body.decode().encode("utf-16"),
            ]),
        )
    )  # fmt: skip
    assume(changed != body)
    verdict = judged(kind, replace(good, body=changed))
    assert verdict.authority is None
    assert verdict.forged


@pytest.mark.parametrize("name", SIGNATURES)
@given(data=st.data())
def test_signature_may_not_change(name: str, data: st.DataObject) -> None:
    kind = SIGNATURES[name]
    good = proven(kind)
    header = data.draw(st.sampled_from(sorted(good.headers)))
    value = good.headers[header]
    changed = data.draw(
        st.one_of(
            _flipped(value.encode()).map(lambda raw: raw.decode("latin-1")),
            st.integers(0, len(value) - 1).map(lambda size: value[:size]),
            st.text("0123456789abcdefABCDEF=+/-_ ,.", min_size=1, max_size=3).map(lambda more: value + more),
            st.sampled_from([
                "", " " + value, value + "=", value + "==", value[::-1], f"{value},{value}", "v1," + value,
                f"sha256={value}", value.swapcase() + "x", "\u0660" + value, value + ".0", "0" + value + "e0",
            ]),
        )
    )  # fmt: skip
    same_digest = name.startswith("hmac") and changed.lower() == value.lower()  # of hex
    assume(changed != value and not same_digest)
    spoilt = replace(good, headers={**good.headers, header: changed})
    verdict = judged(kind, spoilt)
    if verdict.authority is not None:
        # A second signature beside the right one is what a sender's rotation looks like.
        assert name == "standard_webhooks"
        assert header == "webhook-signature"
        assert value in changed.split(" ")


@pytest.mark.parametrize("name", TOKENS)
@given(data=st.data())
def test_token_may_not_change(name: str, data: st.DataObject) -> None:
    """Nor be cut, made longer, or of another case but in Safe2Pay's field, whose case means nothing."""
    good = "s3cr3t-one"
    changed = data.draw(
        st.one_of(
            _flipped(good.encode()).map(lambda raw: raw.decode("latin-1")),
            st.integers(0, len(good) - 1).map(lambda size: good[:size]),
            st.sampled_from([" " + good, good + " ", good + "\x00", good * 2, good.replace("e", "é"), "%73" + good[1:]]),
        )
    )  # fmt: skip
    assume(changed not in {good, "s3cr3t-two"})
    assume(name != "body_field" or changed.lower() not in {good, "s3cr3t-two"})
    assume(name != "bearer" or changed.strip(" ") != good)
    assume(changed.isprintable() or name in {"query_token", "body_field"})
    kind = with_secrets(TOKENS[name], (secret(changed),))
    assert judged(TOKENS[name], proven(kind)).authority is None


@pytest.mark.parametrize("name", [name for name in ALL if name != "body_field"])
def test_two_are_none(name: str) -> None:
    """Which of two would count is a question that two programs answer in two ways."""
    good = proven(ALL[name])
    told = attempt(good)
    headers = CIMultiDict([*told.headers.items(), *good.headers.items()])
    query = MultiDict([*told.query.items(), *told.query.items()])
    doubled = replace(told, headers=CIMultiDictProxy(headers), query=query)
    assert authenticator_of(ALL[name]).judge(doubled).authority is None


@pytest.mark.parametrize(("name", "tolerance"), [("hmac timed", 60), ("standard_webhooks", 300)])
def test_replay_is_too_late(name: str, tolerance: int) -> None:
    good = proven(SIGNATURES[name])
    for apart in (-tolerance, 0, tolerance):
        at = NOW + timedelta(seconds=apart)
        assert judged(SIGNATURES[name], good, at=at).authority is Authority.SIGNED
    for apart in (-tolerance - 1, tolerance + 1, 86_400):
        verdict = judged(SIGNATURES[name], good, at=NOW + timedelta(seconds=apart))
        assert (verdict.authority, verdict.failure) == (None, AuthFailure.STALE)


@pytest.mark.parametrize("name", ["hmac timed", "standard_webhooks"])
@given(time=st.text("0123456789.-+e _\u0660", max_size=20))
def test_time_is_read_in_one_way(name: str, time: str) -> None:
    good = proven(SIGNATURES[name])
    header = "X-Time" if name == "hmac timed" else "webhook-timestamp"
    assume(time != good.headers[header])
    spoilt = replace(good, headers={**good.headers, header: time})
    assert judged(SIGNATURES[name], spoilt).authority is None


@pytest.mark.parametrize("name", ALL)
def test_secret_holds_in_its_time(name: str) -> None:
    kind = ALL[name]
    text = kinds.secrets_of(kind)[0].get_secret_value()
    second = timedelta(seconds=1)
    for window, holds in [
        ({"not_before": NOW}, True),
        ({"not_before": NOW + second}, False),
        ({"not_after": NOW + second}, True),
        ({"not_after": NOW}, False),
        ({"not_before": NOW - second, "not_after": NOW + second}, True),
    ]:
        timed = with_secrets(kind, (secret(text, **window),))
        assert (judged(timed, proven(timed)).authority is not None) is holds


def test_rotation_lets_both_in_for_a_while() -> None:
    end = NOW + timedelta(days=7)
    kind = kinds.HeaderToken("X-Token", (secret("new"), secret("old", not_after=end)))
    old = kinds.HeaderToken("X-Token", secrets("old"))
    assert judged(kind, proven(kind)).authority is Authority.SECRET
    assert judged(kind, proven(old)).authority is Authority.SECRET
    assert judged(kind, proven(old), at=end).failure is AuthFailure.WRONG


def test_standard_webhooks_as_published() -> None:
    """The example of the specification's libraries."""
    kind = kinds.StandardWebhooks(secrets(KEY))
    shown = request(
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
    )
    at = NOW.fromtimestamp(1614265330, NOW.tzinfo)
    assert judged(kind, shown, at=at).authority is Authority.SIGNED


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("basic", "Bearer s3cr3t-one"),
        ("basic", "Basic"),
        ("basic", "Basic !!!"),
        ("basic", "Basic Y2F1ZGFsOnMzY3IzdC1vbmU"),  # without its padding
        ("bearer", "s3cr3t-one"),
        ("bearer", "Bearer"),
        ("bearer", "Token s3cr3t-one"),
        ("bearer", "Bearer s3cr3t-one, Bearer s3cr3t-two"),
    ],
)
def test_authorization_in_another_form(scheme: str, value: str) -> None:
    assert judged(TOKENS[scheme], request(headers={"Authorization": value})).authority is None


def test_scheme_may_be_of_either_case() -> None:
    for word in ("bearer", "BEARER", "Bearer"):
        shown = request(headers={"Authorization": f"{word}  s3cr3t-one"})
        assert judged(TOKENS["bearer"], shown).authority is Authority.SECRET


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"SecretKey": null}', b'{"SecretKey": 5}', b"\xff"]
)
def test_body_without_its_field(body: bytes) -> None:
    assert judged(TOKENS["body_field"], request(body)).authority is None


def _flipped(raw: bytes) -> st.SearchStrategy[bytes]:
    def flip(bit: int) -> bytes:
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << (bit % 8)
        return bytes(changed)

    return st.integers(0, len(raw) * 8 - 1).map(flip)
