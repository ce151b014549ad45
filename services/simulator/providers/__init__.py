"""The providers that can be simulated. A new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.simulator.lives import Simulation
from services.simulator.providers import clip, conectados, mobbex, payu, safe2pay

SIMULATIONS: Final[Mapping[str, Simulation]] = MappingProxyType(
    {
        module.SIMULATION.slug: module.SIMULATION
        for module in (clip, conectados, mobbex, payu, safe2pay)
    }
)
