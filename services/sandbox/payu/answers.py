"""What PayU answers when it does not do what was asked. None of these bodies is documented."""

from __future__ import annotations

from typing import Final

from services.sandbox.apis.answers import Answer

SLUG: Final = "payu"


def refused(status: int, *messages: str) -> Answer:
    """Return a failure, in the form that failed items of a request have."""
    return Answer({"processingStatus": "FAILED", "failureMessages": list(messages)}, status)


BROKEN: Final = refused(500, "Internal server error")
RATE_LIMITED: Final = refused(429, "Too many requests")
WRONG_CREDENTIALS: Final = refused(401, "The credentials are not valid")
NO_TOKEN: Final = refused(401, "The token is not valid")
EXPIRED: Final = refused(401, "The token has expired")
WRONG_KEY: Final = refused(401, "The public key is not valid")
WRONG_MERCHANT: Final = refused(403, "The merchant or the account is not yours")
NOT_JSON: Final = refused(400, "The body is not JSON")
