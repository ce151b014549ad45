"""Signatures with a shared key over the exact bytes: an HMAC in a header, and Standard Webhooks."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from standardwebhooks.webhooks import Webhook

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication.kinds import TOLERANCE, Encoding, Hmac, StandardWebhooks
from services.ingress.authentication.keys import Keys, matches
from services.ingress.authentication.verdict import Attempt, Rule, Verdict

_SECONDS: Final = re.compile(r"[0-9]{1,12}")


class _Signed(Rule):
    """What is said of a signature: one that is there and false is decisive."""

    __slots__ = ()
    needs_body = True

    def _right(self) -> Verdict:
        return Verdict(self.rule, Authority.SIGNED)

    def _missing(self) -> Verdict:
        return Verdict(self.rule, None, AuthFailure.MISSING, "no signature")

    def _false(self, why: str, failure: AuthFailure = AuthFailure.WRONG) -> Verdict:
        return Verdict(self.rule, None, failure, why, forged=True)

    def _too_far(self, seconds: str, tolerance: timedelta, attempt: Attempt) -> Verdict | None:
        """Judge a signed time; None where it is near enough."""
        if not _SECONDS.fullmatch(seconds):
            return self._false("the signed time is no number of seconds")
        apart = abs(attempt.time() - datetime.fromtimestamp(int(seconds), UTC))
        if apart > tolerance:
            return self._false("the signed time is too far from now", AuthFailure.STALE)
        return None


class HmacRule(_Signed):
    """A keyed hash in exactly one header."""

    __slots__ = ("_keys", "_kind", "_name", "signature_headers")
    rule = "hmac"

    def __init__(self, kind: Hmac) -> None:
        self._kind = kind
        self._name = kind.algorithm.value
        self._keys = Keys(kind.secrets, lambda secret: key_of(secret, kind.key_encoding))
        headers = {kind.header} | ({kind.timestamp.header} if kind.timestamp else set())
        self.signature_headers = frozenset(name.lower() for name in headers)

    def judge(self, attempt: Attempt) -> Verdict:
        kind = self._kind
        shown = attempt.headers.getall(kind.header, [])
        if len(shown) != 1:
            return self._false("more than one signature") if shown else self._missing()
        signature = self._decoded(shown[0])
        if signature is None:
            return self._false("the signature is not written as it should be")
        signed = attempt.body
        if kind.timestamp is not None:
            times = attempt.headers.getall(kind.timestamp.header, [])
            if len(times) != 1:
                return self._false("not one signed time")
            far = self._too_far(times[0], kind.timestamp.tolerance, attempt)
            if far is not None:
                return far
            signed = f"{times[0]}{kind.separator}".encode() + signed
        expected = [hmac.digest(key, signed, self._name) for key in self._keys.of(attempt)]
        if matches(signature, expected):
            return self._right()
        return self._false("the signature does not hold")

    def _decoded(self, text: str) -> bytes | None:
        prefix, encoding = self._kind.prefix, self._kind.encoding
        if not text.startswith(prefix) or not text.isascii():
            return None
        return decoded(text[len(prefix) :], encoding)


class StandardWebhooksRule(_Signed):
    """The specification's scheme `v1`: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

    __slots__ = ("_keys",)
    rule = "standard_webhooks"
    signature_headers = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})

    def __init__(self, kind: StandardWebhooks) -> None:
        self._keys = Keys(kind.secrets, standard_key)

    def judge(self, attempt: Attempt) -> Verdict:
        told = [attempt.headers.getall(name, []) for name in _STANDARD]
        if not told[2]:
            return self._missing()
        if any(len(values) != 1 for values in told):
            return self._false("not one id, time and signature")
        [message], [seconds], [shown] = told
        far = self._too_far(seconds, TOLERANCE, attempt)
        if far is not None:
            return far
        signatures = [
            decoded(one[3:], Encoding.BASE64) for one in shown.split(" ") if one[:3] == "v1,"
        ]
        try:
            text = attempt.body.decode()
            at = datetime.fromtimestamp(int(seconds), UTC)
            expected = [
                base64.b64decode(Webhook(key).sign(message, at, text)[3:])
                for key in self._keys.of(attempt)
            ]
        except UnicodeError:
            return self._false("not UTF-8, which this scheme signs")
        found = False
        for signature in signatures[:_MANY]:
            found |= signature is not None and matches(signature, expected)
        return self._right() if found else self._false("the signature does not hold")


_STANDARD: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MANY: Final = 8  # signatures of one request: the sender's keys of a rotation


def key_of(secret: str, encoding: Encoding) -> bytes:
    """Return the bytes of a key. Raises `ValueError` where it is not written as told."""
    if encoding is Encoding.TEXT:
        return secret.encode()
    key = decoded(secret.strip(), encoding)
    if not key:
        raise ValueError(f"is not written in {encoding.value}")
    return key


def standard_key(secret: str) -> bytes:
    """Return the bytes of a key of Standard Webhooks: base64 behind `whsec_`."""
    text = secret.strip().removeprefix("whsec_")
    key = decoded(text + "=" * (-len(text) % 4), Encoding.BASE64)
    if not key:
        raise ValueError("is not whsec_ and base64")
    return key


def decoded(text: str, encoding: Encoding) -> bytes | None:
    """Read what must be written in the one way that there is; None for another.

    The letters of hex may be of either case; base64 has no stray bits, no line ends.
    """
    try:
        if encoding is Encoding.HEX:
            return bytes.fromhex(text) if re.fullmatch(r"[0-9A-Fa-f]*", text) else None
        if encoding is Encoding.BASE64:
            raw = base64.b64decode(text, validate=True)
            return raw if base64.b64encode(raw).decode() == text else None
        raw = base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
        plain = base64.urlsafe_b64encode(raw).decode()
        return raw if text in {plain, plain.rstrip("=")} else None
    except (ValueError, binascii.Error):
        return None
