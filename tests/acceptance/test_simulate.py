"""`caudal simulate` against a running stack: clean where all is well, and never blind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from tests.acceptance.stack import Ran, Stack

pytestmark = [pytest.mark.servers, pytest.mark.slow]

WEBHOOKS: Final = 2000
SEED: Final = 11


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("up"), "--ephemeral", "--reconcilers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def ledger(stack: Stack) -> Path:
    """Return the ledger of a run with everything in it."""
    path = stack.home / "ledger.jsonl"
    ran = simulate(
        stack, "--seed", str(SEED), "--run", "first", "--count", str(WEBHOOKS),
        "--duplicates", "0.2", "--reorder", "0.2", "--delay", "1", "--unknown", "0.03",
        "--malformed", "0.03", "--ledger", str(path), "--json",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["settled"], told["given_up"], told["ended"]) == (WEBHOOKS, 0, "done")
    return path


def simulate(stack: Stack, *arguments: str) -> Ran:
    return stack.caudal("simulate", "--url", stack.line["ingress_url"], *arguments)


def verdict(stack: Stack, ledger: Path, wait: float = 0, code: int = 1) -> dict[str, Any]:
    """Verify, and return what was found; the exit code must be as it should."""
    ran = simulate(stack, "--verify", "--ledger", str(ledger), "--wait", str(wait), "--json")
    assert ran.returncode == code, ran.stdout + ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def execute(stack: Stack, statement: str, *arguments: object) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(stack.line["postgres_dsn"])
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def clean(stack: Stack, ledger: Path) -> dict[str, Any]:
    """Return the verdict on that run, which must be clean; its events are beside the ledger then."""
    return verdict(stack, ledger, wait=60, code=0)


def test_run_verifies_clean(stack: Stack, clean: dict[str, Any]) -> None:
    assert clean["clean"] is True
    assert (clean["lost"], clean["duplicates_of_effect"], clean["unjudged"]) == (0, 0, 0)
    assert clean["accepted"] == clean["archived"] == WEBHOOKS - clean["rejected"]
    assert clean["requests"] == WEBHOOKS
    objects = stack.objects()
    assert clean["objects"] == len(objects) > 500
    assert clean["emitted"] == sum(row["sequence"] for row in objects)
    assert clean["parked"] == len(stack.parked())


@pytest.mark.usefixtures("clean")
def test_other_run_does_not_disturb(stack: Stack, ledger: Path) -> None:
    """A second run on the same database, and the first one judged once more, from its file."""
    second = ledger.with_name("second.jsonl")
    ran = simulate(
        stack, "--seed", str(SEED), "--run", "second", "--count", "300", "--rate", "400",
        "--ledger", str(second), "--providers", "payu,safe2pay",
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert verdict(stack, second, wait=60, code=0)["planned"] == 300
    assert verdict(stack, ledger, wait=60, code=0)["planned"] == WEBHOOKS


@pytest.mark.usefixtures("clean")
def test_tampering_is_named(stack: Stack, ledger: Path) -> None:
    """Each deed is found, with what it was done to; undone, the verdict is clean again."""
    (target,) = execute(
        stack,
        "select id, provider_ref, state from objects where state = 'paid' and kind = 'payment' order by id limit 1",
    )
    (news,) = execute(
        stack, "select delivery_id from observations where object_id = $1 limit 1", target["id"]
    )
    for deed, undo, kind in (
        (
            "with gone as (delete from deliveries where id = $1 returning *) insert into kept select * from gone",
            "insert into deliveries select * from kept",
            "lost_deliveries",
        ),
        (
            "insert into observations select object_id, key || '+', received_at, delivery_id, content from observations where delivery_id = $1",
            "delete from observations where key like '%+'",
            "folded_twice",
        ),
    ):
        execute(stack, "drop table if exists kept")
        execute(stack, "create table kept (like deliveries)")
        execute(stack, deed, news["delivery_id"])
        found = verdict(stack, ledger)
        assert kind in found["differences"]
        assert found["lost"] + found["duplicates_of_effect"] > 0
        execute(stack, undo)
    execute(stack, "update objects set state = 'declined' where id = $1", target["id"])
    found = verdict(stack, ledger)
    assert found["differences"].keys() == {"wrong_states", "last_events_differ"}
    assert target["provider_ref"] in found["differences"]["wrong_states"]["examples"][0]
    execute(stack, "update objects set state = 'paid' where id = $1", target["id"])
    verdict(stack, ledger, code=0)


@pytest.mark.usefixtures("clean")
def test_missing_event_is_lost(stack: Stack, ledger: Path) -> None:
    """What the tap has given is kept beside the ledger; an event that is not there was not told."""
    kept = ledger.with_name(ledger.name + ".events")
    whole = kept.read_bytes()
    lines = whole.splitlines(keepends=True)
    kept.write_bytes(b"".join(lines[1:]))
    found = verdict(stack, ledger)
    kept.write_bytes(whole)
    assert found["lost"] == found["differences"]["lost_events"]["total"] == 1
    told = json.loads(lines[0])["data"]["provider_ref"]
    assert told in found["differences"]["lost_events"]["examples"][0]


def test_clean_up_ends_it(stack: Stack, ledger: Path) -> None:
    ran = simulate(stack, "--verify", "--ledger", str(ledger), "--wait", "60", "--clean-up")
    assert ran.returncode == 0
    assert "clean: nothing differs" in ran.stdout
    again = simulate(stack, "--verify", "--ledger", str(ledger), "--wait", "0")
    assert again.returncode == 1
    assert "there is no queue caudal.simulate." in again.stderr


@pytest.mark.parametrize(
    "misuse",
    [
        ["--providers", "stripe"],
        ["--count", "5", "--duration", "5"],
        ["--duplicates", "1.5"],
        ["--sources", "/nowhere.toml"],
    ],
)
def test_misuse_is_told(stack: Stack, misuse: list[str]) -> None:
    assert simulate(stack, *misuse).returncode == 2


@pytest.mark.parametrize("name", ["a/b", "../x", "", ".hidden", "x" * 41])
def test_odd_run_names_are_refused(stack: Stack, name: str) -> None:
    ran = stack.caudal("simulate", "--run", name, "--count", "1")
    assert (ran.returncode, "--run" in ran.stderr) == (2, True)


def test_name_is_taken_once(stack: Stack, tmp_path: Path) -> None:
    """Two runs of one name would accuse each other."""
    told = ("simulate", "--run", "once", "--count", "5", "--url", stack.line["ingress_url"])
    assert stack.caudal(*told, "--ledger", str(tmp_path / "one")).returncode == 0
    again = stack.caudal(*told, "--ledger", str(tmp_path / "two"))
    assert (again.returncode, "another --run" in again.stderr) == (1, True)
