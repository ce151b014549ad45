"""What a reader of a message raises when the bytes are not what they should be."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

# Every contract between our processes tells its version first.
_VERSION: Final = re.compile(rb'\s*\{\s*"version"\s*:\s*(\d{1,6})\s*[,}]')


class ContractError(ValueError):
    """The bytes are no message of this contract; the text says why and quotes nothing of them."""


def refused(message: bytes, known: Collection[int], otherwise: str) -> ContractError:
    """Return what to raise for a message that cannot be read.

    It says that the version is not known where that is so: then a newer release can read it, and whoever
    looks at what was buried waits for that one. Else it is what `otherwise` says.
    """
    told = _VERSION.match(message)
    if told is None or int(told[1]) in known:
        return ContractError(otherwise)
    read = " and ".join(map(str, sorted(known)))
    return ContractError(f"version {int(told[1])} is not known to this release, which reads {read}")
