"""`caudal sources check`: which rule says no, about a request that was kept and about what is on file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from libs.contracts.delivery import Delivery
from libs.domain.lifecycle import Authority
from libs.providers.registry import PROVIDERS
from libs.runtime.secret_references import SecretReader
from libs.runtime.sources import Source, read_sources
from services.cli.main import caudal
from services.ingress.checking import (
    NotARequestError,
    check_given,
    check_on_file,
    given,
    let_in,
)
from services.simulator.proving import prove
from tests.unit.ingress.authentication.attempts import NOW, request

SOURCES = """
[sources.shop]
provider = "clip"
authentication = { kind = "any_of", of = [
  { kind = "hmac", header = "X-Signature", secrets = ["literal:key-of-shop"] },
  { kind = "all_of", of = [
    { kind = "header_token", header = "X-Token", secrets = ["literal:token-of-shop"] },
    { kind = "ip_allow_list", networks = ["192.0.2.0/24"] },
  ] },
] }

[sources.plain]
provider = "clip"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:token-of-plain"] }
"""


def source(slug: str = "shop") -> Source:
    return read_sources(SOURCES, PROVIDERS, SecretReader(Path(), {})).by_slug[slug]


def raw(headers: Mapping[str, str], body: bytes = b'{"a": 1}', end: str = "\r\n") -> bytes:
    head = [
        "POST /webhooks/shop?token=token-of-plain HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return (end.join(head) + end * 2).encode() + body


def signed(body: bytes = b'{"a": 1}') -> dict[str, str]:
    return dict(prove(request(body), source().authentication).headers)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_request_is_read_as_it_was_kept(end: str) -> None:
    found = given(raw({"X-Token": " a: b "}, b"\r\n\r\n\x00\n\n", end))
    assert found.target == "/webhooks/shop?token=token-of-plain"
    assert found.headers["x-token"] == "a: b"
    assert found.body == b"\r\n\r\n\x00\n\n"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /\r\n\r\n",
        b"POST / HTTP/1.1\r\nno colon\r\n\r\n",
    ],
)
def test_what_is_no_request_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(NotARequestError):
        given(text)


def test_each_rule_says_what_it_found() -> None:
    found = check_given(source(), given(raw({"X-Token": "other"})), address=ip_address("192.0.2.1"))
    told = {one.path: (one.rule, one.holds, one.why) for one in found}
    assert told == {
        "authentication": ("any_of", False, "not the credential"),
        "authentication.of[0]": ("hmac", False, "no signature"),
        "authentication.of[1]": ("all_of", False, "not the credential"),
        "authentication.of[1].of[0]": ("header_token", False, "not the credential"),
        "authentication.of[1].of[1]": ("ip_allow_list", True, ""),
    }
    assert let_in(found) is False
    assert let_in(check_given(source(), given(raw(signed())))) is True


def delivery(headers: Mapping[str, str], body: bytes = b'{"a": 1}') -> Delivery:
    return Delivery(
        id="01900000-0000-7000-8000-000000000001",
        source="shop",
        provider="clip",
        body=body,
        received_at=NOW,
        authority=Authority.SIGNED,
        headers={name.lower(): value for name, value in headers.items()},
    )


def test_signature_on_file_can_be_checked() -> None:
    assert let_in(check_on_file(source(), delivery(signed()))) is True
    assert let_in(check_on_file(source(), delivery(signed(), b'{"a": 2}'))) is False


def test_token_on_file_cannot() -> None:
    found = check_on_file(source(), delivery({}))
    assert let_in(found) is None
    assert [one.holds for one in found] == [None, False, None, None, None]
    assert let_in(check_on_file(source("plain"), delivery({}))) is None


def run(tmp_path: Path, *argv: str, stdin: bytes = b"") -> Result:
    (tmp_path / "sources.toml").write_text(SOURCES)
    told = ["sources", "check", *argv, "--sources", str(tmp_path / "sources.toml")]
    return CliRunner().invoke(caudal, told, input=stdin)


def test_command_tells_which_rule_failed(tmp_path: Path) -> None:
    done = run(tmp_path, "shop", "--request", "-", "--json", stdin=raw(signed()))
    told = json.loads(done.output)
    assert (done.exit_code, told["let_in"], told["authority"]) == (0, True, "signed")
    assert [rule["rule"] for rule in told["rules"]][:2] == ["any_of", "hmac"]
    spoilt = raw(signed(), b'{"a": 2}')
    done = run(tmp_path, "shop", "--request", "-", stdin=spoilt)
    assert done.exit_code == 1
    assert "FAILS  authentication.of[0] (hmac) the signature does not hold" in done.output


def test_command_shows_no_secret(tmp_path: Path) -> None:
    for stdin in (raw({"X-Token": "token-of-shop"}), raw({"X-Token": "s3cret-of-the-sender"})):
        for more in ((), ("--json",)):
            done = run(tmp_path, "shop", "--request", "-", *more, stdin=stdin)
            assert "of-shop" not in done.output
            assert "of-the-sender" not in done.output
            assert "token-of-plain" not in done.output


def test_time_and_address_may_be_told(tmp_path: Path) -> None:
    shown = raw({"X-Token": "token-of-shop"})
    argv = ("shop", "--request", "-", "--address")
    assert run(tmp_path, *argv, "192.0.2.9", stdin=shown).exit_code == 0
    assert run(tmp_path, *argv, "192.0.3.9", stdin=shown).exit_code == 1
    at = (NOW + timedelta(days=1)).isoformat()
    assert run(tmp_path, *argv, "192.0.2.9", "--at", at, stdin=shown).exit_code == 0


@pytest.mark.parametrize(
    "argv",
    [
        ("shop",),
        ("shop", "--request", "-", "--delivery", "01900000-0000-7000-8000-000000000001"),
        ("nobody", "--request", "-"),
        ("shop", "--request", "-", "--address", "here"),
        ("shop", "--request", "-", "--at", "2026-01-15T12:00:00"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(tmp_path: Path, argv: tuple[str, ...]) -> None:
    assert run(tmp_path, *argv, stdin=raw({})).exit_code == 2
