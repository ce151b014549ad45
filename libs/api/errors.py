"""What can become of a call that got no good answer. None of them quotes a credential or a body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from libs.runtime.failures import PermanentError, TemporaryError

# Besides 5xx: answers that ask to come again later.
_LATER: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


class UnsentError(TemporaryError):
    """Nothing has left this process: the same call may be made again."""


class UnansweredError(TemporaryError):
    """It was sent and no whole answer came: it may have had its effect, or not."""


class RefusedError(PermanentError):
    """It was answered with a status of 400 or more.

    `status` is that status, `body` what came with it (it may hold anything: show none of it),
    `after` the seconds of a Retry-After.
    """

    def __init__(
        self, what: str, status: int, body: bytes = b"", after: float | None = None
    ) -> None:
        super().__init__(f"{what} was answered {status}")
        self.status = status
        self.body = body
        self.after = after

    @property
    def passing(self) -> bool:
        """Whether the same call may be answered well later: it says so, or the fault is theirs."""
        return self.status >= 500 or self.status in _LATER

    @property
    def unauthorized(self) -> bool:
        """Whether the credentials, or the token that stands for them, were not accepted."""
        return self.status == HTTPStatus.UNAUTHORIZED

    @property
    def missing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == HTTPStatus.NOT_FOUND
