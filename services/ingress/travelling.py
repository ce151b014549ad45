"""Which headers of a request travel on with its body. Everything else stays behind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from multidict import istr

from services.ingress.authentication.verdict import Authenticator

USUAL: Final = 256  # characters
SIGNATURE: Final = 8190  # a detached JWS holds a certificate
TRAVELLING: Final[Mapping[str, int]] = MappingProxyType(
    {
        "content-type": USUAL,
        "date": USUAL,
        "user-agent": USUAL,
        "x-request-id": USUAL,
        "x-correlation-id": USUAL,
        "idempotency-key": USUAL,
        "webhook-id": USUAL,
        "webhook-timestamp": USUAL,
        "conectados-jws-signature": SIGNATURE,
    }
)


def travelling_for(authenticator: Authenticator) -> tuple[tuple[istr, str, int], ...]:
    """Return what travels for a source: never a credential, and what it is signed with as evidence.

    As multidict has the names, which then need not look for capitals.
    """
    names = {**dict.fromkeys(sorted(authenticator.signature_headers), SIGNATURE), **TRAVELLING}
    return tuple(
        (istr(name), name, limit)
        for name, limit in names.items()
        if name not in authenticator.carrier_headers
    )
