"""What `caudal payu` says in the end: what became of the payouts, whatever goes wrong after it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from libs.runtime.failures import TemporaryError
from libs.store.database import Pool
from services.cli.main import caudal
from tests.acceptance.payu_desk import known, sources_of
from tests.integration.payouts.rooms import on_record
from tests.payu_api import PayUApi, cut, served, silent

pytestmark = pytest.mark.servers

CAUDAL = Path(sys.executable).with_name("caudal")
DONE, FAILED, MISUSED, PARTLY, UNKNOWN = range(5)
NOBODY = "amqp://guest:guest@127.0.0.1:1/"
CREATE = ("payu", "payouts", "create", "payouts.json", "--sources", "sources.toml", "--json")


@pytest.fixture
def payu_api() -> Iterator[PayUApi]:
    with served() as found:
        yield found


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAUDAL_POSTGRES_DSN", dsn)
    monkeypatch.setenv("CAUDAL_AMQP_URL", NOBODY)
    monkeypatch.setattr("libs.api.repeating._GROWING", lambda _state: 0.01)


def write(api: PayUApi) -> None:
    Path("sources.toml").write_text(sources_of(api))
    Path("payouts.json").write_text(json.dumps([known(5, "d")]))


def ran(api: PayUApi, *arguments: str) -> Result:
    write(api)
    return CliRunner().invoke(caudal, arguments or CREATE)


async def away(*_: object, **__: object) -> Any:  # noqa: ANN401 - in the place of anything
    raise TemporaryError("Postgres: gone")


async def bug(*_: object) -> Any:  # noqa: ANN401 - the same
    raise ValueError("canary")


@pytest.mark.parametrize(
    ("what", "wrong"), [("count_to_be_told", away), ("Publisher.open", away), ("tell", bug)]
)
def test_failure_to_tell_changes_nothing(
    payu_api: PayUApi, monkeypatch: pytest.MonkeyPatch, what: str, wrong: object
) -> None:
    monkeypatch.setattr(f"services.cli.payu_telling.{what}", wrong)
    done = ran(payu_api)
    assert done.exit_code == DONE, done.output
    [order] = payu_api.payouts
    assert [each["payment_order_id"] for each in json.loads(done.stdout)["requests"]] == [order]
    assert "stays on record" in done.stderr
    again = ran(payu_api)
    assert again.exit_code == FAILED
    assert [each["payment_order_id"] for each in json.loads(again.stdout)["done_lately"]] == [order]
    assert "--again" in again.stderr
    assert ran(payu_api, *CREATE, "--again").exit_code == DONE
    assert len(payu_api.payouts) == 2


@pytest.mark.parametrize("wrong", [away, bug])
def test_answer_that_is_not_on_record_is_unknown(
    payu_api: PayUApi, monkeypatch: pytest.MonkeyPatch, wrong: object
) -> None:
    monkeypatch.setattr("services.payouts.requesting.store.settle", wrong)
    done = ran(payu_api)
    assert done.exit_code == UNKNOWN, done.output
    [order] = payu_api.payouts
    assert json.loads(done.stdout)["payment_orders"] == [order]
    assert order in done.stderr
    assert "canary" not in done.output


def test_before_it_is_sent_an_error_is_not_done(
    payu_api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.payouts.requesting.store.mark_sent", away)
    done = ran(payu_api)
    assert isinstance(done.exception, TemporaryError)  # exit code 1, see `services.cli.main`
    assert payu_api.payouts == {}


def test_cancel_that_is_not_on_record_is_unknown(
    payu_api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = "0a0a0a0a-0000-4000-8000-000000000001"
    payu_api.payouts[order] = {}
    cancel = ("payu", "payouts", "cancel", order, "--sources", "sources.toml")
    assert ran(payu_api, *cancel).exit_code == DONE
    monkeypatch.setattr("services.payouts.canceling.store.tell_instead", away)
    done = ran(payu_api, *cancel)
    assert (done.exit_code, order in done.stderr) == (UNKNOWN, True)


@pytest.mark.parametrize("lost", ["the answer", "the record"])
def test_cancel_of_which_nobody_knows_says_so_as_json(
    payu_api: PayUApi, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    order = "0a0a0a0a-0000-4000-8000-000000000001"
    payu_api.payouts[order] = {}
    if lost == "the answer":
        payu_api.instead["DELETE"].append(cut)
    else:
        monkeypatch.setattr("services.payouts.canceling.store.tell_instead", away)
    done = ran(payu_api, "payu", "payouts", "cancel", order, "--sources", "sources.toml", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == UNKNOWN, done.output
    assert (told["payment_order_id"], told["message"]) == (order, None)
    assert told["why"] in done.stderr


def test_json_of_what_was_done_is_printed_before_it_is_told(payu_api: PayUApi) -> None:
    """So it cannot say how much the broker has not taken; stderr does."""
    done = ran(payu_api)
    assert "to_be_told" not in json.loads(done.stdout)
    assert "deliveries are to be told" in done.stderr or "stays on record" in done.stderr


async def started() -> Process:
    return await asyncio.create_subprocess_exec(
        CAUDAL, *CREATE, env=dict(os.environ), stdout=PIPE, stderr=PIPE
    )


@pytest.mark.parametrize(("call", "code"), [("authenticate", FAILED), ("POST", UNKNOWN)])
async def test_interrupt_while_it_waits_for_payu(
    pool: Pool, api: PayUApi, call: str, code: int
) -> None:
    write(api)
    api.instead[call].append(silent)
    process = await started()
    async with asyncio.timeout(60):
        while not (api.seen if call == "POST" else api.authenticated):
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert (process.returncode, b"interrupted" in err) == (code, True)
    assert bool(out) == (code == UNKNOWN)
    assert await on_record(pool) == [("unknown" if code == UNKNOWN else "failed", None)]
    if code == FAILED:
        async with asyncio.timeout(60):
            out, _ = await (await started()).communicate()
        [request] = json.loads(out)["requests"]
        assert (request["state"], request["payment_order_id"]) == ("succeeded", *api.payouts)


@pytest.mark.parametrize("state", ["unknown", "succeeded"])
async def test_reader_that_went_away_is_no_reason_to_pay_again(
    pool: Pool, api: PayUApi, state: str
) -> None:
    write(api)
    if state == "unknown":
        api.instead["POST"].append(cut)
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        CAUDAL, *CREATE, env=dict(os.environ), stdout=writer, stderr=PIPE
    )
    os.close(writer)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == UNKNOWN, err
    assert [name for name, _ in await on_record(pool)] == [state]
    assert all(order.encode() in err for order in api.payouts)


async def test_interrupt_while_it_is_told(
    pool: Pool, api: PayUApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that takes connections and says nothing."""
    write(api)
    with socket.create_server(("127.0.0.1", 0)) as broker:
        port = broker.getsockname()[1]
        monkeypatch.setenv("CAUDAL_AMQP_URL", f"amqp://guest:guest@127.0.0.1:{port}/")
        process = await started()
        assert process.stdout is not None
        async with asyncio.timeout(60):
            shown = await process.stdout.readuntil(b"\n}\n")
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    [order] = api.payouts
    assert (process.returncode, b"on record" in err) == (DONE, True)
    assert json.loads(shown)["requests"][0]["payment_order_id"] == order
    assert await on_record(pool) == [("succeeded", order)]
