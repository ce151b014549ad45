"""How a source wants to be convinced: where its secret goes in what is posted to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from libs.runtime.configuration import ConfigurationError
from libs.runtime.development import development_sources
from libs.runtime.secret_references import SecretReader
from libs.runtime.source_authentication import BodyField, HeaderToken, QueryToken
from libs.runtime.sources import Source, Sources, load_sources, read_sources
from services.simulator.lives import SECRET_SLOT, Body
from services.simulator.providers import SIMULATIONS

_SLOT: Final = json.dumps(SECRET_SLOT).encode()


@dataclass(frozen=True, slots=True)
class Request:
    """What goes over the wire. The query and the body may hold a credential."""

    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of every source that is simulated; the first one of each is used."""

    sources: Mapping[str, Source] = field(repr=False)

    def request(self, source: str, body: Body) -> Request:
        """Return the request that posts a body to a source as its provider would."""
        path = f"/webhooks/{quote(source)}" + (f"/{body.event}" if body.event else "")
        headers = {"Content-Type": body.content_type}
        authentication = self.sources[source].authentication
        raw = body.raw
        match authentication:
            case QueryToken(parameter, (secret, *_)):
                path += "?" + urlencode({parameter: secret.get_secret_value()})
            case HeaderToken(header, (secret, *_)):
                headers[header] = secret.get_secret_value()
            case BodyField(_, (secret, *_)):
                raw = raw.replace(_SLOT, json.dumps(secret.get_secret_value()).encode())
            case _:
                pass
        return Request(path, headers, raw)


def credentials_from(sources_file: Path | None) -> Credentials:
    """Read a sources file, or take the development sources. Raises `ConfigurationError`.

    Left out are sources that nobody can send to, and those that ask for nothing: what an unsigned
    notice says of a payout is not believed.
    """
    if sources_file is None:
        here = SecretReader(Path.cwd())
        return _checked(read_sources(development_sources(), SIMULATIONS, here))
    return _checked(load_sources(sources_file, SIMULATIONS))


def _checked(sources: Sources) -> Credentials:
    usable = {source.slug: source for source in sources if source.secrets}
    if not usable:
        raise ConfigurationError("sources", "there is none that asks for a secret and has one")
    return Credentials(usable)
