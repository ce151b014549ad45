"""The sources file for a stack that plays against the sandbox.

The sources and the secrets of their webhooks are those of `caudal up` without a file; what is added
says where and how each provider is asked, and schedules so short that one can watch them.
"""

from __future__ import annotations

from typing import Final

from libs.runtime.development import development_sources
from services.sandbox.accounts import ACCOUNT_ID, DEVELOPMENT, MERCHANT_ID

DEFAULT_PORT: Final = 8090
# The address of each API below the sandbox's own.
PATHS: Final = {
    "clip": "/clip",
    "mobbex": "/mobbex",
    "safe2pay": "/safe2pay",
    "payu": "/payu/v1.0",
}
_HEAD: Final = """\
# Sources for `caudal up --sources`, with every provider's API at a sandbox on loopback.
# `caudal sandbox sources` made it. Everybody knows these credentials; the schedules are for trying out.

"""
_BUDGET: Final = """\
[providers.{provider}]
requests_per_second = 200
concurrency = 8
timeout = "3s"

"""
_OVERDUE: Final = """\
[providers.{provider}.overdue]
default = ["3s", "8s", "20s", "1m", "5m"]
finished = ["5s", "20s", "1m"]

"""


def sources_text(
    url: str = f"http://127.0.0.1:{DEFAULT_PORT}", ingress: str = "http://127.0.0.1:8080"
) -> str:
    """Return the text of the file; `url` is the sandbox, `ingress` where PayU posts to."""
    parts = [_HEAD, development_sources(), "\n"]
    parts += [_api(provider, url, ingress) for provider in DEVELOPMENT]
    parts += [_BUDGET.format(provider=provider) for provider in DEVELOPMENT]
    parts += [_OVERDUE.format(provider=each) for each in (*DEVELOPMENT, "conectados")]
    return "".join(parts).rstrip() + "\n"


def _api(provider: str, url: str, ingress: str) -> str:
    secrets = ", ".join(
        f'{name} = "literal:{secret}"' for name, secret in DEVELOPMENT[provider].items()
    )
    lines = [f"[sources.{provider}.api]", f'base_url = "{url.rstrip("/")}{PATHS[provider]}"']
    if provider == "payu":
        lines += [
            'environment = "sandbox"',
            f'merchant_id = "{MERCHANT_ID}"',
            f'account_id = "{ACCOUNT_ID}"',
            f'callback_url = "{ingress.rstrip("/")}/webhooks/payu?token=dev-payu-token"',
        ]
    lines += [f"credentials = {{ {secrets} }}", "", ""]
    return "\n".join(lines)
