"""schemathesis against the real ingress and the real port for operators, by their own document.

CAUDAL_SURFACE_EXAMPLES says how many requests each operation is asked at most, beside those that cover its
form (`make surface`).
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from services.surface import operators, webhooks
from services.surface.document import openapi
from tests.integration.store.rooms import logged, template
from tests.integration.surface.house import TOKEN, UNLIMITED, WORD, House, house
from tests.servers import RunningServers
from tests.unit.reconciler.telling import delivery_id

__all__ = ["logged", "template"]

pytestmark = pytest.mark.servers

SCHEMATHESIS: Final = Path(sys.executable).with_name("schemathesis")
EXAMPLES: Final = int(os.environ.get("CAUDAL_SURFACE_EXAMPLES", "3"))
EXAMPLE: Final = Path("libs/providers/clip/examples/checkout_created.json")
# What the ingress is sent is its providers' business: it takes what it cannot read as well.
OF_THE_PROVIDERS: Final = ("negative_data_rejection", "positive_data_acceptance")
# `GET /objects/poll` asks for the objects that are called "poll", so its `Allow` says more than one path does.
OPERATORS: Final = f"""\
headers = {{ Authorization = "Bearer {TOKEN}" }}
[[operations]]
include-path = "/objects/poll"
checks.allow_header_conformance.enabled = false
"""
CONFIG: Final = """\
base-url = "{url}"
request-timeout = 20.0
warnings = false
continue-on-failure = true
{more}
[generation]
max-examples = {examples}
deterministic = {deterministic}
database = "none"
{checks}
"""


@pytest.fixture(scope="module")
def running(
    servers: RunningServers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Give all of it, with a few webhooks taken and parked."""
    amqp_url, dsn = servers.fresh_vhost(), servers.fresh_database(template)
    with house(amqp_url, dsn, tmp_path_factory.mktemp("spool"), **UNLIMITED) as found:
        for path in ("clip", "mobbex", "clip"):
            post(f"{found.ingress}/webhooks/{path}?token={WORD}", EXAMPLE.read_bytes())
        yield found
    servers.drop_database(dsn)
    servers.release_vhost(amqp_url)


def post(url: str, body: bytes, status: int = 200) -> None:
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as said:  # noqa: S310
        assert said.status == status


def document_of(tag: str) -> dict[str, Any]:
    """Return the part of the document that tells of one of the two ports."""
    document = copy.deepcopy(openapi())
    document["paths"] = {
        path: item
        for path, item in document["paths"].items()
        if any(tag in operation["tags"] for name, operation in item.items() if name != "servers")
    }
    for item in document["paths"].values():
        del item["servers"]
    return document


def tried(
    document: dict[str, Any],
    url: str,
    folder: Path,
    *,
    more: str = "",
    without: tuple[str, ...] = (),
) -> str:
    """Have schemathesis try it; returns what it said. Fails where it found anything."""
    (folder / "openapi.json").write_text(json.dumps(document))
    config = CONFIG.format(
        url=url,
        more=more,
        examples=EXAMPLES,
        deterministic="true" if os.environ.get("CAUDAL_TEST_PROFILE") == "ci" else "false",
        checks="\n".join(f"[checks.{name}]\nenabled = false" for name in without),
    )
    (folder / "schemathesis.toml").write_text(config)
    ran = subprocess.run(
        [SCHEMATHESIS, "--no-color", "run", "openapi.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr
    print(ran.stdout)  # noqa: T201 - the figures, with -s
    return ran.stdout


def ask(running: House, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    told = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(f"{running.operators}{path}", told, headers)  # noqa: S310
    with urllib.request.urlopen(request) as said:  # noqa: S310
        return json.load(said)


def test_what_is_parked_is_translated_again_while_it_is_waited_for(running: House) -> None:
    """From the webhook to the record, through the real workers."""
    end = time.monotonic() + 30
    post(f"{running.ingress}/webhooks/conectados?token={WORD}", b'{"event_type":"new"}', 201)
    while not (parked := ask(running, "/parked?source=conectados")):
        assert time.monotonic() < end
        time.sleep(0.05)
    [delivery] = {each["delivery_id"] for each in parked}
    told: dict[str, Any] = {
        "deliveries": [delivery, delivery_id(1)],
        "why": "look",
        "wait": 30,
    }
    said = ask(running, "/parked/replay", told)
    [group] = said.pop("still")
    assert group["sample"] == delivery
    assert said == {
        "asked": 1, "sent": 1, "missing": [], "not_opened": [], "not_parked": [delivery_id(1)],
        "resolved": 0, "still_parked": 1, "not_taken": [],
    }  # fmt: skip
    [parked] = ask(running, "/parked?source=conectados")
    assert parked["replays"] == 1
    [act] = ask(running, "/acts?action=parked.replay&limit=1")
    assert (act["who"], act["via"], act["why"]) == ("ana", "http", "look")
    assert act["subject"] == {"deliveries": sorted(told["deliveries"])}
    assert (act["outcome"], act["ended_at"] is None) == ({"asked": 1, "sent": 1}, False)


def test_ingress_is_what_its_document_says_on_both_lanes(running: House, tmp_path: Path) -> None:
    document = document_of(webhooks.TAG)
    for item in document["paths"].values():
        for parameter in item.get("post", {}).get("parameters", ()):
            if parameter["name"] == "source":
                slugs = ["clip", "conectados", "mobbex", "safe2pay", "nobody"]
                parameter["schema"] = {"type": "string", "enum": slugs}
        if "post" in item:
            token = {"type": "string", "enum": [WORD, "wrong"]}
            item["post"]["parameters"].append({"name": "token", "in": "query", "schema": token})
    before = running.lanes.passed
    tried(document, running.both, tmp_path, without=OF_THE_PROVIDERS)
    assert running.lanes.passed - before > 50
    assert running.lanes.different == []


def test_port_for_operators_is_what_its_document_says(running: House, tmp_path: Path) -> None:
    document = document_of(operators.TAG)
    # that a reason is not blank, and what excludes each other, is said in words alone
    tried(
        document,
        running.operators,
        tmp_path,
        more=OPERATORS,
        without=("positive_data_acceptance",),
    )
