"""The words of a provider that are shown, parked and published, without what belongs to a person.

An adapter reads no personal field. But a provider's own words (why a card was declined, a status that
nobody knows) are free text, and what stands in the wrong field is quoted when it is parked.
"""

from __future__ import annotations

from dataclasses import replace

from libs.contracts.readings import Reading, Unknown
from libs.domain.observation import Observation
from libs.personal.masks import without_personal


def discreet(reading: Reading) -> Reading:
    """Return a reading whose words may be shown to anybody; nearly always the same."""
    if isinstance(reading, Observation):
        told = reading.provider_status, reading.failure_reason, reading.method
        status, reason, method = without_personal(told[0]), _masked(told[1]), _masked(told[2])
        if (status, reason, method) == told:
            return reading
        return replace(reading, provider_status=status, failure_reason=reason, method=method)
    if isinstance(reading, Unknown):
        return replace(
            reading, value=_masked(reading.value), detail=without_personal(reading.detail)
        )
    return reading


def _masked(text: str | None) -> str | None:
    return None if text is None else without_personal(text)
