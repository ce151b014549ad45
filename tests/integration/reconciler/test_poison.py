"""One outcome that cannot be stored is parked by itself; its neighbours never notice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import structlog

from libs.contracts.readings import ParkReason, Poke, Unknown
from libs.contracts.webhook_translated import Translated, decode, encode
from libs.domain.lifecycle import Kind
from libs.domain.money import Money
from libs.store.database import Pool
from libs.store.inspect import list_objects, list_parked
from services.reconciler.applied import Applied
from tests.integration.reconciler.applying import apply_or_park
from tests.integration.store.rooms import everything, fetch, table, value
from tests.unit.domain.saying import brl, paid, pending
from tests.unit.reconciler.telling import about, delivery_id, told

pytestmark = pytest.mark.servers

NUL = "a\x00b"
SURROGATE = "a\ud800b"
# What no adapter lets through today, in every field that reaches the database.
POISON: dict[str, dict[str, Any]] = {
    "reference": {"provider_ref": NUL},
    "half-a-character-reference": {"provider_ref": SURROGATE},
    "key": {"key": NUL},
    "word": {"provider_status": NUL},
    "half-a-character-word": {"provider_status": SURROGATE},
    "merchant": {"merchant_ref": NUL},
    "alias": {"aliases": (NUL,)},
    "overlong-alias": {"aliases": ("".join(map(chr, range(0x4E00, 0x4E00 + 9000))),)},
    "overlong-reference": {"provider_ref": "".join(map(chr, range(0x4E00, 0x4E00 + 9000)))},
    "method": {"method": NUL},
    "fact": {"facts": {"seen": NUL}},
    "half-a-character-fact": {"facts": {"seen": SURROGATE}},
    "negative-money": {"amount": Money(Decimal(-1), "BRL")},
    "year-ten-thousand": {
        "expires_at": datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=3)))
    },
    "no-money-at-all": {"fees": Decimal("sNaN")},
}


def around(bad: Translated) -> list[Translated]:
    """Put good neighbours before and behind it, one of the same object."""
    return [
        told(1, about("before", paid(at=1, amount=brl("1.00")))),
        bad,
        told(3, about("behind", pending(at=2))),
        told(4, about("before", paid(at=9, amount=brl("2.00")))),
    ]


@pytest.mark.parametrize("what", sorted(POISON))
async def test_poisoned_outcome_is_parked_alone(pool: Pool, what: str) -> None:
    bad = told(2, pending(**({"provider_ref": "bad", "amount": brl("3.00")} | POISON[what])))
    assert await apply_or_park(pool, around(bad)) == Applied(
        outcomes=4, observations=3, events=3, parked=1
    )
    [parked] = await list_parked(pool)
    assert (parked.delivery_id, parked.reason, parked.ordinal) == (delivery_id(2), "failed", -1)
    assert [row.state for row in await list_objects(pool)] == ["paid", "pending"]


async def test_poison_again_is_the_same_poison(pool: Pool) -> None:
    batch = around(told(2, pending(provider_status=NUL)))
    await apply_or_park(pool, batch)
    before = await everything(pool)
    await apply_or_park(pool, batch)
    assert await everything(pool) == before


async def test_parked_poison_quotes_nothing(
    pool: Pool, logged: list[structlog.typing.EventDict]
) -> None:
    """Neither the reason nor a log says on what it failed, only where."""
    secret = "card-holder\x00name"
    bad = told(2, pending(merchant_ref=secret, method=secret))
    await apply_or_park(pool, around(bad))
    [row] = await table(pool, "parked")
    assert "card-holder" not in repr(row)
    assert [event["event"] for event in logged] == ["batch_split"]
    assert "card-holder" not in repr(logged)
    assert "exc_info" not in logged[0]
    assert "together.py" in str(row[7])


async def test_poisoned_reason_is_parked_too(pool: Pool) -> None:
    odd = Unknown(reason=ParkReason.UNKNOWN_VALUE, detail="new word", field="status", value=NUL)
    await apply_or_park(pool, around(told(2, odd)))
    [parked] = await list_parked(pool)
    assert (parked.reason, parked.value) == ("failed", None)


async def test_poisoned_poke_is_parked_too(pool: Pool) -> None:
    await apply_or_park(
        pool, around(told(2, Poke(kind=Kind.PAYMENT, provider_ref=NUL, why="short")))
    )
    [parked] = await list_parked(pool)
    assert parked.reason == "failed"
    assert await value(pool, "select count(*) from pokes") == 0


async def test_odd_but_honest_text_is_kept(pool: Pool) -> None:
    """Every character that Postgres can hold, quotes and commas among them."""
    odd = "\x01\t\n'\"\\{},;--\u202e\u0301\U0001f4b8\uffff ñ %s $1 \\u0000"
    outcome = told(
        1, pending(provider_ref=odd, provider_status=odd, merchant_ref=odd, aliases=(odd,),
                   method=odd, facts={odd: odd}, amount=brl("1.00"))
    )  # fmt: skip
    assert decode(encode((outcome,))) == (outcome,)
    await apply_or_park(pool, [outcome])
    [row] = await fetch(pool, "select * from objects")
    assert [row[name] for name in ("provider_ref", "provider_status", "merchant_ref")] == [odd] * 3
    assert await value(pool, "select alias from object_aliases") == odd
    assert (
        await value(pool, "select content::jsonb -> 'facts' ->> $1 from observations", odd) == odd
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(Decimal("999999999999999.99"), "BRL"), "999999999999999.99"),
        (Money(Decimal("0.00"), "BRL"), "0.00"),
        (Money(Decimal("0.0000"), "CLF"), "0.0000"),
        (Money(Decimal(11000), "CLP"), "11000"),
        (Money(Decimal("1.000"), "KWD"), "1.000"),
    ],
)
async def test_amounts_keep_every_digit(pool: Pool, amount: Money, text: str) -> None:
    await apply_or_park(pool, [told(1, paid(amount=amount, fees=amount.amount, net=amount.amount))])
    [row] = await fetch(pool, "select amount, fees, net from objects")
    assert [str(each) for each in row] == [text] * 3
    assert await value(pool, "select amount::text from objects") == text


@pytest.mark.parametrize("year", [1, 1969, 9999])
async def test_far_times_are_kept(pool: Pool, year: int) -> None:
    far = datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await apply_or_park(pool, [told(1, pending(at=5, expires_at=far))])
    assert [row.expires_at for row in await list_objects(pool)] == [far]


async def test_last_moment_of_time_is_no_news(pool: Pool) -> None:
    """It is read back as a naive infinity, which differs from every aware time."""
    forever = datetime.max.replace(tzinfo=UTC)
    await apply_or_park(pool, [told(1, pending(at=5, expires_at=forever))])
    done = await apply_or_park(pool, [told(2, pending(at=4, expires_at=forever))])
    assert (done.observations, done.events) == (1, 0)
