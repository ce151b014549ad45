"""The release before this one works on beside this one: on the new schema, and on the same queues.

The schema is this release's. Workers of both take from each queue at the same time, and both ingresses take
webhooks; in the middle the older ones are stopped, as an upgrade does. The oracle judges both halves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from libs.bus.tail import consumer_counts
from libs.runtime.development import development_sources
from tests.acceptance.older import Older, free_port, listens, previous_release
from tests.acceptance.stack import CAUDAL, Stack, environment
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.rehearsal, pytest.mark.timeout(600)]

TAG: Final = previous_release()
QUEUES: Final = ("caudal.normalizer", "caudal.archive", "caudal.reconciler")
WEBHOOKS: Final = 2500
RATE: Final = 150  # a second, at each of the two ingresses: what goes on while both releases run
PLAN: Final = (
    "--count", str(WEBHOOKS), "--rate", str(RATE), "--duplicates", "0.1", "--reorder", "0.2",
    "--unknown", "0.02", "--malformed", "0.02",
)  # fmt: skip


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Older:
    if TAG is None:
        pytest.skip(
            "there is neither a tag v* nor a commit of pyproject.toml's releases behind HEAD, so no release "
            "to run beside this one: git fetch --tags --unshallow"
        )
    return Older(TAG, tmp_path_factory.mktemp("older"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("up")
    with Stack(home, "--ephemeral", sources=development_sources()) as running:
        yield running


def test_both_releases_share_the_work(older: Older, stack: Stack, tmp_path: Path) -> None:
    told = stack.variables | {
        "CAUDAL_SOURCES": str(stack.home / "sources.toml"),
        "CAUDAL_SPOOL_DIR": str(tmp_path / "spool"),
        "CAUDAL_POLLING": "false",
    }
    port = free_port()
    with contextlib.ExitStack() as running:
        workers = {
            name: running.enter_context(older.worker(tmp_path / name, name, *more, env=told))
            for name, *more in (
                ("ingress", "--port", str(port)),
                ("normalizer", "--name", "older-normalizer"),
                ("reconciler", "--name", "older-reconciler"),
            )
        }
        assert wait_until(lambda: listens(port), seconds=30), workers["ingress"].log.read_text()
        assert wait_until(lambda: _consumers(stack) == [2, 2, 2], seconds=30)
        began = {
            name: _simulate(stack, url, tmp_path / f"{name}.jsonl", name)
            for name, url in (
                ("older", f"http://127.0.0.1:{port}"),
                ("newer", stack.line["ingress_url"]),
            )
        }
        time.sleep(0.5 * WEBHOOKS / RATE)
        # what each of the older has done is that of both releases together, less the newer's
        for name, queue in (
            ("normalizer", "caudal.normalizer"),
            ("reconciler", "caudal.archive"),
            ("reconciler", "caudal.reconciler"),
        ):
            assert 50 < workers[name].done(queue) < 2 * WEBHOOKS, queue
        assert workers["normalizer"].stop() == workers["reconciler"].stop() == 0
        assert _consumers(stack) == [1, 1, 1]
        for name, process in began.items():
            out, errors = process.communicate(timeout=120)
            assert process.returncode == 0, f"{name}: {errors}"
            assert json.loads(out)["given_up"] == 0, name
        assert workers["ingress"].stop() == 0
        for name in began:
            ran = stack.caudal(
                "simulate", "--verify", "--ledger", str(tmp_path / f"{name}.jsonl"),
                "--wait", "90", "--json",
            )  # fmt: skip
            assert ran.returncode == 0, f"{name}: {ran.stdout}{ran.stderr}"
            found = json.loads(ran.stdout)
            print(f"{name}: {TAG} beside this one, {found}")  # noqa: T201 - the verdict is what is shown
            assert found["clean"] is True
            assert found["requests"] == WEBHOOKS
    dead = stack.caudal("dead", "list", "--json")
    assert dead.returncode == 0, dead.stderr
    assert json.loads(dead.stdout)["count"] == 0


def _simulate(stack: Stack, url: str, ledger: Path, run: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [CAUDAL, "simulate", "--url", url, "--run", run, "--seed", str(len(run) + ord(run[0])),
         "--ledger", str(ledger), "--json", *PLAN],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(stack.variables),
    )  # fmt: skip


def _consumers(stack: Stack) -> list[int]:
    return list(asyncio.run(consumer_counts(stack.line["amqp_url"], QUEUES)).values())
