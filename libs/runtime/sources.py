"""The sources file (TOML): who may send us webhooks, under which path, and how we know them.

    [sources.safe2pay]                # the slug: in the URL, and the event's `source`
    provider = "safe2pay"
    authentication = { kind = "body_field", field = "SecretKey", secrets = ["env:S2P_KEY"] }

Optional per source: `currency`, `timezone`, `path`, `aliases`, `uncorroborated` (`"publish"`, or `"hold"`
until somebody better than an unsigned notice says the same), and `api`, how its provider is asked back; optional per provider: `[providers.<name>]`, the budget and the schedule of that (both:
`libs.runtime.source_api`). An unknown key is an error. Every error names its key and none shows a secret.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from libs.runtime.authentication.kinds import Authentication, can_hold, secrets_of
from libs.runtime.authentication.secrets import Secret, Secrets, WrittenSecret
from libs.runtime.authentication.written import KINDS, WrittenAuthentication
from libs.runtime.configuration import ConfigurationError, first_error
from libs.runtime.secret_references import SecretReader
from libs.runtime.source_api import Api, Asking, WrittenApi, WrittenAsking

SLUG: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
# Segments of unreserved characters (RFC 3986), so that a path is written in one way only.
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One merchant account at one provider. `aliases` has what arrives, lower-case and trimmed."""

    slug: str
    provider: str
    authentication: Authentication
    currency: str | None = None
    timezone: str | None = None
    path: str | None = None
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    api: Api | None = None
    holds_uncorroborated: bool = False
    """Whether money that only an unsigned notice has told is held back from the events."""

    @property
    def closed(self) -> bool:
        """Whether its secrets are empty, so that nobody can send: the URL answers 404."""
        return not can_hold(self.authentication)

    @property
    def secrets(self) -> Secrets:
        """Every secret that its authentication takes, now or at another time."""
        return secrets_of(self.authentication)


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources by slug, and what is told of providers, by their name.

    `warnings` are for whoever starts a process: (key, what is odd).
    """

    by_slug: Mapping[str, Source]
    warnings: tuple[tuple[str, str], ...] = ()
    asking: Mapping[str, Asking] = field(default_factory=lambda: MappingProxyType({}))

    def __iter__(self) -> Iterator[Source]:
        return iter(self.by_slug.values())

    def __len__(self) -> int:
        return len(self.by_slug)

    @property
    def holding(self) -> frozenset[str]:
        """The slugs of those that hold back what is uncorroborated."""
        return frozenset(source.slug for source in self if source.holds_uncorroborated)


def load_sources(
    path: Path,
    providers: Collection[str],
    environment: Mapping[str, str] | None = None,
    reader: type[SecretReader] = SecretReader,
) -> Sources:
    """Read the file; `providers` are the names that exist. Raises `ConfigurationError`.

    `reader` is who reads the secrets; `UnreadSecrets` reads none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(str(path), "sources file not found") from None
    except UnicodeDecodeError:
        raise ConfigurationError(str(path), "sources file is not UTF-8") from None
    except OSError as error:
        raise ConfigurationError(str(path), f"cannot be read ({error.strerror})") from None
    folder = path.absolute().parent
    secrets = reader(folder) if environment is None else reader(folder, environment)
    return read_sources(text, providers, secrets, name=str(path))


def read_sources(
    text: str, providers: Collection[str], reader: SecretReader, *, name: str = "sources"
) -> Sources:
    """Read the text of a sources file, called `name` in errors. Raises `ConfigurationError`."""
    try:
        written = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(name, f"not TOML: {error}") from None
    except ValidationError as error:
        raise first_error(error, _key) from None
    sources: dict[str, Source] = {}
    warnings: list[tuple[str, str]] = []
    for slug, told in written.sources.items():
        _check_provider(told.provider, f"sources.{slug}.provider", providers)
        sources[slug] = _source(slug, told, reader, warnings)
    _check_paths(sources)
    for told_of in written.providers:
        _check_provider(told_of, f"providers.{told_of}", providers)
    asking = {of: told.resolve() for of, told in written.providers.items()}
    return Sources(MappingProxyType(sources), tuple(warnings), MappingProxyType(asking))


def _check_provider(name: str, key: str, providers: Collection[str]) -> None:
    if name not in providers:
        known = ", ".join(sorted(providers))
        raise ConfigurationError(key, f"unknown; must be one of {known}")


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError("must be three capital letters (ISO 4217)")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone of the IANA database") from None
    return value


def _path(value: str) -> str:
    if not _PATH.fullmatch(value) or {".", ".."} & set(value.split("/")):
        raise ValueError("must be an absolute path of letters, digits and . _ ~ -")
    first = value.split("/")[1]
    if first in {"webhooks", "health"}:
        raise ValueError(f"must not lie under /{first}")
    return value


def _aliases(value: object) -> dict[str, str]:
    """`{ arrives = "known" }` and `{ known = ["arrives", …] }`, mixed at will."""
    if not isinstance(value, dict):
        raise ValueError("must be a table")  # noqa: TRY004  # pydantic takes ValueError as a finding
    aliases: dict[str, str] = {}
    for left, right in value.items():
        pairs = [(word, left) for word in right] if isinstance(right, list) else [(left, right)]
        for received, target in pairs:
            if not isinstance(received, str) or not isinstance(target, str):
                raise ValueError(f"{left!r} must be text or a list of texts")  # noqa: TRY004  # the same
            word, name = received.strip().lower(), target.strip()
            if not word or not name:
                raise ValueError(f"{left!r} has an empty name")
            if aliases.setdefault(word, name) != name:
                raise ValueError(f"{word!r} leads to two names")
    return aliases


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _WrittenSource(_Written):
    provider: str
    authentication: WrittenAuthentication
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] | None = None
    path: Annotated[str, AfterValidator(_path)] | None = None
    aliases: Annotated[dict[str, str], BeforeValidator(_aliases)] = Field(default_factory=dict)
    api: WrittenApi | None = None
    uncorroborated: Literal["publish", "hold"] = "publish"


class _File(_Written):
    sources: Annotated[
        dict[Annotated[str, StringConstraints(pattern=SLUG)], _WrittenSource],
        Field(min_length=1),
    ]
    providers: dict[str, WrittenAsking] = Field(default_factory=dict)


def _source(
    slug: str, told: _WrittenSource, reader: SecretReader, warnings: list[tuple[str, str]]
) -> Source:
    key = f"sources.{slug}"

    def read_one(reference: str, at: str) -> SecretStr | None:
        secret = reader.read(reference, at)
        if secret is None:
            warnings.append((at, "empty secret ignored"))
        return secret

    def read(name: str, written: tuple[WrittenSecret, ...]) -> Secrets:
        at = f"{key}.authentication.{name}"
        found: list[Secret] = []
        for index, each in enumerate(written):
            value = read_one(each.secret, f"{at}[{index}]")
            if value is not None:
                found.append(Secret(value, each.not_before, each.not_after))
        return tuple(found)

    def credential(reference: str, name: str) -> SecretStr | None:
        return read_one(reference, f"{key}.api.credentials.{name}")

    return Source(
        slug=slug,
        provider=told.provider,
        authentication=told.authentication.resolve(read),
        currency=told.currency,
        timezone=told.timezone,
        path=told.path,
        aliases=MappingProxyType(told.aliases),
        api=None if told.api is None else told.api.resolve(credential),
        holds_uncorroborated=told.uncorroborated == "hold",
    )


def _check_paths(sources: Mapping[str, Source]) -> None:
    seen: dict[str, str] = {}
    for source in sources.values():
        if source.path is None:
            continue
        owner = seen.setdefault(source.path.rstrip("/"), source.slug)
        if owner != source.slug:
            raise ConfigurationError(
                f"sources.{source.slug}.path", f"is the path of sources.{owner} already"
            )


def _key(loc: Sequence[str | int]) -> str:
    """Name the key as it is written: `sources.clip.authentication.secrets[0]`.

    pydantic's path also has the kind, of each union of `authentication`, names the secret of an entry
    that may be written as text alone, and marks a key as `[key]`.
    """
    parts: list[str] = []
    for index, part in enumerate(loc):
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif part == "[key]" or _is_of_union(loc, index):
            continue
        else:
            parts.append(part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else repr(part))
    return ".".join(parts) or "sources"


def _is_of_union(loc: Sequence[str | int], index: int) -> bool:
    """Tell whether a part of pydantic's path stands in no file."""
    if index < 3 or loc[2] != "authentication":
        return False
    inner = isinstance(loc[index - 1], int)
    if loc[index] == "secret":
        return inner and loc[index - 2] in {"secrets", "certificates"}
    return loc[index] in KINDS and (index == 3 or (inner and loc[index - 2] == "of"))
