"""The providers that exist. A new one is a folder and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from libs.providers import clip, conectados, mobbex, payu, safe2pay
from libs.providers.port import Provider

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {module.PROVIDER.slug: module.PROVIDER for module in (clip, conectados, mobbex, payu, safe2pay)}
)
