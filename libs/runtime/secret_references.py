"""A secret as it is written in the sources file: `env:NAME`, `file:PATH` or `literal:VALUE`.

What it stands for is read once, at start. An unset variable and an empty file give an empty
secret, which opens no door.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from libs.runtime.configuration import ConfigurationError


def check_reference(text: str) -> str:
    """Return the reference unchanged, or raise `ValueError` for one of no known form."""
    scheme, found, rest = text.partition(":")
    if not found or scheme not in {"env", "file", "literal"}:
        raise ValueError("must be env:NAME, file:PATH or literal:VALUE")
    if not rest and scheme != "literal":
        raise ValueError(f"{scheme}: names nothing")
    return text


@dataclass(frozen=True, slots=True)
class SecretReader:
    """Reads what references stand for. Relative paths begin at `folder`, the sources file's."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def read(self, reference: str, key: str) -> SecretStr | None:
        """Return the secret, None for an empty one, or raise `ConfigurationError` under `key`."""
        scheme, _, rest = reference.partition(":")
        match scheme:
            case "env":
                value = self.environment.get(rest, "")
            case "file":
                value = _content(self.folder / Path(rest).expanduser(), key)
            case _:
                value = rest
        return SecretStr(value) if value.strip() else None


def _content(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise ConfigurationError(key, f"file not found: {path}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(key, f"file is not UTF-8: {path}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise ConfigurationError(key, f"file cannot be read: {path} ({why})") from None


@dataclass(frozen=True, slots=True)
class UnreadSecrets(SecretReader):
    """For who only wants to know which sources there are: no secret is looked at, none is missing."""

    def read(self, reference: str, key: str) -> SecretStr | None:  # noqa: ARG002 - the signature
        return SecretStr("unread")


@dataclass(frozen=True, slots=True)
class SendersSecrets(SecretReader):
    """For the ingress: what senders show is read; what we show to providers is not, nor missed."""

    def read(self, reference: str, key: str) -> SecretStr | None:
        return SecretStr("unread") if _of_an_api(key) else SecretReader.read(self, reference, key)


@dataclass(frozen=True, slots=True)
class OwnCredentials(SecretReader):
    """For who asks the providers: what we show to them is read; what senders show is not, nor missed."""

    def read(self, reference: str, key: str) -> SecretStr | None:
        return SecretReader.read(self, reference, key) if _of_an_api(key) else SecretStr("unread")


def _of_an_api(key: str) -> bool:
    """Tell whether a key is `sources.<slug>.api.…`; a slug has no dot."""
    return key.split(".")[2:3] == ["api"]
