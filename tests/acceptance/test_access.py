"""The whole pipeline, each process with its own login and user, and nothing but these."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.acceptance.stack import CAUDAL, caudal, environment
from tests.integration.access.rooms import Logins, broker_users, logins
from tests.servers import RunningServers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SOURCES = """
[sources.clip]
provider = "clip"
authentication = { kind = "query_token", parameter = "token", secrets = ["literal:token-of-clip"] }
"""
PAYMENT = Path("libs/providers/clip/examples/checkout_created.json")
COMPLAINTS = ("link_lost", "chore_", "batch_failed", "Insufficient", "ACCESS_REFUSED", "buried")


@contextlib.contextmanager
def process(home: Path, name: str, variables: Mapping[str, str]) -> Iterator[None]:
    with (home / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            [CAUDAL, name], stdout=log, stderr=log, cwd=home, env=environment(variables)
        )
    try:
        yield
        assert child.poll() is None
    finally:
        child.terminate()
        child.wait(30)


def logged(home: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(home.glob("*.log")))


def await_line(home: Path, name: str, *words: str) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        text = (home / f"{name}.log").read_text()
        if all(word in text for word in words):
            return text
        time.sleep(0.1)
    raise AssertionError(logged(home))


@pytest.fixture(scope="module")
def doors(servers: RunningServers) -> Iterator[tuple[Logins, Mapping[str, str]]]:
    if servers.addresses.rabbitmq is None or servers.addresses.postgres is None:
        pytest.skip("the servers are somebody else's: no users are made there")
    dsn = servers.fresh_database()
    try:
        with broker_users(servers) as users, logins(servers, dsn) as found:
            yield found, users
            servers.drop_database(dsn)
    finally:
        servers.drop_database(dsn)


def test_webhook_becomes_an_event_with_least_rights(
    doors: tuple[Logins, Mapping[str, str]], tmp_path: Path
) -> None:
    found, users = doors
    sources = tmp_path / "sources.toml"
    sources.write_text(SOURCES)
    common = {"CAUDAL_SOURCES": str(sources), "CAUDAL_LOG_FORMAT": "json"}
    with contextlib.ExitStack() as running:
        for name, more in {
            "ingress": {"CAUDAL_INGRESS_PORT": "0"},
            "normalizer": {},
            "reconciler": {"CAUDAL_POSTGRES_DSN": found.reconciler, "CAUDAL_SWEEP_AFTER": "1"},
        }.items():
            variables = common | {"CAUDAL_AMQP_URL": users[name]} | more
            running.enter_context(process(tmp_path, name, variables))
        await_line(tmp_path, "normalizer", "consumer_linked")
        await_line(tmp_path, "reconciler", "caudal.archive", "caudal.notices", "partitions_made")
        line = await_line(tmp_path, "ingress", '"listening"', "publisher_linked")
        [url] = [json.loads(one)["url"] for one in line.splitlines() if '"listening"' in one]
        for token, status in (("token-of-clip", "200"), ("wrong", "401")):
            posted = subprocess.run(
                ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--data-binary",
                 f"@{PAYMENT.absolute()}", f"{url}/webhooks/clip?token={token}"],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            assert posted.stdout == status
        shown = until_shown(found.readonly)
        assert [each["source"] for each in shown] == ["clip"]
        # the notice of the one that was not let in, and every chore once more
        time.sleep(17)
        silent = caudal("sources", "status", "--json", env={"CAUDAL_POSTGRES_DSN": found.readonly})
        assert '"clip"' in silent.stdout
        watched = caudal("parked", "list", "--json", env={"CAUDAL_POSTGRES_DSN": found.readonly})
        assert json.loads(watched.stdout) == []
    text = logged(tmp_path)
    assert [word for word in COMPLAINTS if word in text] == [], text


def until_shown(dsn: str) -> list[dict[str, object]]:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        ran = caudal("objects", "list", "--json", env={"CAUDAL_POSTGRES_DSN": dsn})
        found: list[dict[str, object]] = json.loads(ran.stdout)
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError("no object came of it")
