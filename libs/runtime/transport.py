"""TLS to the broker and the database: what a URL asks for, and what is said where it fails.

Both clients check the server's certificate and its name (`amqps://`, `sslmode=verify-full`) and
never go on in the clear where that fails. What would weaken that without a word is refused here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from libs.runtime.failures import chain

_AMQP_FILES: Final = ("cafile", "certfile", "keyfile")
_POSTGRES_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_POSTGRES_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_CHECKING: Final = ("verify-ca", "verify-full")


class Transport(StrEnum):
    """Whether connections to the broker and the database may go in the clear."""

    ALLOWED = "allowed"
    """As the URLs say."""
    REQUIRED = "required"
    """Only with a certificate that was checked against the host's name."""


def check_amqp(url: str) -> None:
    """Raise `ValueError` for a URL of the broker whose TLS is not what it looks like."""
    told = _parameters(url)
    if told.get("no_verify_ssl", "0") != "0":
        raise ValueError(
            "no_verify_ssl is not taken: give the CA that signed the broker's certificate (cafile)"
        )
    if urlsplit(url).scheme != "amqps":
        for name in (*_AMQP_FILES, "capath", "cadata"):
            if name in told:
                raise ValueError(f"{name} needs amqps://; amqp:// goes in the clear")
    _check_files(told, _AMQP_FILES)


def check_postgres(dsn: str) -> None:
    """Raise `ValueError` for a URL of the database whose TLS is not what it looks like."""
    told = _parameters(dsn)
    mode = told.get("sslmode", "prefer")
    if mode not in _POSTGRES_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(_POSTGRES_MODES)}")
    if mode not in _CHECKING and "sslrootcert" in told:
        raise ValueError("sslrootcert needs sslmode=verify-full")
    if mode in _CHECKING and "sslrootcert" not in told:
        raise ValueError(f"sslmode={mode} needs sslrootcert (the file of the CA)")
    _check_files(told, _POSTGRES_FILES)


def is_checked_amqp(url: str) -> bool:
    """Tell whether the broker has to prove its name."""
    return urlsplit(url).scheme == "amqps"


def is_checked_postgres(dsn: str) -> bool:
    """Tell whether the database has to prove its name."""
    return _parameters(dsn).get("sslmode") == "verify-full"


def tls_complaint(error: BaseException) -> str | None:
    """Say what is wrong with TLS, where an error or one of its causes is about it."""
    for link in chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the server's certificate is not accepted: {link.verify_message}"
        if isinstance(link, ssl.SSLError):
            return f"no TLS with the server: {getattr(link, 'reason', None) or type(link).__name__}"
        if isinstance(link, ConnectionError) and "SSL upgrade" in str(link):
            return "the server speaks no TLS, which is asked for"
    return None


def _parameters(url: str) -> Mapping[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _check_files(told: Mapping[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        if name in told and not Path(told[name]).is_file():
            raise ValueError(f"{name}: there is no such file: {told[name]}")
