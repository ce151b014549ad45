"""Why a webhook is in a plan, and how many there are of each."""

from __future__ import annotations

from enum import StrEnum

from services.simulator.options import Options


class Role(StrEnum):
    """Why a webhook is in the plan."""

    NEWS = "news"
    AGAIN = "again"  # a byte for byte repetition of another one
    UNKNOWN = "unknown"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"  # another one once more, without its end


def shares(options: Options) -> dict[Role, float]:
    """Return the share of each role."""
    beside = options.malformed + options.unknown + options.duplicates + options.truncated
    return {
        Role.NEWS: max(0.0, 1.0 - beside),
        Role.MALFORMED: options.malformed,
        Role.UNKNOWN: options.unknown,
        Role.AGAIN: options.duplicates,
        Role.TRUNCATED: options.truncated,
    }


def divided(options: Options, count: int) -> dict[Role, float]:
    """Divide a count among the roles. Something has to be there before it can come again."""
    left = count
    found: dict[Role, float] = {}
    for role, share in list(shares(options).items())[1:]:
        most = left - 1 if role is Role.AGAIN and left == count else left
        found[role] = min(round(share * count), most)
        left -= int(found[role])
    return {Role.NEWS: left, **found}
