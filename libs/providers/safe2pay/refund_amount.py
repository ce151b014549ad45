"""How much a "returned" gives back: no field tells it, `Amount` keeps the original value.

The trace is in `CheckingAccounts`: lines with a negative amount, net of the fee. Three steps:

1. What went out equals what came in: everything went back, that is the transaction's `Amount`.
2. Without `Splits`: each negative line has a gross, its amount and its own `Tax`, or the `Tax` of
   the one positive line that it takes back. All lines resolved and not more than `Amount` in sum:
   the refund is these lines.
3. Otherwise everything, as the status says; where negative lines exist that do not add up, a
   person or a poll has to look.

Inferred from https://docs.safe2pay.dev/docs/ordem-pagamento-webhook (sample: -0.97 for a sale of 1
with a fee of 0.03); partial refunds are not documented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from libs.domain.frozen import unguarded
from libs.domain.money import MoneyError, amount_of
from libs.domain.observation import Extent, FacetStatus, Refund
from libs.providers.safe2pay.wire import Line, line_of

_NOTHING: Final = Decimal(0)


@unguarded
@dataclass(frozen=True, slots=True)
class Entries:
    """The lines, by their sign; `complete` is False where one of them could not be read."""

    positive: tuple[Line, ...]
    negative: tuple[Line, ...]
    complete: bool

    @property
    def cancel_out(self) -> bool:
        """Whether money went out, and as much as came in."""
        came = sum((line.amount for line in self.positive), _NOTHING)
        went = sum((line.amount for line in self.negative), _NOTHING)
        return self.complete and bool(self.negative) and came == -went


@unguarded
@dataclass(frozen=True, slots=True)
class GivenBack:
    """The entries of the refund ledger, and whether they need a second look."""

    refunds: tuple[Refund, ...]
    verify: bool = False


def entries_of(checking_accounts: object) -> Entries:
    """Read `CheckingAccounts`; a line that cannot be read is left out and makes it incomplete."""
    if checking_accounts is None:
        return Entries((), (), complete=True)
    if not isinstance(checking_accounts, list):
        return Entries((), (), complete=False)
    lines = [line_of(line) for line in checking_accounts]
    read = [line for line in lines if line is not None]
    return Entries(
        positive=tuple(line for line in read if line.amount > 0),
        negative=tuple(line for line in read if line.amount < 0),
        complete=len(read) == len(lines),
    )


def plain(number: Decimal) -> str:
    """1, 1.0 and 1.00 → `1`."""
    return format((number + 0).normalize(), "f")


def given_back(
    transaction: str, amount: Decimal | None, lines: Entries, splits: object, currency: str
) -> GivenBack:
    """Apply the three steps. `amount` is the transaction's, None where it was not told."""
    full = Refund(
        status=FacetStatus.SUCCEEDED,
        ledger_key=f"{transaction}:returned",
        amount=amount,
        extent=Extent.FULL,
    )
    if lines.cancel_out:
        return GivenBack((full,))
    if lines.complete and not splits and amount is not None:
        grosses = _grosses(lines, currency)
        if grosses and sum(grosses, _NOTHING) <= amount:
            return GivenBack(_by_lines(transaction, lines.negative, grosses))
    unexplained = bool(lines.negative) or not lines.complete or _splits_differ(splits)
    return GivenBack((full,), verify=unexplained)


def _by_lines(
    transaction: str, negative: Sequence[Line], grosses: Sequence[Decimal]
) -> tuple[Refund, ...]:
    """One refund for each line; equal lines are told apart by their ordinal."""
    seen: dict[Decimal, int] = defaultdict(int)
    refunds = []
    for line, gross in zip(negative, grosses, strict=True):
        seen[line.amount] += 1
        refunds.append(
            Refund(
                status=FacetStatus.SUCCEEDED,
                ledger_key=f"{transaction}:{plain(-line.amount)}:{seen[line.amount]}",
                amount=gross,
            )
        )
    return tuple(refunds)


def _grosses(lines: Entries, currency: str) -> list[Decimal]:
    """Return the gross of each negative line, or nothing where one of them has none."""
    fees = _borrowed_fees(lines)
    found = []
    for line in lines.negative:
        fee = line.tax if line.tax is not None else next(fees[line.amount], None)
        if fee is None:
            return []
        try:
            found.append(amount_of(-line.amount + abs(fee), currency))
        except MoneyError:
            return []
    return found


def _borrowed_fees(lines: Entries) -> dict[Decimal, Iterator[Decimal | None]]:
    """Give, for each negative amount without a fee of its own, the fees of its positive partners.

    Each positive line serves once. Where there are more partners than lines and their fees differ,
    nobody can say which was taken back.
    """
    wanted: dict[Decimal, int] = defaultdict(int)
    for line in lines.negative:
        wanted[line.amount] += line.tax is None
    fees: dict[Decimal, Iterator[Decimal | None]] = {}
    for amount, count in wanted.items():
        partners = [line.tax for line in lines.positive if line.amount == -amount]
        ambiguous = len(partners) > count and len(set(partners)) > 1
        fees[amount] = iter([] if ambiguous else partners)
    return fees


def _splits_differ(splits: object) -> bool:
    """Whether the lines inside `Splits` took back something, but not everything."""
    if not isinstance(splits, list):
        return False
    nested = [split.get("CheckingAccounts") for split in splits if isinstance(split, dict)]
    lines = entries_of([line for found in nested if isinstance(found, list) for line in found])
    return bool(lines.negative) and not lines.cancel_out
