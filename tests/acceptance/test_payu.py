"""`caudal payu` on a running stack, against a PayU on loopback: what an operator does with payouts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from tests.acceptance.payu_desk import (
    CANARY,
    DONE,
    FAILED,
    MISUSED,
    PARTLY,
    PERSONAL,
    SECONDS,
    UNKNOWN,
    becomes,
    document,
    known,
    located,
    new,
    notify,
    payout,
    payu,
    sources_of,
    told,
)
from tests.acceptance.stack import Stack, caudal
from tests.payu_api import ACCOUNT, KEY, PayUApi, answering, cut, served
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def api() -> Iterator[PayUApi]:
    with served() as found:
        yield found


@pytest.fixture(autouse=True)
def _as_new(api: PayUApi) -> None:
    api.instead.clear()
    api.seen.clear()


@pytest.fixture(scope="module")
def stack(api: PayUApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("payu")
    with Stack(home, "--ephemeral", sources=sources_of(api)) as running:
        running.listen()
        yield running


def test_credentials_are_tried_and_no_token_is_shown(stack: Stack) -> None:
    assert "good until" in payu(stack, "authenticate").stdout
    assert set(told(stack, "authenticate")) == {"source", "environment", "valid_until"}


def test_wrong_credentials_are_refused_without_being_told(
    stack: Stack, api: PayUApi, tmp_path: Path
) -> None:
    """PayU's answer quotes them; what is shown does not."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(sources_of(api).replace(f"literal:{KEY}", "literal:canary-wrong"))
    ran = stack.caudal("payu", "authenticate", "--sources", str(wrong))
    assert (ran.returncode, "401" in ran.stderr) == (FAILED, True)
    assert CANARY not in ran.stderr + ran.stdout


def test_payout_is_an_object_from_then_on_and_its_webhooks_fold_into_it(
    stack: Stack, tmp_path: Path
) -> None:
    [request] = told(stack, "payouts", "create", document(tmp_path, new(1500000, "ORD-1")))[
        "requests"
    ]
    assert (request["state"], request["value"]) == ("succeeded", "1500000")
    ref = request["payment_order_id"]
    found = becomes(stack, ref, "created")
    assert (found["merchant_ref"], found["amount"], found["authority"], found["currency"]) == (
        "ORD-1",
        "1500000.00",
        "operator",
        "COP",
    )
    notify(stack, ref, value=1500000, state="AWAITING SANCTION SCREENING")
    becomes(stack, ref, "in_review")
    notify(stack, ref, value=1500000, state="PROCESSING COMPLETED", status="CONFIRMED BY THE BANK")
    assert "uncorroborated" in becomes(stack, ref, "paid")["flags"]
    report = tmp_path / f"1790000000000_payment_orders_{ACCOUNT}.csv"
    report.write_text(f"pushPaymentId,status,value\n{ref},Approved,1500000.00\n")
    payu(stack, "report", "import", str(report))
    assert wait_until(
        lambda: "uncorroborated" not in becomes(stack, ref, "paid")["flags"], seconds=30
    )
    assert becomes(stack, ref, "paid")["flags"] == []


def test_webhook_that_comes_first(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    """PayU notifies before it has answered us: the state is what it said, not `created`."""
    early: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        transfers = json.loads(await request.read())["transfers"]
        response = answering(200, api._create(transfers))
        early.append(next(reversed(api.payouts)))
        notify(stack, early[0], value=70000, state="AWAITING_SANCTION_SCREENING")
        return await response(request)

    api.instead["POST"].append(answer)
    done = told(stack, "payouts", "create", document(tmp_path, known(70000, "early")))
    [ref] = early
    assert done["requests"][0]["payment_order_id"] == ref
    assert wait_until(
        lambda: (payout(stack, ref) or {}).get("merchant_ref") == "early", seconds=SECONDS
    )
    found = payout(stack, ref)
    assert found is not None
    assert (found["state"], found["flags"]) == ("in_review", [])


def test_partial_success_is_an_answer(stack: Stack, tmp_path: Path) -> None:
    file = document(tmp_path, known(10, "good"), new(20, "bad", "8"), known(30, "good too"))
    assert "is no bank code" in payu(stack, "payouts", "create", file, code=MISUSED).stderr
    done = told(stack, "payouts", "create", file, "--allow-unknown", code=PARTLY)
    assert [each["state"] for each in done["requests"]] == ["succeeded", "failed", "succeeded"]
    assert done["requests"][1]["failures"] == ["There is no registered bank with code: 8"]
    for each in done["requests"]:
        if each["payment_order_id"]:
            becomes(stack, each["payment_order_id"], "created")


def test_all_that_is_wrong_is_told_and_nothing_is_sent(
    stack: Stack, api: PayUApi, tmp_path: Path
) -> None:
    bad = new(0, "x")
    bad["bankAccount"] |= {"country": "COL", "documentNumber": "canary-9"}
    ran = payu(stack, "payouts", "create", document(tmp_path, known(1, "y"), bad), code=MISUSED)
    assert [line.split(": ")[1] for line in ran.stderr.splitlines()] == [
        "transfers[1].value",
        "transfers[1].bankAccount.country",
        "transfers[1].bankAccount.documentNumber",
    ]
    assert api.seen == []


def test_lost_answer_is_unknown_until_it_is_resolved(
    stack: Stack, api: PayUApi, tmp_path: Path
) -> None:
    file = document(tmp_path, new(555, "lost"))
    api.instead["POST"].append(cut)
    [request] = told(stack, "payouts", "create", file, code=UNKNOWN)["requests"]
    assert (request["state"], request["payment_order_id"]) == ("unknown", None)
    again = told(stack, "payouts", "create", file, code=UNKNOWN)
    assert [each["id"] for each in again["in_the_way"]] == [request["id"]]
    assert len(api.seen) == 1
    listed = told(stack, "payouts", "requests", "--unknown")
    assert request["id"] in {each["id"] for each in listed}

    resolve = ("payouts", "resolve", request["id"])
    payu(stack, *resolve, "--reason", "x", code=MISUSED)
    payu(stack, *resolve, "--not-sent", "--sent", "a", "--reason", "x", code=MISUSED)
    done = told(stack, *resolve, "--not-sent", "--reason", "not in the module")
    assert (done["state"], done["resolution"]) == ("resolved", "not_sent")
    payu(stack, *resolve, "--not-sent", "--reason", "again", code=FAILED)
    assert told(stack, "payouts", "create", file)["requests"][0]["state"] == "succeeded"


def test_lost_answer_that_was_carried_out(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    api.instead["POST"].append(answering(500))
    file = document(tmp_path, known(777, "carried out"))
    [request] = told(stack, "payouts", "create", file, code=UNKNOWN)["requests"]
    order = "0a0a0a0a-0000-4000-8000-000000000777"
    done = told(
        stack, "payouts", "resolve", request["id"], "--sent", order.upper(), "--reason", "seen"
    )
    assert (done["payment_order_id"], done["resolved_by"]) == (order, "operator")
    assert becomes(stack, order, "created")["amount"] == "777.00"


def test_report_resolves_what_it_alone_can_be(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    api.instead["POST"].extend([answering(502)] * 2)
    [one] = told(
        stack, "payouts", "create", document(tmp_path, known(4001, "only one")), code=UNKNOWN
    )["requests"]
    [two] = told(
        stack, "payouts", "create", document(tmp_path, known(4002, "two of it")), code=UNKNOWN
    )["requests"]
    orders = [f"0b0b0b0b-0000-4000-8000-00000000000{n}" for n in range(4)]
    report = tmp_path / "report.csv"
    at = datetime.now(UTC).strftime("%d/%m/%Y %H:%M:%S")
    lines = (
        "\ufeffPayment Order Id;Status;Value;Description;Creation date;Full name\n"
        f"{orders[0]};Approved;4001,00;only one;{at};Canary Fullname\n"
        f"{orders[1]};In progress;4002,00;two of it;{at};Canary Fullname\n"
        f"{orders[2]};In progress;4002,00;two of it;{at};Canary Fullname\n"
        f"{orders[3]};Devuelto;5;x;{at};Canary Fullname\n"
        f";Approved;1;x;{at};Canary Fullname\n"
        "short\n"
    )
    report.write_text(lines.replace(at, ""))
    undated = told(stack, "report", "import", str(report), "--dry-run", code=PARTLY)
    assert undated["resolved"] == []
    assert undated["ambiguous"][0] == {"request": one["id"], "payment_order_ids": orders[:1]}
    report.write_text(lines)
    before = len(stack.objects("--source", "payu"))
    dry = told(stack, "report", "import", str(report), "--dry-run", code=PARTLY)
    assert (dry["rows"], dry["resolved"][0]["request"]) == (4, one["id"])
    assert len(stack.objects("--source", "payu")) == before
    done = told(stack, "report", "import", str(report), code=PARTLY)
    assert done["resolved"] == [{"request": one["id"], "payment_order_id": orders[0], "line": 2}]
    assert done["ambiguous"] == [{"request": two["id"], "payment_order_ids": orders[1:3]}]
    assert [each["line"] for each in done["unreadable"]] == [6, 7]
    found = becomes(stack, orders[0], "paid")
    assert (found["authority"], found["merchant_ref"]) == ("report", "only one")
    becomes(stack, orders[1], "processing")
    assert wait_until(
        lambda: [p["value"] for p in stack.parked("--source", "payu")] == ["Devuelto"], seconds=30
    )
    states = {o["provider_ref"]: (o["state"], o["sequence"]) for o in stack.objects()}
    again = told(stack, "report", "import", str(report), code=PARTLY)
    assert (again["resolved"], again["to_be_told"]) == ([], 0)
    last = tmp_path / "last.csv"
    last.write_text(f"id,status\n{orders[2]},Rejected\n")
    payu(stack, "report", "import", str(last))
    becomes(stack, orders[2], "rejected")
    now = {o["provider_ref"]: (o["state"], o["sequence"]) for o in stack.objects()}
    assert {k: v for k, v in now.items() if k != orders[2]} == {
        k: v for k, v in states.items() if k != orders[2]
    }


def test_report_of_another_account_is_refused(stack: Stack, tmp_path: Path) -> None:
    report = tmp_path / "1790000000000_payment_orders_999.csv"
    report.write_text("id,status\na,Approved\n")
    payu(stack, "report", "import", str(report), code=MISUSED)
    report = tmp_path / "none.csv"
    report.write_text("name,amount\na,1\n")
    payu(stack, "report", "import", str(report), code=MISUSED)


def test_granted_cancel_is_canceled(stack: Stack, tmp_path: Path) -> None:
    [request] = told(stack, "payouts", "create", document(tmp_path, known(88, "cancel me")))[
        "requests"
    ]
    ref = request["payment_order_id"]
    assert told(stack, "payouts", "cancel", ref, "--comments", "twice")["message"] == (
        "Cancellation request received"
    )
    becomes(stack, ref, "cancel_requested")
    notify(stack, ref, value=88, state="REJECTED")
    becomes(stack, ref, "canceled")
    payu(stack, "payouts", "cancel", "unknown-id", code=FAILED)
    payu(stack, "payouts", "cancel", "not/an id", code=MISUSED)


def test_lost_cancel_is_canceled_where_the_payout_is_rejected(
    stack: Stack, api: PayUApi, tmp_path: Path
) -> None:
    [request] = told(stack, "payouts", "create", document(tmp_path, known(89, "cancel me too")))[
        "requests"
    ]
    ref = request["payment_order_id"]
    becomes(stack, ref, "created")
    api.instead["DELETE"].append(cut)
    payu(stack, "payouts", "cancel", ref, code=UNKNOWN)
    payu(stack, "payouts", "requests", "--tell")
    notify(stack, ref, value=89, state="REJECTED")
    becomes(stack, ref, "canceled")


def test_same_file_is_not_paid_twice(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    file = document(tmp_path, known(90, "once"))
    [first] = told(stack, "payouts", "create", file)["requests"]
    again = told(stack, "payouts", "create", file, code=FAILED)
    assert ([each["id"] for each in again["done_lately"]], len(api.seen)) == ([first["id"]], 1)
    told(stack, "payouts", "create", file, "--again")
    assert len(api.seen) == 2


def test_batch_of_a_name_is_sent_once(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    file = document(tmp_path, known(91, "named"))
    first = told(stack, "payouts", "create", file, "--request-id", "salaries-1")
    again = told(stack, "payouts", "create", file, "--request-id", "salaries-1")
    assert (first["again"], again["again"], len(api.seen)) == (False, True, 1)
    assert again["requests"] == first["requests"]
    other = document(tmp_path, known(92, "named"))
    payu(stack, "payouts", "create", other, "--request-id", "salaries-1", code=MISUSED)


def test_production_is_asked_about(stack: Stack, api: PayUApi, tmp_path: Path) -> None:
    """Nobody can be asked here: without --yes nothing is sent."""
    file = document(tmp_path, known(93, "real"))
    ran = payu(stack, "payouts", "create", file, "--production", code=MISUSED)
    assert "--yes" in ran.stderr
    payu(stack, "webhooks", "sync", "--production", code=MISUSED)
    assert not [each for each in api.seen if each.method != "GET"]
    payu(stack, "payouts", "create", file, "--production", "--yes")


def test_webhooks_by_hand(stack: Stack, api: PayUApi) -> None:
    api.webhooks.clear()
    url = "https://hooks.example.com/elsewhere?token=canary-elsewhere"
    made = told(
        stack,
        "webhooks",
        "create",
        "--url",
        url,
        "--description",
        "d",
        "--event",
        "TRANSFER_UPDATE",
    )
    assert made["url"] == "https://hooks.example.com/elsewhere?token=…"
    assert api.webhooks[made["id"]]["callbackUrl"] == url
    changed = told(stack, "webhooks", "update", made["id"], "--event", "VALIDATION_RESULT")
    assert changed["events"] == ["VALIDATION_RESULT"]
    assert api.webhooks[made["id"]]["callbackUrl"] == url
    assert told(stack, "webhooks", "get", made["id"])["id"] == made["id"]
    assert [each["id"] for each in told(stack, "webhooks", "list")] == [made["id"]]
    assert "elsewhere?token=…" in payu(stack, "webhooks", "list").stdout
    assert told(stack, "webhooks", "delete", made["id"])["status"] == "DELETED"
    payu(stack, "webhooks", "get", made["id"], code=FAILED)
    payu(stack, "webhooks", "create", "--url", "ftp://x", "--description", "d", code=MISUSED)
    api.instead["POST"].append(cut)
    payu(stack, "webhooks", "create", "--url", url, "--description", "d", code=UNKNOWN)


def test_webhooks_are_brought_in_line(stack: Stack, api: PayUApi) -> None:
    api.webhooks.clear()
    base = "https://hooks.example.com/webhooks/payu"
    api.webhooks |= {
        name: {"id": name, "callbackUrl": url, "description": about, "enabledEvents": events}
        for name, url, about, events in (
            ("rotated", f"{base}/TRANSFER_UPDATE?token=old", "x", ["TRANSFER_UPDATE"]),
            ("everything", base, "x", ["TRANSFER_UPDATE", "TRANSFER_CREATION"]),
            ("moved", "https://old.example.com/x", "Caudal payu: gone", ["TRANSFER_UPDATE"]),
            ("theirs", "https://erp.example.com/payu", "ERP", ["TRANSFER_UPDATE"]),
        )
    }
    before = json.dumps(api.webhooks)
    dry = told(stack, "webhooks", "sync", "--dry-run")
    assert json.dumps(api.webhooks) == before
    assert [(each["action"], each.get("id")) for each in dry] == [
        ("create", None),
        ("create", None),
        ("update", "rotated"),
        ("delete", "everything"),
        ("delete", "moved"),
    ]
    assert told(stack, "webhooks", "sync") == dry
    wanted = {
        f"{base}/{event}?token=canary-callback": [event]
        for event in ("TRANSFER_CREATION", "TRANSFER_UPDATE", "VALIDATION_RESULT")
    }
    assert {
        each["callbackUrl"]: each["enabledEvents"] for each in api.webhooks.values()
    } == wanted | {"https://erp.example.com/payu": ["TRANSFER_UPDATE"]}
    assert {each["action"] for each in told(stack, "webhooks", "sync")} == {"keep"}
    assert "keep" in payu(stack, "webhooks", "sync", "--dry-run").stdout


def test_what_the_broker_did_not_take_is_told_later(stack: Stack, tmp_path: Path) -> None:
    file = document(tmp_path, known(94, "told later"))
    ran = caudal(
        "payu", "payouts", "create", file, "--json", *located(stack, ()),
        env=stack.variables | {"CAUDAL_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/"},
    )  # fmt: skip
    assert ran.returncode == DONE, ran.stderr
    ref = json.loads(ran.stdout)["requests"][0]["payment_order_id"]
    becomes(stack, ref, "created")  # by a reconciler: no other command runs
    payu(stack, "payouts", "requests", "--tell")


def test_nothing_of_it_is_in_a_log(stack: Stack) -> None:
    log = stack.log()
    assert [secret for secret in (CANARY, *PERSONAL) if secret in log] == []
    assert stack.ask("parked", "list", "--reason", "failed") == []
