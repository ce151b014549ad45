"""Secrets that stand in files, as Docker and Kubernetes mount them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from libs.runtime.configuration import ConfigurationError


def read_secret_text(path: Path, key: str) -> str:
    """Return what a file holds, or raise `ConfigurationError` under `key`, which quotes none of it."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise ConfigurationError(key, f"file not found: {path}") from None
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(key, f"file cannot be read: {path}") from None


def read_secret(path: Path, key: str) -> str:
    """Return the one line that a file holds, or raise `ConfigurationError` under `key`."""
    text = read_secret_text(path, key)
    if not text.strip() or "\n" in text:
        raise ConfigurationError(key, f"file must hold one line: {path}")
    return text


def read_secrets(folder: Path, names: Iterable[str], key: str) -> dict[str, str]:
    """Return the secrets of those names that have a file; `ConfigurationError` where none has."""
    found = {name: read_secret(folder / name, key) for name in names if (folder / name).exists()}
    if not found:
        raise ConfigurationError(key, f"no file there is called as a service: {folder}")
    return found
