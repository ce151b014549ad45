"""The detached JWS that Conectados documents: the exact bytes, a pinned certificate, in its validity."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import datetime, timedelta
from typing import Final

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication.kinds import JwsAlgorithm, JwsDetached
from libs.runtime.configuration import ConfigurationError
from services.ingress.authentication.build import authenticator_of
from services.ingress.authentication.verdict import Verdict
from tests.unit.ingress.authentication.attempts import NOW, attempt, request, secrets

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
HEADER: Final = "Conectados-JWS-Signature"
BODY: Final = '{"event_type": "sale_created", "message": "venta creada, señor"}\n'.encode()
DAY: Final = timedelta(days=1)
RSA: Final = rsa.generate_private_key(65537, 2048)
CURVE: Final = ec.generate_private_key(ec.SECP256R1())


def certificate(
    key: Key, *, begin: datetime = NOW - DAY, end: datetime = NOW + DAY
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webhooks.example")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )


PINNED: Final = certificate(RSA)
PINNED_CURVE: Final = certificate(CURVE)
ANOTHER: Final = certificate(rsa.generate_private_key(65537, 2048))


def pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def kind(
    *certificates: x509.Certificate, algorithms: tuple[JwsAlgorithm, ...] = (JwsAlgorithm.PS256,)
) -> JwsDetached:
    return JwsDetached(HEADER, algorithms, secrets(pem(*certificates)))


def x5c(one: x509.Certificate) -> list[str]:
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode()]


def signed(
    body: bytes = BODY,
    *,
    algorithm: str = "PS256",
    key: Key = RSA,
    plain: bool = True,
    **header: object,
) -> str:
    told = {"x5c": x5c(PINNED), **({"b64": False, "crit": ["b64"]} if plain else {}), **header}
    token = jwt.PyJWS().encode(
        body, key, algorithm=algorithm, headers=told, is_payload_detached=plain
    )
    head, _, signature = token.split(".")
    return f"{head}..{signature}"


def judged(
    shown: str | None, of: JwsDetached | None = None, body: bytes = BODY, **told: datetime
) -> Verdict:
    headers = {} if shown is None else {HEADER: shown}
    return authenticator_of(of or kind(PINNED)).judge(attempt(request(body, headers), **told))


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(
    ("algorithm", "key", "pinned"),
    [("PS256", RSA, PINNED), ("RS256", RSA, PINNED), ("ES256", CURVE, PINNED_CURVE)],
)
def test_right_is_signed(
    algorithm: str, key: Key, pinned: x509.Certificate, *, plain: bool
) -> None:
    of = kind(ANOTHER, pinned, algorithms=(JwsAlgorithm(algorithm),))
    shown = signed(algorithm=algorithm, key=key, plain=plain, x5c=x5c(pinned))
    assert judged(shown, of).authority is Authority.SIGNED


def test_absent_is_missing() -> None:
    verdict = judged(None)
    assert (verdict.failure, verdict.forged) == (AuthFailure.MISSING, False)


@pytest.mark.parametrize("plain", [True, False])
@given(data=st.data())
def test_no_bit_of_the_body_may_change(*, plain: bool, data: st.DataObject) -> None:
    shown = _ONCE.setdefault(plain, signed(plain=plain))
    bit = data.draw(st.integers(0, len(BODY) * 8 - 1))
    changed = bytearray(BODY)
    changed[bit // 8] ^= 1 << (bit % 8)
    verdict = judged(shown, body=bytes(changed))
    assert (verdict.authority, verdict.forged) == (None, True)


@given(data=st.data())
def test_no_character_of_the_signature_may_change(data: st.DataObject) -> None:
    shown = _ONCE.setdefault(True, signed())
    at = data.draw(st.integers(0, len(shown) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.=+/ \u00e9"))
    changed = data.draw(
        st.sampled_from([
            shown[:at] + other + shown[at + 1 :], shown[:at], shown + other, shown[:at] + other + shown[at:],
            shown.replace("..", f".{_b64(BODY)}."), shown.replace("..", "."), shown + "=", shown + "==",
        ])
    )  # fmt: skip
    assume(changed != shown)
    verdict = judged(changed)
    assert (verdict.authority, verdict.forged) == (None, True)


_ONCE: Final[dict[bool, str]] = {}


@pytest.mark.parametrize(
    "body",
    [
        BODY.strip(),
        BODY.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + BODY,
        BODY.decode().encode("latin-1"),
        b"",
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_body_in_another_form(body: bytes, *, plain: bool) -> None:
    assert judged(signed(plain=plain), body=body).authority is None


@pytest.mark.parametrize(
    "header",
    [
        {"x5c": None},
        {"x5c": []},
        {"x5c": [5]},
        {"x5c": "text"},
        {"x5c": x5c(ANOTHER)},
        {"x5c": [*x5c(ANOTHER), *x5c(PINNED)]},
        {"x5c": [x5c(PINNED)[0] + "\n"]},
        {"x5c": [pem(PINNED)]},
        {"crit": ["b64", "exp"]},
        {"crit": []},
        {"crit": "b64"},
        {"b64": "false"},
        {"b64": 0},
    ],
)
def test_header_that_says_something_else(header: dict[str, object]) -> None:
    """Signed with the right key all the same: it is the header that is refused."""
    told = {"alg": "PS256", "x5c": x5c(PINNED), "b64": False, "crit": ["b64"], **header}
    head = _b64(
        json.dumps({key: value for key, value in told.items() if value is not None}).encode()
    )
    algorithm = (
        jwt.get_algorithm_by_name("PS256")
        if hasattr(jwt, "get_algorithm_by_name")
        else (jwt.PyJWS().get_algorithm_by_name("PS256"))
    )
    signature = algorithm.sign(f"{head}.".encode() + BODY, RSA)
    verdict = judged(f"{head}..{_b64(signature)}")
    assert (verdict.authority, verdict.forged) == (None, True)


def test_algorithm_is_one_of_those_that_are_told() -> None:
    assert judged(signed(algorithm="RS256")).authority is None  # PS256 alone
    none = _b64(
        b'{"alg":"none","b64":false,"crit":["b64"],"x5c":["' + x5c(PINNED)[0].encode() + b'"]}'
    )
    assert judged(f"{none}..{_b64(b'x')}").authority is None
    # a public key taken for the key of an HMAC
    told = {"alg": "HS256", "b64": False, "crit": ["b64"], "x5c": x5c(PINNED)}
    head = _b64(json.dumps(told).encode())
    for form in (Encoding.DER, Encoding.PEM):
        key = PINNED.public_bytes(form)
        tag = hmac.digest(key, f"{head}.".encode() + BODY, "sha256")
        assert judged(f"{head}..{_b64(tag)}").authority is None


def test_key_of_another_kind_than_the_certificate() -> None:
    of = kind(PINNED, algorithms=(JwsAlgorithm.PS256, JwsAlgorithm.ES256))
    assert judged(signed(algorithm="ES256", key=CURVE), of).authority is None


def test_certificate_holds_in_its_validity() -> None:
    for at, holds in [(NOW - DAY, True), (NOW + DAY, True)]:
        assert (judged(signed(), at=at).authority is not None) is holds
    for at in (NOW - DAY - timedelta(seconds=1), NOW + DAY + timedelta(seconds=1)):
        verdict = judged(signed(), at=at)
        assert (verdict.authority, verdict.failure) == (None, AuthFailure.STALE)


def test_certificates_are_rotated() -> None:
    new = certificate(RSA, begin=NOW, end=NOW + 30 * DAY)
    of = kind(PINNED, new)
    assert judged(signed(), of).authority is Authority.SIGNED
    assert judged(signed(x5c=x5c(new)), of).authority is Authority.SIGNED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hunter2", "is not a certificate in PEM"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "is not a certificate in PEM",
        ),
        (
            pem(
                certificate(
                    rsa.generate_private_key(65537, 1024)  # noqa: S505 - too weak, on purpose
                )
            ),
            "RSA of 2048 bits",
        ),
    ],
)
def test_certificate_that_cannot_be_used(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        authenticator_of(
            JwsDetached(HEADER, (JwsAlgorithm.PS256,), secrets(text)), "sources.a.authentication"
        )
    assert "hunter2" not in str(caught.value)


def test_two_signatures_are_none() -> None:
    told = attempt(request(BODY, {HEADER: signed()}))
    headers = told.headers.copy()
    headers.add(HEADER, signed())
    doubled = type(told)(headers=headers, query=told.query, body=BODY, at=NOW)  # type: ignore[arg-type]
    assert authenticator_of(kind(PINNED)).judge(doubled).authority is None


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
