"""A JWS with detached content whose certificate is pinned: the scheme that Conectados documents.

https://conectados.apidog.io/ ("Autenticación": header `Conectados-JWS-Signature`, PS256, `x5c`); RFC 7515,
appendix F, and RFC 7797 for `b64: false`, where the signature is over the body's bytes themselves.
"""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication.kinds import JwsAlgorithm, JwsDetached
from services.ingress.authentication.verdict import Attempt, Rule, Verdict

RSA_BITS: Final = 2048  # at least
_DETACHED: Final = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")


class JwsDetachedRule(Rule):
    """`header..signature` in exactly one header; `x5c[0]` is one of ours, within its validity."""

    __slots__ = ("_certificates", "_header", "_jws", "signature_headers")
    rule = "jws_detached"
    needs_body = True

    def __init__(self, kind: JwsDetached) -> None:
        """Read the certificates. Raises `ValueError` for what is none, or is too weak."""
        self._header = kind.header
        self._jws = jwt.PyJWS(algorithms=[each.value for each in kind.algorithms])
        self.signature_headers = frozenset({kind.header.lower()})
        self._certificates = [
            (secret, certificate.public_bytes(Encoding.DER), certificate)
            for secret in kind.certificates
            for certificate in certificates_of(secret.get_secret_value())
        ]

    def judge(self, attempt: Attempt) -> Verdict:
        shown = attempt.headers.getall(self._header, [])
        if len(shown) != 1:
            if shown:
                return self._false("more than one signature")
            return Verdict(self.rule, None, AuthFailure.MISSING, "no signature")
        parts = _DETACHED.fullmatch(shown[0])
        if parts is None:
            return self._false("not a detached JWS: header, two dots, signature")
        try:
            header = self._jws.get_unverified_header(shown[0])
            return self._verified(header, parts, attempt)
        except (jwt.PyJWTError, ValueError, TypeError):
            return self._false("the signature does not hold")

    def _verified(self, header: dict[str, Any], parts: re.Match[str], attempt: Attempt) -> Verdict:
        certificate = self._pinned(header, attempt)
        if isinstance(certificate, Verdict):
            return certificate
        algorithm = header.get("alg")
        key = _key_for(certificate, algorithm)
        if key is None:
            return self._false("the algorithm is not that of the certificate's key")
        plain = header.get("b64", True)
        if plain is False:
            self._jws.decode_complete(
                parts[0], key, [str(algorithm)], detached_payload=attempt.body
            )
        elif plain is True:
            content = base64.urlsafe_b64encode(attempt.body).decode().rstrip("=")
            self._jws.decode_complete(f"{parts[1]}.{content}.{parts[2]}", key, [str(algorithm)])
        else:
            return self._false("b64 is neither true nor false")
        return Verdict(self.rule, Authority.SIGNED)

    def _pinned(self, header: dict[str, Any], attempt: Attempt) -> x509.Certificate | Verdict:
        """Return the certificate of ours that the header names in `x5c`, or what is wrong with it."""
        if header.get("crit", ["b64"]) != ["b64"]:
            return self._false("crit holds something else than b64")
        chain = header.get("x5c")
        if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
            return self._false("no certificate in x5c")
        shown = base64.b64decode(chain[0], validate=True)
        now = attempt.time()
        for secret, der, certificate in self._certificates:
            if der == shown:
                valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
                if valid and secret.holds_at(now):
                    return certificate
                return self._false("the certificate is out of date", AuthFailure.STALE)
        return self._false("the certificate in x5c is none of ours")

    def _false(self, why: str, failure: AuthFailure = AuthFailure.WRONG) -> Verdict:
        return Verdict(self.rule, None, failure, why, forged=True)


def certificates_of(pem: str) -> list[x509.Certificate]:
    """Read certificates in PEM. Raises `ValueError` for anything else, and for keys that are too weak."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError("is not a certificate in PEM") from None
    for certificate in found:
        key = certificate.public_key()
        strong = (isinstance(key, RSAPublicKey) and key.key_size >= RSA_BITS) or (
            isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
        )
        if not strong:
            raise ValueError(f"its key is neither RSA of {RSA_BITS} bits nor P-256")
    return found


def _key_for(
    certificate: x509.Certificate, algorithm: object
) -> RSAPublicKey | EllipticCurvePublicKey | None:
    """Return the certificate's key, if the algorithm is one for such a key."""
    key = certificate.public_key()
    if algorithm == JwsAlgorithm.ES256:
        return key if isinstance(key, EllipticCurvePublicKey) else None
    return key if isinstance(key, RSAPublicKey) else None
