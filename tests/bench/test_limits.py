"""The limits: what is read and written beside the servers, and each measurement once, for short."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from bench.limits import measure
from bench.limits.broker import (
    Publishing,
    confirm_time,
    confirmed_rate,
    publish_to,
    read_confirms,
    vhost_of,
)
from bench.limits.captured import Call, Captured, capture, transactions
from bench.limits.disk import filesystem_of, sync_time
from bench.limits.figures import Limit, cpu_cost, percentile, spread
from bench.limits.machine import broker_settings, cpu_model, cpu_ticks, memory_gib
from bench.limits.measure import Extent
from bench.limits.parts import http_time, summed
from bench.limits.pgbench import find_pgbench, read_commands, read_times
from bench.limits.postgres import commit_time, copied_rate, replayable, replayed_rate, rows_of
from bench.limits.programs import ProgramFailedError, answer_of
from bench.limits.room import Room, room
from bench.limits.rows import portions_of, rows_in
from bench.limits.script import in_one_order, literal, script_of
from bench.limits.webhooks import TOGETHER, Sizes, deliveries, outcomes
from bench.load.corpus import Corpus
from bench.native_programs import NativeMissingError, native
from libs.contracts import webhook_received
from libs.embedded.rabbitmq_node import CONFIGURATION
from libs.store.queries import query, together
from tests.servers import RunningServers

ROOT = Path(__file__).parents[2]
BATCHES = 7
WEBHOOKS = 20


@pytest.mark.parametrize(("share", "expected"), [(0, 1.0), (50, 51.0), (99, 100.0), (100, 100.0)])
def test_percentile_is_a_measured_value(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], share) == expected


def test_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_spread_sorts_and_scales() -> None:
    assert spread([0.003, 0.001, 0.002], "ms", 1e3) == {
        "p50_ms": 2.0, "p99_ms": 3.0, "samples": 3,
    }  # fmt: skip


def test_unknown_cpu_is_not_told() -> None:
    assert cpu_cost(0.0, 10, "webhook") == {}
    assert cpu_cost(0.5, 1000, "webhook") == {"server_cpu_us_per_webhook": 500.0}


def test_idle_latency_sums_three_publishes() -> None:
    def part(p50: float, p99: float) -> Limit:
        also = {"p50_ms": p50, "p99_ms": p99}
        return Limit(name="", value=p50, unit="ms", also=also, settings={"apart_s": 0.0})

    total = summed(part(0.25, 1.0), part(0.5, 2.0), part(0.125, 4.0))
    assert (total.value, total.also["p99_ms"]) == (0.25 + 1.5 + 0.125, 1.0 + 6.0 + 4.0)


def test_confirms_are_read() -> None:
    found = read_confirms("0.11.0 2.000000 4 7\n100.0\n250.5\n")
    assert (found.version, found.rate, found.sent) == ("0.11.0", 2.0, 7)
    assert found.times == (100.0, 250.5)


@pytest.mark.parametrize(
    ("url", "vhost"),
    [("amqp://u:p@h:1/", "/"), ("amqp://u:p@h:1", "/"), ("amqp://u:p@h:1/a%2Fb", "a/b")],
)
def test_vhost_of_a_url(url: str, vhost: str) -> None:
    assert vhost_of(url) == vhost


LOG = """\
0 1 9000 0 1764100000 100000
0 2 2000 0 1764100000 200000
1 2 5000 0 1764100000 300000 1500
"""


def test_times_of_pgbench_without_lag() -> None:
    assert read_times(LOG) == (0.009, 0.002, 0.0035)


def test_first_times_of_pgbench_are_left_out() -> None:
    assert read_times(LOG, settling=1) == (0.002, 0.0035)


def test_commands_of_pgbench() -> None:
    said = """\
tps = 197.5 (without initial connection time)
statement latencies in milliseconds and failures:
         0.001           0 \\set number :number + 1
         0.750           0 select set_config(
         1.500           0 BEGIN;
"""
    found = read_commands(said)
    assert [mean for _, mean in found] == [1e-6, 7.5e-4, 1.5e-3]
    assert found[2][0] == "BEGIN;"


def test_sequences_fall_into_one_order() -> None:
    sequences = ["abcd", "abxd", "bcdy", "aab"]
    found = in_one_order(sequences)
    for sequence in sequences:
        rest = iter(found)
        assert all(each in rest for each in sequence), sequence


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ([], "{}"),
        (["a", None, 'b"c\\d'], r'{"a",NULL,"b\"c\\d"}'),
        ([b"\x00\xff"], r'{"\\x00ff"}'),
        ([True, False], '{"True","False"}'),
        ((1, Decimal("1.50")), '{"1","1.50"}'),
        ([datetime(2026, 1, 2, tzinfo=UTC)], '{"2026-01-02T00:00:00+00:00"}'),
        (7, "7"),
    ],
)
def test_arguments_are_written_for_postgres(argument: object, written: str) -> None:
    assert literal(argument) == written


def test_null_alone_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="null"):
        literal(None)


def test_only_our_statements_are_kept() -> None:
    ours = Call(query("next_events"), (1,))
    both = together((("update_objects", True), ("add_to_outbox", False)))
    said = [
        Call("SELECT pg_advisory_unlock_all();"),
        Call("BEGIN;"),
        Call("WITH RECURSIVE typeinfo_tree", ((1,),)),
        ours,
        Call("COMMIT;"),
        Call(both, ([1],)),
    ]
    *kept, last = transactions(said)
    assert kept == [Call("BEGIN;"), ours, Call("COMMIT;")]
    assert "o.xmin::text = n.version" in both
    assert "o.xmin::text" not in last.statement
    assert last.arguments == ([1],)


def test_script_takes_arguments_by_number() -> None:
    often, seldom = "insert into a values ($1, $2, $1)", "-- a remark\nselect $1"
    batches = ((Call(often, ([1], [2])), Call(seldom, ("x",))), (Call(often, ([3], [4])),))
    script = script_of(Captured(1, (batches,)))
    assert "insert into a values (:s0_1, :s0_2, :s0_1);\n" in script.text
    assert "\\if :s1\nselect :s1_1;\n\\endif\n" in script.text
    assert script.columns == ("client", "number", "s0_1", "s0_2", "s1", "s1_1")
    assert script.rows == ((0, 1, '{"1"}', '{"2"}', 1, "x"), (0, 2, '{"3"}', '{"4"}', 0, ""))


HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
ROWS = [b"\x00\x02\x00\x00\x00\x01%d\xff\xff\xff\xff" % n for n in range(5)]


def test_copied_rows_are_cut_in_order() -> None:
    data = HEADER + b"".join(ROWS) + b"\xff\xff"
    assert rows_in(data) == ROWS
    portions = portions_of({"a": data, "none": HEADER + b"\xff\xff"}, 2)
    assert [list(portion) for portion in portions] == [["a"], ["a"]]
    assert [row for portion in portions for row in rows_in(portion["a"])] == ROWS


def test_text_is_no_binary_copy() -> None:
    with pytest.raises(ValueError, match="binary"):
        rows_in(b"1\t2\n")


def test_machine_is_read_from_proc() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\n") == "AMD EPYC"
    told = "cpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\ncpu family\t: 26\n"
    assert cpu_model(told) == "AMD EPYC (26.2)"
    assert memory_gib("MemTotal:       24641536 kB\n") == 23.5
    assert cpu_ticks("cpu  10 1 5 80 4 0 0 2 9 9\ncpu0 1 1 1\n") == (102, 84)


def test_broker_settings_name_no_secret() -> None:
    found = broker_settings(CONFIGURATION)
    assert found["heartbeat"] == "10"
    assert not {"default_user", "default_pass"} & found.keys()


def test_corpus_is_let_in_as_the_ingress_would() -> None:
    received = deliveries(1, "test", 50)
    assert len({delivery.id for delivery in received}) == 50
    assert len(outcomes(received)) == 50
    sizes = Sizes.of(received)
    whole = len(webhook_received.encode(received[:TOGETHER]))
    assert sizes.body < sizes.one < sizes.together
    assert sizes.together == pytest.approx(whole, rel=0.2)


def test_disk_tells_its_times(tmp_path: Path) -> None:
    found = sync_time(tmp_path, size=4096, seconds=0.1)
    assert 0 < found.also["p50_us"] <= found.also["p99_us"]
    assert filesystem_of(tmp_path) == found.settings["filesystem"]


async def test_empty_handler_answers_every_provider() -> None:
    requests = Corpus(1, "test").requests(50)
    found = await http_time(requests, seconds=0.3)
    assert 0 < found.also["p50_ms"] <= found.also["p99_ms"]
    json.dumps(found.as_json())


async def test_failed_program_says_why() -> None:
    with pytest.raises(ProgramFailedError, match="no-such-option"):
        await answer_of([find_pgbench(), "--no-such-option"], within=10)


def test_missing_program_says_what_to_do() -> None:
    with pytest.raises(NativeMissingError, match="ensure-bench"):
        native("never")


@pytest.mark.servers
@pytest.mark.usefixtures("natives")
async def test_broker_confirms_and_keeps_nothing(servers: RunningServers, amqp_url: str) -> None:
    many = await confirmed_rate(amqp_url, size=500, webhooks=20, seconds=0.3)
    one = await confirm_time(amqp_url, size=500, seconds=0.3)
    assert many.value > one.also["samples"] / 0.3
    assert many.also["webhooks_per_s"] == 20 * many.value
    if servers.addresses.rabbitmq is not None:
        listing = servers.addresses.rabbitmq.control(
            "list_queues", "--silent", "-p", vhost_of(amqp_url), "name"
        )
        assert servers.run(listing) == ""


@pytest.mark.servers
@pytest.mark.usefixtures("natives")
async def test_unroutable_message_ends_the_program(amqp_url: str) -> None:
    with pytest.raises(ProgramFailedError, match="not confirmed"):
        await publish_to(amqp_url, "nowhere", Publishing(size=10, window=1, seconds=0.1))


@pytest_asyncio.fixture
async def where(postgres_dsn: str) -> AsyncIterator[Room]:
    """Give the test a database for two clients."""
    async with room(postgres_dsn, 2) as made:
        yield made


@pytest.mark.servers
async def test_replayed_batches_leave_the_same_rows(where: Room) -> None:
    """Whoever sends them: our own code, pgbench, or COPY."""
    captured = await capture(where, batches=BATCHES, webhooks=WEBHOOKS)
    counts = await where.counts()
    rows = await rows_of(where, 2 * BATCHES)
    async with replayable(where, captured) as script:
        replayed = await replayed_rate(where, captured, script, clients=2, seconds=0.1)
        assert await where.counts() == counts
    copied = await copied_rate(where, rows, WEBHOOKS, clients=2, seconds=0.1)
    assert await where.counts() == counts
    assert counts["translations"] == 2 * BATCHES * WEBHOOKS
    assert min(replayed.value, copied.value) > 0


@pytest.mark.servers
async def test_commit_is_told_with_its_parts(where: Room) -> None:
    found = await commit_time(where, apart=0.02, seconds=1)
    assert 0 < found.also["p50_ms"] <= found.also["p99_ms"]
    assert {"begin_mean_ms", "insert_mean_ms", "commit_mean_ms"} <= found.also.keys()


@pytest.mark.servers
@pytest.mark.usefixtures("natives")
async def test_everything_measured_is_json(
    servers: RunningServers, amqp_url: str, postgres_dsn: str
) -> None:
    here = replace(servers.addresses, amqp_url=amqp_url, postgres_dsn=postgres_dsn)
    extent = Extent(seconds=1, clients=(1,), batches=6, webhooks=10)
    told = json.loads(json.dumps(await measure.measure(here, servers.data_dir, extent)))
    assert told.keys() == {"machine", "broker", "postgres_copy", "pgbench", "fsync", "parts"}
    assert all(limit["value"] > 0 for name in told.keys() - {"machine"} for limit in told[name])
