"""A flag never makes a production address a sandbox: it would only switch the confirmation off."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.runtime.configuration import ConfigurationError
from libs.runtime.source_api import Environment
from services.cli.payu_account import opened

SANDBOX, PRODUCTION = Environment.SANDBOX, Environment.PRODUCTION
API = (
    '[sources.payu]\nprovider = "payu"\nauthentication = { kind = "none" }\n[sources.payu.api]\n'
    'merchant_id = "1"\naccount_id = "2"\n'
    'credentials = { api_key = "literal:k", api_login = "literal:l", public_key = "literal:p" }\n'
)
PROXY = 'base_url = "https://payu-proxy.internal/v1.0"\n'
TUNNEL = 'base_url = "http://127.0.0.1:8443/v1.0"\n'
IS_PRODUCTION, IS_SANDBOX = 'environment = "production"\n', 'environment = "sandbox"\n'


def world(folder: Path, written: str, *, sandbox: bool | None) -> Environment:
    path = folder / "sources.toml"
    path.write_text(API + written)
    return opened(None, path, folder, sandbox=sandbox).environment


@pytest.mark.parametrize(
    ("written", "sandbox"),
    [
        (PROXY + IS_PRODUCTION, True),
        (PROXY, True),  # an address of one's own is production unless the file says otherwise
        (PROXY + IS_SANDBOX, False),
        (TUNNEL + IS_PRODUCTION, True),
        ('base_url = "https://transfers.payulatam.com/v2.0"\n', True),
        ('base_url = "https://sandbox-transfers.payulatam.com/v2.0"\n', False),
    ],
)
def test_flag_that_contradicts_the_address_is_refused(
    tmp_path: Path, written: str, *, sandbox: bool
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        world(tmp_path, written, sandbox=sandbox)
    assert refused.value.key == ("--sandbox" if sandbox else "--production")
    assert "sources.payu.api.base_url is an address of the" in str(refused.value)


@pytest.mark.parametrize(
    ("written", "sandbox", "environment"),
    [
        (PROXY, None, PRODUCTION),
        (PROXY, False, PRODUCTION),
        (PROXY + IS_SANDBOX, True, SANDBOX),
        (TUNNEL, None, SANDBOX),
        (TUNNEL, True, SANDBOX),
        (TUNNEL, False, PRODUCTION),
        (TUNNEL + IS_SANDBOX, False, PRODUCTION),
        (IS_PRODUCTION, True, SANDBOX),
        (IS_SANDBOX, False, PRODUCTION),
    ],
)
def test_other_flags_choose(
    tmp_path: Path, written: str, *, sandbox: bool | None, environment: Environment
) -> None:
    """PayU has an address for each of its worlds, and what plays PayU on this machine may be either."""
    assert world(tmp_path, written, sandbox=sandbox) is environment
