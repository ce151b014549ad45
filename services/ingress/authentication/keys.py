"""The secrets of one rule as bytes, and which of them hold now."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from libs.runtime.authentication.secrets import Secret
from services.ingress.authentication.verdict import Attempt


class Keys:
    """Compares with every secret that holds, in constant time and without stopping at the first match.

    So the time tells neither how much was right nor which secret it was.
    """

    __slots__ = ("_all", "_always")

    def __init__(self, secrets: Sequence[Secret], encode: Callable[[str], bytes]) -> None:
        self._all = [(secret, encode(secret.get_secret_value())) for secret in secrets]
        always = all(secret.always for secret in secrets)
        self._always = [key for _, key in self._all] if always else None

    def of(self, attempt: Attempt) -> Sequence[bytes]:
        """Return those that hold at the time of the attempt."""
        if self._always is not None:
            return self._always
        now = attempt.time()
        return [key for secret, key in self._all if secret.holds_at(now)]

    def match(self, presented: bytes, attempt: Attempt) -> bool:
        """Tell whether what was presented is one of them."""
        return matches(presented, self.of(attempt))


def matches(presented: bytes, expected: Sequence[bytes]) -> bool:
    """Compare with every one that is expected."""
    found = False
    for one in expected:
        found |= hmac.compare_digest(presented, one)
    return found
