"""What is said of an error of Postgres: its kind, and never what it quotes."""

from __future__ import annotations

from libs.runtime.transport import tls_complaint


def complaint(error: BaseException) -> str:
    """Return one line for an operator."""
    return f"Postgres: {tls_complaint(error) or type(error).__name__}"
