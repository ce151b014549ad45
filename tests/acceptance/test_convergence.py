"""One history, told in any order, twice, concurrently: always the same object.

Each provider's history goes to ten sources, to each in an order of its own, every notice twice,
everything at once. What `objects list` and `objects show` then say must be the same for
all ten but for what belongs to the copy: its source, its deliveries, and times of receipt.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from tests.acceptance import rows_clip, rows_conectados, rows_mobbex, rows_payu, rows_safe2pay
from tests.acceptance.rows import Row, event_faults, moment
from tests.acceptance.stack import Json, Stack
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ORDERS: Final = 10
SHOWN: Final = 4  # of the ten, for a run of `objects show` takes a second
SECONDS: Final = 60.0
NAME: Final = "history"
TIMED: Final = {"clip", "mobbex"}  # who tells when it happened
TIMES: Final = {"occurred_at", "effective_at"}
STARTED: Final = datetime.now(UTC)  # whatever is later is a time of receipt
BEGUN, LATER, LAST = "2025-05-01T10:00:00.000Z", "2025-05-02T10:00:00.000Z", rows_mobbex.LAST


def clip(*told: tuple[str, str, str]) -> list[object]:
    return [rows_clip.full(NAME, *parts) for parts in told]


def mobbex(*told: tuple[str, str, str]) -> list[object]:
    return [rows_mobbex.notice(NAME, code, at, kind) for code, at, kind in told]


def safe2pay(*told: tuple[int, Sequence[float]]) -> list[object]:
    """Return notices of a sale of 100: the status, and what each line gives back before its fee."""
    line = rows_safe2pay.line
    return [
        rows_safe2pay.notice(
            NAME, status, CheckingAccounts=[line(97, 3), *(line(-back, 0.6) for back in given)]
        )
        for status, given in told
    ]


# Clip and Mobbex tell when things happened: everything must agree. Of the others, whose times are
# those of receipt, only what does not hang on the order is told here: see the second history.
HISTORIES: Final[Mapping[str, tuple[Sequence[object], Json]]] = {
    "clip": (
        clip(
            ("CHECKOUT", "CREATED", "2025-03-01T10:00:00Z"),
            ("CHECKOUT", "PENDING", "2025-03-01T10:30:00Z"),
            ("CHECKOUT", "PENDING", "2025-03-01T10:45:00Z"),
            ("CHECKOUT", "EXPIRED", "2025-03-01T11:00:00Z"),
            ("CHECKOUT", "COMPLETED", "2025-03-01T12:00:00Z"),
            ("REFUND", "CREATED", "2025-03-02T12:00:00Z"),
            ("REFUND", "DECLINED", "2025-03-03T12:00:00Z"),
            ("REFUND", "APPROVED", "2025-03-04T12:00:00Z"),
        ),
        {"state": "paid", "flags": ["late", "verify"], "attempts": 2},
    ),
    "mobbex": (
        mobbex(
            ("0", BEGUN, "checkout"),
            ("401", LATER, "checkout:expired"),
            ("200", rows_mobbex.EARLY, "checkout"),
            ("300", rows_mobbex.LATER, "checkout"),
            ("605", "2025-05-03T12:00:00.000Z", "checkout"),
            ("605", "2025-05-03T13:00:00.000Z", "checkout"),
            ("200", "2025-05-03T14:00:00.000Z", "operator"),
            ("602", LAST, "checkout"),
        ),
        {"state": "refunded", "refunded_amount": "1564.33", "settlement_step": "300"},
    ),
    "payu": (
        [
            rows_payu.notice(NAME, state, status)
            for state, status in (
                ("AWAITING_SANCTION_SCREENING", None),
                ("AWAITING_FOR_SENT", None),
                ("CREATED", "IN_VALIDATION"),
                ("AWAITING_TO_CANCEL", "IN_PAYU_PROCESS"),
                ("SENT_FOR_CANCELLATION", None),
                ("REJECTED", None),
            )
        ],
        {"state": "canceled", "flags": [], "amount": "1500000.50"},
    ),
    "conectados": (
        [
            rows_conectados.approval(NAME),
            *(
                rows_conectados.event(NAME, "otp_invalid", message=f"intento {attempt}")
                for attempt in (1, 2)
            ),
            rows_conectados.event(NAME, "sale_already_created"),
            rows_conectados.event(NAME, "sale_created"),
            rows_conectados.event(NAME, "sale_voided"),
        ],
        {"state": "voided", "amount": "11000", "refunded_amount": "11000", "attempts": 2},
    ),
    "safe2pay": (
        safe2pay(
            (1, ()),
            (2, ()),
            (3, ()),
            (12, ()),
            (6, (19.4,)),
            (6, (19.4, 19.4)),
            (5, ()),
            (15, ()),
        ),
        {"state": "partially_refunded", "amount": "100.00", "refunded_amount": "40.00"},
    ),
}
# Here an expiry or a refusal without a time of its own is among the news. Whether it counts as
# early (`late`) or as a contradiction (`conflict`) hangs on its receipt; the money does not.
CONTRADICTIONS: Final[Mapping[str, tuple[Sequence[object], Json]]] = {
    "payu": (
        [
            rows_payu.notice(NAME, state, status)
            for state, status in (
                ("CREATED", None),
                (None, "IN_BANKING_PROCESS"),
                ("AWAITING_TO_CANCEL", None),
                ("CANCELLATION_FAILED", None),
                ("PROCESSING_COMPLETED", "CONFIRMED_BY_THE_BANK"),
            )
        ],
        {"state": "paid", "amount": "1500000.50"},
    ),
    "conectados": (
        [
            rows_conectados.approval(NAME),
            rows_conectados.event(NAME, "otp_invalid"),
            rows_conectados.event(NAME, "otp_expired"),
            rows_conectados.event(NAME, "sale_conditions_rejected"),
            rows_conectados.event(NAME, "sale_already_created"),
            rows_conectados.event(NAME, "sale_created"),
        ],
        {"state": "paid", "amount": "11000", "refunded_amount": "0"},
    ),
    "safe2pay": (
        safe2pay((1, ()), (14, ()), (7, ()), (8, ()), (3, ()), (13, ()), (15, ()), (19, ())),
        {"state": "paid", "amount": "100.00", "refunded_amount": "0.00"},
    ),
}
# Nothing final here: the same state is told again by later news, which then decides.
UNFINISHED: Final[Mapping[str, tuple[Sequence[object], Json]]] = {
    "clip": (
        clip(
            ("CHECKOUT", "CREATED", "2025-03-01T10:00:00Z"),
            ("CHECKOUT", "PENDING", "2025-03-01T10:30:00Z"),
            ("CHECKOUT", "PENDING", "2025-03-01T10:45:00Z"),
            ("CHECKOUT", "PENDING", "2025-03-01T10:50:00Z"),
        ),
        {"state": "pending", "attempts": 3},
    ),
    "mobbex": (
        mobbex(
            ("1", BEGUN, "checkout"),
            ("200", rows_mobbex.EARLY, "checkout"),
            ("210", LATER, "checkout"),
            ("300", rows_mobbex.LATER, "checkout"),
            ("605", "2025-05-03T12:00:00.000Z", "checkout"),
            ("605", "2025-05-03T13:00:00.000Z", "checkout"),
        ),
        {"state": "partially_refunded", "flags": ["verify"], "settlement_step": "300"},
    ),
}
MONEY: Final = ("state", "amount", "currency", "refunded_amount", "attempts", "merchant_ref")


def shuffled(kind: str, provider: str, history: Sequence[object], seed: int) -> Row:
    """Return a row that tells the history in an order of its own, all of it twice."""
    chance = random.Random(f"{kind} {provider} {seed}")
    bodies = [*history, *history]
    chance.shuffle(bodies)
    make = {
        "clip": rows_clip.row,
        "payu": rows_payu.row,
        "conectados": rows_conectados.row,
        "mobbex": rows_mobbex.row,
        "safe2pay": rows_safe2pay.row,
    }[provider]
    row = make(NAME, *bodies, expect={})
    return Row(f"{kind} {seed}", provider, row.steps, row.objects)


def copies(
    kind: str, histories: Mapping[str, tuple[Sequence[object], Json]]
) -> dict[str, list[Row]]:
    return {
        provider: [shuffled(kind, provider, history, seed) for seed in range(ORDERS)]
        for provider, (history, _) in histories.items()
    }


COPIES: Final = copies("order", HISTORIES)
CONTRADICTED: Final = copies("contradiction", CONTRADICTIONS)
INCOMPLETE: Final = copies("unfinished", UNFINISHED)
ALL: Final = [
    row for listed in (COPIES, CONTRADICTED, INCOMPLETE) for rows in listed.values() for row in rows
]
SOURCES: Final = "".join(row.table for row in ALL)


@pytest.fixture(scope="module")
def told(stack: Stack) -> dict[str, Json]:
    """Post all copies at once; return the objects by source, once everything was worked off."""
    requests = [row.request(step) for row in ALL for step in row.steps]
    # in turn, so that no copy is told before another
    requests = [request for start in range(31) for request in requests[start::31]]
    answers = stack.send_all(requests, at_once=16)
    assert {answer.status for answer in answers} <= {200, 201}
    listener = stack.listener
    assert listener is not None
    found: dict[str, Json] = {}
    wanted = {row.slug: wanted_of(row) for row in ALL}

    def settled() -> bool:
        listed = stack.objects()
        found.update({item["source"]: item for item in listed})
        events = listener.by_source()
        return not any(
            faults_of(slug, found, fields) or event_faults([found[slug]], events.get(slug, []))
            for slug, fields in wanted.items()
        )

    wait_until(settled, seconds=SECONDS)
    return found


def wanted_of(row: Row) -> Json:
    tables = {"order": HISTORIES, "contradiction": CONTRADICTIONS, "unfinished": UNFINISHED}
    return tables[row.name.split()[0]][row.provider][1]


def faults_of(slug: str, found: Mapping[str, Json], wanted: Json) -> list[str]:
    item = found.get(slug)
    if item is None:
        return [f"{slug}: no object"]
    return [
        f"{slug}: {key} is {item[key]!r}, expected {value!r}"
        for key, value in wanted.items()
        if item[key] != value
    ]


def without_copy(item: Json) -> dict[str, Any]:
    """Leave out what belongs to one copy: source, delivery, number of events, times of receipt."""
    own = {"source", "delivery_id", "received_at", "sequence", "previous_state"}
    return {
        key: "receipt" if key in TIMES and value and moment(value) >= STARTED else value
        for key, value in item.items()
        if key not in own
    }


def explained(stack: Stack, row: Row) -> Json:
    """Return `objects show` without what belongs to the copy; observations in order of keys.

    A verdict says what an observation did, and `decided_by` which one decided. Where the time of
    receipt is the only one, that is a matter of the copy too.
    """
    (reference,) = row.objects
    shown = stack.ask("objects", "show", reference, "--source", row.slug)
    observations = [without_copy(line) for line in shown["observations"]]
    if row.provider not in TIMED:
        for line in observations:
            del line["rule"]
            line["verdict"] = "duplicate" if line["verdict"] == "duplicate" else "counted"
    return {
        "object": without_copy(shown["object"]),
        "aliases": sorted(shown["aliases"]),
        "decided_by": shown["decided_by"] if row.provider in TIMED else None,
        "observations": sorted(observations, key=lambda line: (line["key"], line["verdict"])),
    }


@pytest.mark.parametrize("provider", HISTORIES)
def test_any_order_lists_the_same(told: dict[str, Json], provider: str) -> None:
    listed = [without_copy(told[row.slug]) for row in COPIES[provider]]
    faults = [
        fault
        for row in COPIES[provider]
        for fault in faults_of(row.slug, told, HISTORIES[provider][1])
    ]

    assert faults == []
    for item in listed:
        assert item == listed[0]


@pytest.mark.parametrize("provider", UNFINISHED)
def test_later_news_decides_in_any_order(told: dict[str, Json], provider: str) -> None:
    listed = [without_copy(told[row.slug]) for row in INCOMPLETE[provider]]

    for item in listed:
        assert item == listed[0]


@pytest.mark.parametrize("provider", HISTORIES)
def test_any_order_explains_the_same(stack: Stack, told: dict[str, Json], provider: str) -> None:
    assert told
    with ThreadPoolExecutor(2) as pool:
        shown = list(pool.map(lambda row: explained(stack, row), COPIES[provider][:SHOWN]))

    for item in shown:
        assert item == shown[0]


@pytest.mark.parametrize("provider", CONTRADICTIONS)
def test_contradictions_never_move_money(told: dict[str, Json], provider: str) -> None:
    rows = CONTRADICTED[provider]
    faults = [f for row in rows for f in faults_of(row.slug, told, CONTRADICTIONS[provider][1])]
    money = [[told[row.slug][key] for key in MONEY] for row in rows]

    assert faults == []
    for item in money:
        assert item == money[0]


@pytest.mark.parametrize("row", ALL, ids=[row.slug for row in ALL])
def test_sequence_has_no_gap(stack: Stack, told: dict[str, Json], row: Row) -> None:
    assert stack.listener is not None
    assert event_faults([told[row.slug]], stack.listener.by_source()[row.slug]) == []
