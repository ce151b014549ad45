"""A database that is lost under load comes back: nothing is lost, and nothing happens twice.

Once from a base backup and the WAL that a second place got with each commit; once from a dump of an hour
before, as it were, with the copies that the broker keeps for the time since.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.losing import LosingHouse, losing_house

pytestmark = [pytest.mark.servers, pytest.mark.rehearsal, pytest.mark.timeout(400)]

WEBHOOKS: Final = 3000
RATE: Final = 100  # a second, so that it goes on after the loss
BACKED_UP_AT: Final = 300  # deliveries on file
LOST_AT: Final = 700


async def all_well(house: LosingHouse) -> dict[str, Any]:
    """Assert that all is as it must be; the oracle knows nothing of what was done here."""
    found = await house.verdict()
    assert found["clean"] is True, found
    assert (found["lost"], found["duplicates_of_effect"], found["unjudged"]) == (0, 0, 0)
    assert found["planned"] == WEBHOOKS
    by_id: dict[str, Any] = {}
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in house.events():
        assert by_id.setdefault(event["id"], event) == event, "one id, two contents"
        numbers[event["partitionkey"]].append(event["sequence"])
    for key, sequence in numbers.items():
        assert sorted(set(sequence)) == list(range(1, max(sequence) + 1)), key
    return found


async def test_point_in_time_with_wal_at_a_second_place(tmp_path: Path, amqp_url: str) -> None:
    """Commits wait for the second place: the restored database has all of them, and all goes on."""
    async with losing_house(tmp_path, amqp_url) as house:
        wal, base = house.shelf / "wal", house.shelf / "base"
        for folder in (wal, base):
            folder.mkdir(mode=0o700)
            house._own(folder)
        await house.ask("select pg_create_physical_replication_slot('caudal_wal', true)")
        receiving = house.begin(
            "pg_receivewal",
            "-D",
            str(wal),
            "--slot=caudal_wal",
            "--synchronous",
            "--no-loop",
            "-d",
            house.dsn,
        )
        try:
            posting = house.simulate(WEBHOOKS, RATE)
            await house.ask("alter system set synchronous_standby_names = 'pg_receivewal'")
            await house.ask("select pg_reload_conf()")
            await house.reach(BACKED_UP_AT)
            await house.program(
                "pg_basebackup",
                "-D",
                str(base),
                "--checkpoint=fast",
                "--wal-method=stream",
                "-d",
                house.dsn,
            )
            await house.reach(LOST_AT)
            await house.lose_database()
            await asyncio.to_thread(receiving.wait, 20)
        finally:
            receiving.kill()
            receiving.wait()
        await asyncio.to_thread(shutil.copytree, base, house.cluster, dirs_exist_ok=True)
        with (house.cluster / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"restore_command = 'cp {wal}/%f %p || cp {wal}/%f.partial %p'\n")
            settings.write("synchronous_standby_names = ''\n")
        (house.cluster / "recovery.signal").touch()
        for path in (house.cluster, *house.cluster.rglob("*")):
            house._own(path)
        await house.database.start()
        while await house.ask("select pg_is_in_recovery()"):
            await asyncio.sleep(0.1)
        # all that was seen there
        assert await house.ask("select count(*) from deliveries") >= LOST_AT
        receiving = await _as_it_was(house)
        try:
            out, errors = await asyncio.to_thread(posting.communicate, timeout=120)
            assert json.loads(out)["given_up"] == 0, errors
            print("point in time:", await all_well(house))  # noqa: T201 - the verdict is what is shown
        finally:
            receiving.kill()
            receiving.wait()


async def _as_it_was(house: LosingHouse) -> subprocess.Popen[bytes]:
    """Have commits wait for a second place again (deploy/backup.md), and return its receiver."""
    wal = house.shelf / "wal-again"
    wal.mkdir(mode=0o700)
    house._own(wal)
    assert await house.ask("select count(*) from pg_replication_slots") == 0
    await house.ask("select pg_create_physical_replication_slot('caudal_wal', true)")
    receiving = house.begin(
        "pg_receivewal", "-D", str(wal), "--slot=caudal_wal", "--synchronous", "--no-loop",
        "-d", house.dsn,
    )  # fmt: skip
    await house.ask("alter system reset restore_command")
    await house.ask("alter system set synchronous_standby_names = 'pg_receivewal'")
    await house.ask("select pg_reload_conf()")
    async with asyncio.timeout(30):
        while await house.ask("select sync_state from pg_stat_replication") != "sync":
            await asyncio.sleep(0.1)
    assert await house.ask("show restore_command") == ""
    return receiving


async def test_dump_and_what_the_broker_kept(tmp_path: Path, amqp_url: str) -> None:
    async with losing_house(tmp_path, amqp_url) as house:
        kept = await house.caudal("topology", "apply", "--keep", "1")
        assert kept.returncode == 0, kept.stderr
        posting = house.simulate(WEBHOOKS, RATE)
        await house.reach(BACKED_UP_AT)
        dump = house.shelf / "dump"
        await house.program("pg_dump", "--format=custom", f"--file={dump}", house.dsn)
        await house.reach(LOST_AT)
        events = await house.ask("select sum(sequence) from objects")
        await house.lose_database()
        await house.stop("reconciler-1", "reconciler-2")
        await house.database.start()
        await house.program("pg_restore", "--no-owner", "-d", house.dsn, str(dump))
        assert (await house.caudal("migrate")).returncode == 0
        assert await house.ask("select sum(sequence) from objects") < events
        dry = await house.caudal("restore", "--dry-run", "--json")
        assert dry.returncode == 0, dry.stderr
        would = json.loads(dry.stdout)
        assert (would["covered"], would["unreadable"]) == (True, 0)
        assert would["missing"] >= 0.5 * (LOST_AT - BACKED_UP_AT)
        assert await house.ask("select sum(sequence) from objects") < events
        done = await house.caudal("restore", "--json", "--by", "ana", "--why", "a rehearsal")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["covered"], found["closed"], found["unreadable"]) == (True, True, 0)
        assert (found["unknown"], found["behind"]) == ([], [])
        assert found["missing"] >= would["missing"]
        again = json.loads((await house.caudal("restore", "--json")).stdout)
        assert (again["unknown"], again["behind"]) == ([], [])
        assert again["missing"] <= would["missing"]  # what came meanwhile
        house.reconcile()
        out, errors = await asyncio.to_thread(posting.communicate, timeout=120)
        assert json.loads(out)["given_up"] == 0, errors
        await house.consuming()
        refused = await house.caudal("restore")
        assert (refused.returncode, "stop the reconcilers first" in refused.stderr) == (1, True)
        looked = await house.caudal("restore", "--dry-run")  # which minds nobody
        assert looked.returncode == 0, looked.stderr
        verdict = await all_well(house)
        print("dump and copies:", found | {"unknown": 0}, verdict)  # noqa: T201 - see above
