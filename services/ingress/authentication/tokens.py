"""Credentials that are a secret and nothing else: whoever has seen one can send anything."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from libs.contracts.notice import AuthFailure
from libs.domain.lifecycle import Authority
from libs.runtime.authentication.kinds import Basic, Bearer, BodyField, HeaderToken, QueryToken
from services.ingress.authentication.keys import Keys
from services.ingress.authentication.verdict import Attempt, Rule, Verdict

AUTHORIZATION = "Authorization"


class _Token(Rule):
    """Exactly one value must be presented, and it must be one of the keys."""

    __slots__ = ("_keys", "_missing", "_repeated", "_right", "_wrong")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._right = Verdict(self.rule, Authority.SECRET)
        self._missing = Verdict(self.rule, None, AuthFailure.MISSING, "no credential")
        self._repeated = Verdict(self.rule, None, AuthFailure.REPEATED, "more than one credential")
        self._wrong = Verdict(self.rule, None, AuthFailure.WRONG, "not the credential")

    def _judged(self, presented: Sequence[bytes | None], attempt: Attempt) -> Verdict:
        """Judge what was presented; None for a value that is of no use. The common case is first."""
        if len(presented) == 1:
            value = presented[0]
            if value:
                return self._right if self._keys.match(value, attempt) else self._wrong
            return self._missing if value == b"" else self._wrong
        return self._repeated if any(presented) else self._missing


class QueryTokenRule(_Token):
    """A secret in exactly one parameter of that name."""

    __slots__ = ("_parameter",)
    rule = "query_token"

    def __init__(self, kind: QueryToken) -> None:
        super().__init__(Keys(kind.secrets, str.encode))
        self._parameter = kind.parameter

    def judge(self, attempt: Attempt) -> Verdict:
        return self._judged(_encoded(attempt.query.getall(self._parameter, [])), attempt)


class HeaderTokenRule(_Token):
    """A secret in exactly one header of that name."""

    __slots__ = ("_header", "carrier_headers")
    rule = "header_token"

    def __init__(self, kind: HeaderToken) -> None:
        super().__init__(Keys(kind.secrets, str.encode))
        self._header = kind.header
        self.carrier_headers = frozenset({kind.header.lower()})

    def judge(self, attempt: Attempt) -> Verdict:
        return self._judged(_encoded(attempt.headers.getall(self._header, [])), attempt)


class _Authorization(_Token):
    """A credential behind a scheme in `Authorization`, which may stand there once."""

    __slots__ = ()
    carrier_headers = frozenset({AUTHORIZATION.lower()})
    scheme = ""

    def judge(self, attempt: Attempt) -> Verdict:
        return self._judged(
            [self._credential(value) for value in attempt.headers.getall(AUTHORIZATION, [])],
            attempt,
        )

    def _credential(self, value: str) -> bytes | None:
        scheme, _, rest = value.partition(" ")
        return self._read(rest.strip(" ")) if scheme.lower() == self.scheme else None

    def _read(self, text: str) -> bytes | None:
        raise NotImplementedError


class BearerRule(_Authorization):
    """RFC 6750, section 2.1."""

    __slots__ = ()
    rule = "bearer"
    scheme = "bearer"

    def __init__(self, kind: Bearer) -> None:
        super().__init__(Keys(kind.secrets, str.encode))

    def _read(self, text: str) -> bytes | None:
        return text.encode("utf-8", "surrogatepass") or None


class BasicRule(_Authorization):
    """RFC 7617: user and password, in base64 that is written as it must be."""

    __slots__ = ()
    rule = "basic"
    scheme = "basic"

    def __init__(self, kind: Basic) -> None:
        super().__init__(Keys(kind.secrets, lambda secret: f"{kind.username}:{secret}".encode()))

    def _read(self, text: str) -> bytes | None:
        try:
            raw = base64.b64decode(text.encode("ascii"), validate=True)
        except (ValueError, binascii.Error):
            return None
        return raw if base64.b64encode(raw) == text.encode() else None


class BodyFieldRule(_Token):
    """A secret in a top-level field of the JSON body, whatever the case of its ASCII letters.

    Safe2Pay compares without regard to case, as its own WooCommerce plugin does.
    """

    __slots__ = ("_field", "secret_fields")
    rule = "body_field"
    needs_body = True
    needs_document = True

    def __init__(self, kind: BodyField) -> None:
        super().__init__(Keys(kind.secrets, lambda secret: secret.encode().lower()))
        self._field = kind.field
        self.secret_fields = (kind.field,)

    def judge(self, attempt: Attempt) -> Verdict:
        value = attempt.document.get(self._field)
        if value is None:
            return self._missing
        return self._judged([value.encode().lower() if isinstance(value, str) else None], attempt)


def _encoded(texts: Sequence[str]) -> list[bytes | None]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]
