"""The sources that are there without a sources file: five providers, secrets for development.

Everybody knows these secrets. They are for `caudal up` and `caudal demo` on loopback alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_SOURCES: Final = """\
# The five providers under their own names, with secrets that everybody knows: for development.

[sources.clip]
provider = "clip"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:dev-clip-token"] }

[sources.payu]
provider = "payu"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:dev-payu-token"] }

[sources.mobbex]
provider = "mobbex"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:dev-mobbex-token"] }

[sources.conectados]
provider = "conectados"
authentication = { kind = "header_token", header = "X-Webhook-Token", secrets = ["literal:dev-conectados-token"] }

[sources.safe2pay]
provider = "safe2pay"
authentication = { kind = "body_field", field = "SecretKey", secrets = ["literal:DEV-SAFE2PAY-SECRET-KEY"] }
"""

# By slug, as a person posts it by hand.
DEVELOPMENT_SECRETS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "clip": "?token=dev-clip-token",
        "payu": "?token=dev-payu-token",
        "mobbex": "?token=dev-mobbex-token",
        "conectados": "X-Webhook-Token: dev-conectados-token",
        "safe2pay": '"SecretKey": "DEV-SAFE2PAY-SECRET-KEY"',
    }
)


def development_sources() -> str:
    """Return the text of a sources file for development."""
    return _SOURCES
