"""The words of a provider that are shown, parked and published, without what belongs to a person.

An adapter reads no personal field. But a provider's own words (why a card was declined, a status that
nobody knows) are free text, and what stands in the wrong field is quoted when it is parked. References
and ids stay as they are, whatever they look like: by them an object is found.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from libs.contracts.readings import Ignored, Poke, Reading, Unknown
from libs.domain.observation import Observation
from libs.personal.masks import without_personal

# What a fact must have to be looked through: a time or an amount, as most of them are, has neither.
_PERSONAL_FACT: Final = re.compile(r"@|[0-9](?:[ -]?[0-9]){12}")


def discreet(reading: Reading) -> Reading:
    """Return a reading whose words may be shown to anybody; nearly always the same."""
    match reading:
        case Observation():
            return _observation(reading)
        case Unknown():
            return replace(
                reading, value=_masked(reading.value), detail=without_personal(reading.detail)
            )
        case Poke():
            why = without_personal(reading.why)
            return reading if why == reading.why else replace(reading, why=why)
        case Ignored():
            status = without_personal(reading.provider_status)
            same = status == reading.provider_status
            return reading if same else replace(reading, provider_status=status)


def _observation(said: Observation) -> Observation:
    told = said.provider_status, said.failure_reason, said.method
    status, reason, method = without_personal(told[0]), _masked(told[1]), _masked(told[2])
    facts = _facts(said.facts) if said.facts else said.facts
    if (status, reason, method) == told and facts is said.facts:
        return said
    return replace(said, provider_status=status, failure_reason=reason, method=method, facts=facts)


def _facts(facts: dict[str, str]) -> dict[str, str]:
    """Return the facts masked; the same object where nothing is to be masked.

    Nearly always that is seen by one look at all of them.
    """
    if _PERSONAL_FACT.search("\n".join(facts.values())) is None:
        return facts
    masked = {
        name: without_personal(text)
        for name, text in facts.items()
        if _PERSONAL_FACT.search(text) is not None
    }
    return {**facts, **masked} if masked else facts


def _masked(text: str | None) -> str | None:
    return None if text is None else without_personal(text)
