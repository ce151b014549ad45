"""The model of deploy/scaling.md: its costs are those that were measured, its arithmetic is right, its text is of today."""

from __future__ import annotations

import json
from dataclasses import replace
from math import ceil

import pytest
from click.testing import CliRunner

from bench.scaling.__main__ import main
from bench.scaling.assumptions import Assumptions
from bench.scaling.costs import (
    PROCESSES,
    RELEASE,
    Costs,
    Measured,
    costs_by_processor,
    dearest,
    measured,
)
from bench.scaling.document import BLOCKS, DOCUMENT, VOLUMES, written
from bench.scaling.limits import DAY, limits
from bench.scaling.model import Need, need
from bench.scaling.storage import ARCHIVE, FACTS, LEDGER, OBJECTS


@pytest.fixture(scope="module")
def costs() -> Costs:
    return dearest(costs_by_processor())


@pytest.fixture(scope="module")
def found() -> Measured:
    return measured()


def test_costs_are_those_of_the_release(costs: Costs) -> None:
    figures = {
        figure["key"]: figure
        for figure in json.loads(RELEASE.read_text())["full"][costs.processor]["figures"]
    }
    runs = figures["workers_cpu"]["beside"]["cpu_us"]
    for name in PROCESSES:
        of_all = sorted(run[name] for run in runs)
        assert of_all[0] <= costs.sustained.cpu_us[name] <= of_all[-1]
    assert costs.sustained.rate == figures["end_to_end"]["beside"]["per_second"][0]


def test_dearest_is_taken(costs: Costs) -> None:
    for other in costs_by_processor().values():
        assert sum(other.sustained.cpu_us[name] for name in PROCESSES) <= sum(
            costs.sustained.cpu_us[name] for name in PROCESSES
        )


@pytest.mark.parametrize("name", PROCESSES)
def test_cores_go_through_what_was_measured_and_never_down(costs: Costs, name: str) -> None:
    seen = costs.idle[name]
    for point in costs.points:
        seen = max(seen, point.rate * point.cpu_us[name] / 1e6)
        assert costs.cores(name, point.rate) == pytest.approx(seen)
    assert costs.cores(name, 0) == costs.idle[name]
    for rate in (2 * costs.sustained.rate, 10 * costs.sustained.rate):
        above = max(seen, rate * costs.sustained.cpu_us[name] / 1e6)
        assert costs.cores(name, rate) == pytest.approx(above)
    rates = [costs.sustained.rate * step / 50 for step in range(101)]
    busy = [costs.cores(name, rate) for rate in rates]
    assert busy == sorted(busy)


def test_slower_hour_at_a_lower_rate_is_provided_for() -> None:
    """As measured once: half of the load took more of the machine than all of it."""
    costs = dearest(costs_by_processor())
    low, half, full = costs.points
    slow = replace(half, cpu_us={name: 3 * us for name, us in half.cpu_us.items()})
    costs = replace(costs, points=(low, slow, full))
    rates = [full.rate * step / 50 for step in range(201)]
    for name in PROCESSES:
        busy = [costs.cores(name, rate) for rate in rates]
        assert busy == sorted(busy)
        assert costs.cores(name, full.rate) >= half.rate * slow.cpu_us[name] / 1e6
        assert busy[-1] == pytest.approx(4 * full.rate * full.cpu_us[name] / 1e6)


def needs(costs: Costs, found: Measured, **told: float) -> list[Need]:
    return [need(volume, costs, found, Assumptions().with_told(told)) for volume in VOLUMES]


def test_more_needs_no_less(costs: Costs, found: Measured) -> None:
    every = needs(costs, found)
    told = [
        (one.cells, one.vcpus, one.cores, sum(one.stored_gb.values()), one.month) for one in every
    ]
    for what in zip(*told, strict=True):
        assert list(what) == sorted(what)
    # and a webhook is cheaper where there are more of them
    each = [one.month / one.per_day for one in every]
    assert each == sorted(each, reverse=True)


def test_no_process_is_busier_than_it_may_be(costs: Costs, found: Measured) -> None:
    taken = Assumptions()
    for one in needs(costs, found):
        for name in ("ingress", "normalizer", "reconciler"):
            group = one.groups[name]
            assert group.busy / group.count <= taken.utilization + 1e-9
            assert group.count >= 2 * one.cells
            fewer = group.count // one.cells - 1
            if fewer >= taken.least_processes:
                rate = one.peak / one.cells / fewer
                assert costs.cores(name, rate) > taken.utilization, "one less would have done"
        for group in one.groups.values():
            assert group.busy <= group.vcpus


def test_cells_keep_below_the_first_limit(costs: Costs, found: Measured) -> None:
    taken = Assumptions()
    for one in needs(costs, found):
        every = limits(costs, found, taken)
        first = next(limit for limit in every if not limit.of_broker)
        assert one.first_limit == first
        assert one.peak / one.cells <= taken.utilization * first.webhooks_per_second
        assert one.cells == max(1, ceil(one.peak / (taken.utilization * first.webhooks_per_second)))
        for limit in every:
            count = one.brokers if limit.of_broker else one.cells
            assert one.peak / count <= taken.utilization * limit.webhooks_per_second
        assert one.groups["broker"].count == 3 * one.brokers
        assert one.peak == pytest.approx(5 * one.per_day / DAY)


def test_limit_moves_with_what_it_is_made_of(costs: Costs, found: Measured) -> None:
    taken = Assumptions()
    before = {each.name: each.webhooks_per_second for each in limits(costs, found, taken)}
    assert list(before.values()) == sorted(before.values())
    slower = replace(found, relay_events_per_second=found.relay_events_per_second / 2)
    after = {each.name: each.webhooks_per_second for each in limits(costs, slower, taken)}
    changed = [name for name in before if before[name] != pytest.approx(after[name])]
    assert changed == ["the relay, of which one works at a time"]
    assert after[changed[0]] == pytest.approx(before[changed[0]] / 2)
    poorer = replace(taken, iops=taken.iops / 4)
    after = {each.name: each.webhooks_per_second for each in limits(costs, found, poorer)}
    assert after["Postgres' disk: reads and writes"] == pytest.approx(
        before["Postgres' disk: reads and writes"] / 4
    )


def test_disk_follows_from_days_and_bytes(costs: Costs, found: Measured) -> None:
    (one, *_) = needs(costs, found)
    (longer, *_) = needs(costs, found, archive_days=180)
    each = found.bytes_per_webhook
    assert one.stored_gb["archive"] == pytest.approx(
        1e6 * 90 * (each["deliveries"] + each["translations"]) / 1e9
    )
    assert longer.stored_gb["archive"] == pytest.approx(2 * one.stored_gb["archive"])
    assert longer.stored_gb["ledger"] == one.stored_gb["ledger"]


def test_log_has_random_pages_whole_wherever_it_is_told(costs: Costs, found: Measured) -> None:
    taken = Assumptions()
    written = found.wal_bytes_per_webhook + 8192 * taken.random_leaves
    every = {each.name: each.webhooks_per_second for each in limits(costs, found, taken)}
    assert every["Postgres' log, each random page whole"] * written == pytest.approx(
        taken.wal_bytes_per_second
    )
    for one, more in zip(needs(costs, found), needs(costs, found, random_leaves=3.0), strict=True):
        assert one.wal_mb_per_second == pytest.approx(one.peak / one.cells * written / 1e6)
        # and it goes to the standby, in another zone
        page = one.per_day * taken.hours / 24 * 8192 / 1e9
        assert more.dollars["between zones"] - one.dollars["between zones"] == pytest.approx(
            page * taken.gb_between_zones
        )


def test_days_that_are_counted_stand_beside_the_disks() -> None:
    told = ("object_days=1095", "ledger_days=500", "archive_days=30")
    ran = CliRunner().invoke(main, [each for name in told for each in ("--set", name)])
    assert (
        "| database after 1095 days, GB (archive of 30 + ledger of 500 + objects) |" in ran.stdout
    )


def test_everything_that_a_webhook_leaves_is_counted(found: Measured, costs: Costs) -> None:
    """No table of what was measured is left out of the disks without a word."""
    passing = {"outbox"}
    assert found.bytes_per_webhook.keys() <= {*ARCHIVE, *LEDGER, *FACTS, OBJECTS} | passing
    assert {
        "deliveries",
        "translations",
        "dedupe_ledger",
        "observations",
    } <= found.bytes_per_webhook.keys()
    assert any(name.startswith("objects") for name in costs.bytes_per_object)


def test_what_is_kept_needs_memory_and_processors_come_with_it(
    costs: Costs, found: Measured
) -> None:
    taken = Assumptions()
    for one in needs(costs, found):
        gib = one.groups["postgres"].vcpus / 2 * taken.gib_per_vcpu
        assert gib >= taken.in_memory * sum(one.stored_gb.values())


def test_money_is_vcpus_times_hours_times_price(costs: Costs, found: Measured) -> None:
    for one in needs(costs, found, vcpu_hour=1.0):
        assert one.dollars["processors"] == pytest.approx(one.vcpus * 730)


@pytest.mark.parametrize(
    "told", ["peak_factor", "no_such_thing=1", "vcpu_hour=0", "vcpu_hour=-1", "iops=nan"]
)
def test_assumption_that_is_none_is_refused(told: str) -> None:
    ran = CliRunner().invoke(main, ["--set", told])
    assert ran.exit_code == 2


def test_command_tells_one_volume_and_json() -> None:
    ran = CliRunner().invoke(main, ["--per-day", "2e7", "--set", "peak_factor=10", "--json"])
    assert ran.exit_code == 0
    (told,) = json.loads(ran.stdout)
    assert told["peak"] == pytest.approx(10 * 2e7 / DAY)
    assert CliRunner().invoke(main, []).stdout.startswith("|  | 1 million a day |")
    assert CliRunner().invoke(main, ["--processor", "abacus"]).exit_code == 2


def test_document_is_of_today() -> None:
    ran = CliRunner().invoke(main, ["check"])
    assert ran.exit_code == 0, ran.output


def test_drift_is_noticed_and_a_missing_block_as_well(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    copy = tmp_path_factory.mktemp("document") / "scaling.md"
    text = DOCUMENT.read_text()
    copy.write_text(text.replace("| cells, brokers | 1, 1 |", "| cells, brokers | 2, 1 |"))
    assert copy.read_text() != text
    assert CliRunner().invoke(main, ["check", "--document", str(copy)]).exit_code == 1
    assert CliRunner().invoke(main, ["write", "--document", str(copy)]).exit_code == 0
    assert copy.read_text() == text
    by_processor = costs_by_processor()
    with pytest.raises(ValueError, match="blocks"):
        written(
            text.replace("<!-- needs:", "<!-- "),
            (by_processor, dearest(by_processor), measured(), Assumptions()),
        )
    assert len(BLOCKS) == text.count("<!-- end -->")
