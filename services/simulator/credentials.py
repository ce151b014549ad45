"""How a source wants to be convinced: where its secret goes in what is posted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from libs.runtime.configuration import ConfigurationError
from libs.runtime.development import development_sources
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Source, Sources, load_sources, read_sources
from services.simulator.lives import Body
from services.simulator.providers import SIMULATIONS
from services.simulator.proving import Request, can_prove, prove


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of every source that is simulated; the first one of each is used."""

    sources: Mapping[str, Source] = field(repr=False)

    def request(self, source: str, body: Body) -> Request:
        """Return the request that posts a body to a source as its provider would."""
        path = f"/webhooks/{quote(source)}" + (f"/{body.event}" if body.event else "")
        bare = Request(path, {"Content-Type": body.content_type}, body.raw)
        return prove(bare, self.sources[source].authentication)


def credentials_from(
    sources_file: Path | None, *, reader: type[SecretReader] = SecretReader
) -> Credentials:
    """Read a sources file, or take the development sources. Raises `ConfigurationError`.

    `reader` is who reads the secrets: who answers for the APIs as well needs those of the APIs, too.
    Left out are sources that nobody can send to, and those that ask for nothing: what an unsigned
    notice says of a payout is not believed.
    """
    if sources_file is None:
        here = SecretReader(Path.cwd())
        return _checked(read_sources(development_sources(), SIMULATIONS, here))
    return _checked(load_sources(sources_file, SIMULATIONS, reader=reader))


def _checked(sources: Sources) -> Credentials:
    usable = {source.slug: source for source in sources if can_prove(source.authentication)}
    if not usable:
        raise ConfigurationError("sources", "there is none that asks for a secret and has one")
    return Credentials(usable)
