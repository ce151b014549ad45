"""PayU's tokens: HS256, ten minutes, and no longer."""

from __future__ import annotations

import base64
import json
from typing import Any

from services.sandbox.payu.tokens import Tokens


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_628_547_567.25

    def __call__(self) -> float:
        return self.now


def part(token: str, place: int) -> dict[str, Any]:
    text = token.removeprefix("Bearer ").split(".")[place]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


def test_token_looks_like_the_documented_one() -> None:
    token = Tokens(Clock()).issue()
    assert token.startswith("Bearer ey")
    assert part(token, 0) == {"alg": "HS256"}
    claims = part(token, 1)
    assert claims["exp"] - claims["iat"] == 600
    assert claims.keys() >= {"Role", "Issuer", "Username", "exp", "iat"}


def test_token_runs_out() -> None:
    clock = Clock()
    tokens = Tokens(clock, 600)
    token = tokens.issue()
    clock.now += 599.9
    assert tokens.state(token) == "good"
    clock.now += 0.1
    assert tokens.state(token) == "expired"
    assert tokens.state(tokens.issue()) == "good"


def test_scheme_may_be_left_out() -> None:
    tokens = Tokens(Clock())
    assert tokens.state(tokens.issue().removeprefix("Bearer ")) == "good"


def test_only_own_tokens_are_good() -> None:
    tokens = Tokens(Clock())
    token = tokens.issue()
    head, claims, signature = token.split(".")
    forged = base64.urlsafe_b64encode(b'{"exp": 99999999999, "jti": 1}').rstrip(b"=").decode()
    for wrong in ("", "Bearer ", "Bearer x", f"{head}.{forged}.{signature}", token[:-2]):
        assert tokens.state(wrong) == "wrong"
    assert Tokens(Clock()).state(token) == "wrong"  # of another process
    assert claims


def test_revoked_token_is_expired() -> None:
    tokens = Tokens(Clock())
    first, second = tokens.issue(), tokens.issue()
    tokens.revoke(first)
    assert (tokens.state(first), tokens.state(second)) == ("expired", "good")
