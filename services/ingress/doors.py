"""Every way in: a door for each source, and the paths that lead to it.

A source is reached under `/webhooks/<slug>`, under its own `path`, and under the path that its
provider's document prescribes where that can mean one source only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from multidict import istr

from libs.providers.card_fields import CardFields
from libs.providers.port import Provider
from libs.runtime.authentication.kinds import IpAllowList, parts
from libs.runtime.sources import Source, Sources
from services.ingress.authentication.build import authenticator_of
from services.ingress.authentication.verdict import Authenticator
from services.ingress.redaction import Redactor
from services.ingress.travelling import travelling_for

KNOWN_HEADERS: Final = 256  # of one door


@dataclass(frozen=True, slots=True)
class Door:
    """One source, with all that is needed to let its sender in."""

    source: Source
    provider: Provider
    authenticator: Authenticator
    redactor: Redactor
    travelling: tuple[tuple[istr, str, int], ...]
    """The headers that travel on, as multidict has them, by name, with the most characters of each."""
    needs_address: bool = False
    """Whether it matters where a request comes from."""
    known_headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Values of headers that were cleaned before; a stranger can make some up: not too many."""

    def know_header(self, told: str, cleaned: str) -> None:
        """Remember what becomes of a header's value."""
        if len(self.known_headers) >= KNOWN_HEADERS:
            self.known_headers.clear()
        self.known_headers[told] = cleaned


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors by slug, and by every further path."""

    by_slug: Mapping[str, Door]
    by_path: Mapping[str, Door]
    unled: tuple[
        str, ...
    ] = ()  # documented paths that lead nowhere: several sources could be meant

    def open_at(self, slug: str) -> Door | None:
        """Return the door of a slug; None for an unknown source and for a closed one."""
        door = self.by_slug.get(slug)
        return None if door is None or door.source.closed else door


def build_doors(sources: Sources, providers: Mapping[str, Provider]) -> Doors:
    """Make the doors of all sources; each names a provider that exists."""
    by_slug = {source.slug: _door(source, providers[source.provider]) for source in sources}
    by_path = _documented(by_slug.values(), providers)
    by_path.update({door.source.path: door for door in by_slug.values() if door.source.path})
    wanted = {door.provider.documented_path for door in by_slug.values()} - {None}
    unled = sorted(path for path in wanted if path is not None and path not in by_path)
    return Doors(by_slug, by_path, tuple(unled))


def _door(source: Source, provider: Provider) -> Door:
    key = f"sources.{source.slug}.authentication"
    authenticator = authenticator_of(source.authentication, key)
    return Door(
        source,
        provider,
        authenticator,
        Redactor(
            (*provider.secret_body_fields, *authenticator.secret_fields),
            (secret.get_secret_value() for secret in source.secrets),
            CardFields.of(provider.personal_fields),
        ),
        travelling_for(authenticator),
        any(isinstance(part, IpAllowList) for part in parts(source.authentication)),
    )


def _documented(doors: Iterable[Door], providers: Mapping[str, Provider]) -> dict[str, Door]:
    """Lead a documented path to its provider's only source, or the only one without a `path`."""
    found: dict[str, Door] = {}
    for provider in providers.values():
        candidates = [door for door in doors if door.provider is provider]
        if len(candidates) > 1:
            candidates = [door for door in candidates if door.source.path is None]
        if provider.documented_path is not None and len(candidates) == 1:
            found[provider.documented_path] = candidates[0]
    return found
