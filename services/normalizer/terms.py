"""What the sources file says about translation; apart, for those who translate without a broker."""

from __future__ import annotations

from libs.providers.port import Terms
from libs.runtime.sources import Sources


def terms_of(sources: Sources) -> dict[str, Terms]:
    """Return what the sources file says about the translation of each source."""
    return {
        source.slug: Terms(
            currency=source.currency, timezone=source.timezone, aliases=source.aliases
        )
        for source in sources
    }
