"""The verifier is what Postgres makes of the same password and salt."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from libs.store.scram import verifier


def test_example_of_the_specification() -> None:
    """RFC 7677, section 3: password `pencil`; its server key signs the example's exchange."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    told = verifier("pencil", salt=salt)
    head, keys = told.rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    _, server = map(base64.b64decode, keys.split(":"))
    exchange = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    signature = hmac.digest(server, exchange.encode(), hashlib.sha256)
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_salt_is_fresh() -> None:
    assert verifier("pencil") != verifier("pencil")
    assert "pencil" not in verifier("pencil")


@pytest.mark.parametrize("password", ["", "contraseña", "a\nb", "a\0b", "\u00adx"])
def test_password_that_clients_prepare_differently(password: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        verifier(password)
    assert password not in str(caught.value) or not password
