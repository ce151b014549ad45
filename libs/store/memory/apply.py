"""What the reconciler's transaction writes: objects, observations, ledger, parked, pokes, outbox."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from libs.store.memory.playing import plays, rows_of
from libs.store.memory.schema import SCHEMA, Row
from libs.store.memory.transaction import Transaction
from libs.store.memory.values import TYPES

_UUID = TYPES["uuid"]
_OBJECT = ("source", "kind", "provider_ref")
_SAID = (
    "merchant_ref", "state", "previous_state", "provider_status", "amount", "currency",
    "refunded_amount", "fees", "net", "flags", "livemode", "occurred_at", "received_at",
    "authority", "delivery_id", "method", "failure_reason", "expires_at", "sequence", "attempts",
    "settlement_step", "decided_by", "held",
)  # fmt: skip
_WAITING_AT_ONCE = 100


async def _insert_all(
    tx: Transaction, table: str, names: Sequence[str], columns: Sequence[Sequence[Any]]
) -> list[Row]:
    """Insert rows, `on conflict do nothing`."""
    for values in rows_of(columns):
        await tx.insert(table, dict(zip(names, values, strict=True)))
    return []


@plays("ensure_objects")
async def ensure_objects(tx: Transaction, *columns: Sequence[str]) -> list[Row]:
    for values in sorted(rows_of(columns)):
        await tx.insert("objects", dict(zip((*_OBJECT, "provider"), values, strict=True)))
    return []


@plays("add_objects")
async def add_objects(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    made: list[Row] = []
    for values in sorted(rows_of(columns), key=lambda values: values[1:4]):
        told = dict(zip(("id", *_OBJECT, "provider", *_SAID), values, strict=True))
        stands = await tx.insert("objects", told | {"flags": _flags(told["flags"])})
        if stands is None:
            made.append({"id": told["id"]})
    return made


def _flags(told: str) -> list[str]:
    return told.split(",") if told else []


@plays("lock_objects")
async def lock_objects(tx: Transaction, *columns: Sequence[str]) -> list[Row]:
    locked = [await tx.lock("objects", key) for key in sorted(set(rows_of(columns)))]
    return [row for row in locked if row is not None]


@plays("observations_of")
async def observations_of(
    tx: Transaction, object_ids: Sequence[int], most: int | None
) -> list[Row]:
    wanted = set(object_ids)
    found: dict[int, list[Row]] = {}
    for row in tx.rows("observations"):
        if row["object_id"] in wanted:
            found.setdefault(row["object_id"], []).append(row)
    return [row for rows in found.values() for row in rows[:most]]


@plays("observations_named")
async def observations_named(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    found = [tx.read("observations", key) for key in rows_of(columns)]
    return [row for row in found if row is not None]


@plays("note_crowded")
async def note_crowded(tx: Transaction, *columns: Sequence[int]) -> list[Row]:
    return await _insert_all(tx, "crowded", ("object_id",), columns)


@plays("crowded_objects")
async def crowded_objects(tx: Transaction) -> list[Row]:
    waiting = sorted(tx.rows("crowded"), key=lambda row: (row["since"], row["object_id"]))
    found = [tx.by_id("objects", row["object_id"]) for row in waiting[:20]]
    return [{name: row[name] for name in _OBJECT} for row in found if row is not None]


@plays("forget_crowded")
async def forget_crowded(tx: Transaction, object_id: int) -> list[Row]:
    row = tx.read("crowded", (object_id,))
    if row is not None:
        await tx.delete("crowded", row)
    return []


@plays("add_observations")
async def add_observations(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = ("object_id", "key", "received_at", "delivery_id", "content")
    seen: set[tuple[int, str]] = set()
    for values in rows_of(columns):
        told = dict(zip(names, values, strict=True))
        _once(seen, (told["object_id"], told["key"]))
        if await tx.insert("observations", told) is None:
            continue
        known = await tx.lock("observations", (told["object_id"], told["key"]))
        if known is not None and _precedence(told) < _precedence(known):
            tx.update("observations", known, told)
    return []


def _precedence(row: Row) -> tuple[bool, Any, Any]:
    unsigned = json.loads(row["content"])["authority"] == "unsigned"
    return unsigned, row["received_at"], _UUID(row["delivery_id"])


def _once(seen: set[Any], key: object) -> None:
    if key in seen:
        raise asyncpg.CardinalityViolationError("cannot affect row a second time")
    seen.add(key)


@plays("add_repeats")
async def add_repeats(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    return await _insert_all(
        tx, "repeats", ("object_id", "key", "delivery_id", "received_at"), columns
    )


@plays("add_aliases")
async def add_aliases(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    return await _insert_all(tx, "object_aliases", ("alias", "object_id"), columns)


@plays("update_objects")
async def update_objects(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    wanted = []
    for values in rows_of(columns):
        changed: Row = dict(zip(("id", "version", *_SAID), values, strict=True))
        row = tx.by_id("objects", changed["id"])
        if row is not None:
            wanted.append((tuple(row[name] for name in _OBJECT), changed))
    done: list[Row] = []
    for key, changed in sorted(wanted, key=lambda each: each[0]):
        locked = await tx.lock("objects", key)
        if locked is not None and locked["version"] == changed.pop("version"):
            changed |= {"flags": _flags(changed["flags"]), "updated_at": tx.now}
            tx.update("objects", locked, changed)
            done.append({"id": changed["id"]})
    return done


@plays("add_to_outbox")
async def add_to_outbox(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = ("object_id", "sequence", "routing_key", "body")
    for values in rows_of(columns):
        if await tx.insert("outbox", dict(zip(names, values, strict=True))) is not None:
            raise asyncpg.UniqueViolationError("outbox_object_id_sequence_key")
    return []


@plays("add_traced_to_outbox")
async def add_traced_to_outbox(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = ("object_id", "sequence", "routing_key", "body", "traceparent")
    for values in rows_of(columns):
        if await tx.insert("outbox", dict(zip(names, values, strict=True))) is not None:
            raise asyncpg.UniqueViolationError("outbox_object_id_sequence_key")
    return []


@plays("enter_in_ledger")
async def enter_in_ledger(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = ("name", "first_delivery_id", "first_received_at")
    return [
        {"name": values[0]}
        for values in rows_of(columns)
        if await tx.insert("dedupe_ledger", dict(zip(names, values, strict=True))) is None
    ]


def _told_of(tx: Transaction, number: str, at: datetime, source: str) -> bool:
    """Whether it is on record what became of a delivery."""
    row = tx.read("translations", (_UUID(number), at))
    return row is not None and row["source"] == source


@plays("batch_on_record")
async def batch_on_record(
    tx: Transaction,
    ids: Sequence[Any],
    times: Sequence[Any],
    sources: Sequence[str],
    names: Sequence[bytes],
    *more: Any,  # noqa: ANN401 - three columns of keys, and a number
) -> list[Row]:
    *keys, most = more
    deliveries = rows_of([ids, times, sources])
    ledger = [tx.read("dedupe_ledger", (name,)) for name in dict.fromkeys(names)]
    first = [row for row in ledger if row is not None]
    nothing = dict.fromkeys((*SCHEMA["objects"].columns, "version", "keys", "contents", "crowd"))
    about = {
        "told": [each[0] for each in deliveries if _told_of(tx, *each)],
        "filed": [
            each[0]
            for each in deliveries
            if tx.read("deliveries", (_UUID(each[0]), each[1])) is not None
        ],
        "names": [row["name"] for row in first],
        "firsts": [row["first_delivery_id"] for row in first],
    }
    found: list[Row] = [nothing | about]
    for key in rows_of(keys):
        row = tx.read("objects", key)
        if row is None:
            found.append(nothing | {"id": tx.database.next_number("objects")})
            continue
        said = await observations_of(tx, [row["id"]], most + 1)
        crowd = len(said) > most
        lists = {
            "keys": None if crowd else [each["key"] for each in said] or None,
            "contents": None if crowd else [each["content"] for each in said] or None,
        }
        found.append(nothing | row | lists | {"crowd": crowd})
    return found


@plays("add_translations")
async def add_translations(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = ("delivery_id", "received_at", "source", "outcome", "duplicate_of")
    return await _insert_all(tx, "translations", names, columns)


@plays("park")
async def park(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = (
        "delivery_id", "ordinal", "source", "provider", "origin", "reason", "field", "value",
        "detail", "received_at", "body", "reading", "attempts",
    )  # fmt: skip
    return await _insert_all(tx, "parked", names, columns)


@plays("add_pokes")
async def add_pokes(tx: Transaction, *columns: Sequence[Any]) -> list[Row]:
    names = (*_OBJECT, "provider", "why", "first_at", "last_at")
    seen: set[Any] = set()
    for values in rows_of(columns):
        asked: Row = dict(zip(names, values, strict=True))
        key = tuple(asked[name] for name in _OBJECT)
        _once(seen, key)
        if await tx.insert("pokes", asked) is None:
            continue
        known = await tx.lock("pokes", key)
        if known is not None:
            span = {
                "first_at": min(known["first_at"], asked["first_at"]),
                "last_at": max(known["last_at"], asked["last_at"]),
            }
            tx.update("pokes", known, span)
    return []


@plays("objects_by_merchant_ref")
async def objects_by_merchant_ref(tx: Transaction, *columns: Sequence[str]) -> list[Row]:
    names = ("source", "kind", "merchant_ref")
    wanted = dict.fromkeys(rows_of(columns))
    return [
        dict(zip((*names, "provider_ref"), (*key, ref), strict=True))
        for key in wanted
        if (ref := _only_ref(tx, *key)) is not None
    ]


def _only_ref(tx: Transaction, source: str, kind: str, merchant_ref: str | None) -> str | None:
    """Return the reference of the only object with this merchant's reference."""
    refs = [
        row["provider_ref"]
        for row in tx.rows("objects")
        if merchant_ref is not None
        and (row["merchant_ref"], row["source"], row["kind"]) == (merchant_ref, source, kind)
    ]
    return refs[0] if len(refs) == 1 else None


@plays("observations_wait")
async def observations_wait(tx: Transaction) -> list[Row]:
    waiting = any(r["reading"] is not None and r["discarded_at"] is None for r in tx.rows("parked"))
    return [{"exists": waiting}]


@plays("found_after_waiting")
async def found_after_waiting(tx: Transaction) -> list[Row]:
    found: list[Row] = []
    waiting = [
        row
        for row in tx.rows("parked")
        if row["reading"] is not None and row["discarded_at"] is None
    ]
    for row in sorted(waiting, key=lambda row: row["id"]):
        kind = json.loads(row["reading"])["kind"]
        ref = _only_ref(tx, row["source"], kind, row["value"])
        if ref is None or not tx.try_lock("parked", (row["delivery_id"], row["ordinal"])):
            continue
        found.append(
            {
                "id": row["id"],
                "source": row["source"],
                "kind": kind,
                "provider": row["provider"],
                "reading": row["reading"],
                "provider_ref": ref,
            }
        )
        if len(found) == _WAITING_AT_ONCE:
            break
    return found


@plays("unpark")
async def unpark(tx: Transaction, numbers: Sequence[int]) -> list[Row]:
    for number in numbers:
        row = tx.by_id("parked", number)
        if row is not None:
            await tx.delete("parked", row)
    return []


@plays("give_up_waiting")
async def give_up_waiting(tx: Transaction, number: int, reason: str, detail: str) -> list[Row]:
    row = tx.by_id("parked", number)
    if row is not None:
        locked = await tx.lock("parked", (row["delivery_id"], row["ordinal"]))
        if locked is not None:
            tx.update("parked", locked, {"reason": reason, "detail": detail, "reading": None})
    return []
