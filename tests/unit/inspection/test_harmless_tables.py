"""Tables and lines of an operator's terminal obey nothing that a stranger wrote."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console
from rich.table import Table

from libs.domain.fold import fold
from libs.domain.lifecycle import Kind
from libs.store.acts import Act
from libs.store.inspect import ParkedReading
from libs.store.parked import ParkedGroup
from services.inspection import tables
from services.inspection.acts import act_table
from services.inspection.explanation import Explanation
from tests.unit.domain.saying import paid
from tests.unit.reconciler.arriving import arrive
from tests.unit.runtime.test_harmless import ODD, obeyed

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MARKUP = "[bold red]x[/] [link=http://evil.example]y[/link] :bomb:"


def printed(table: Table) -> str:
    console = Console(file=io.StringIO(), width=300, force_terminal=False, highlight=False)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("odd", [*ODD, MARKUP])
def test_tables(odd: str) -> None:
    row, _ = arrive(Kind.PAYMENT, (paid(),))
    row = replace(row, provider_ref=odd, merchant_ref=odd)
    parked = ParkedReading(
        1, "d", 0, "clip", "clip", "webhook", "unknown_value", odd, odd, odd, NOW, NOW
    )
    group = ParkedGroup(
        provider="clip", field=odd, value=odd, reason="unknown_value", count=1,
        first_seen=NOW, last_seen=NOW, sample="d",
    )  # fmt: skip
    act = Act("a", NOW, odd, odd, odd, odd, {odd: odd}, NOW, {"failed": odd})
    change = {
        "source": "clip", "kind": "payment", "provider_ref": odd,
        "before": {"method": odd}, "after": {"method": odd}, "changed": ["method"],
    }  # fmt: skip
    for table in (
        tables.object_table([row]),
        tables.parked_table([parked, replace(parked, discarded_at=NOW, discard_reason=odd)]),
        tables.group_table([group]),
        act_table([act]),
        tables.change_table([change]),
    ):
        text = printed(table)
        assert obeyed(text) == []
        if odd == MARKUP:
            assert "[bold red]" in text


@pytest.mark.parametrize("odd", ODD)
def test_explanation(odd: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = replace(paid(), provider_status=odd)
    row, _ = arrive(Kind.PAYMENT, (said,))
    row = replace(row, provider_ref=odd, merchant_ref=odd, failure_reason=odd, method=odd)
    tables.print_explanation(Explanation(row, fold(Kind.PAYMENT, (said,)), (said,), ()))
    assert obeyed(capsys.readouterr().out) == []


@pytest.mark.parametrize("odd", ODD)
def test_event_line(odd: str) -> None:
    data: dict[str, object] = {
        "source": "clip", "kind": "payment", "provider_ref": odd, "previous_state": None,
        "state": "paid", "amount": "1.00", "currency": "MXN", "flags": [],
    }  # fmt: skip
    line = tables.event_line(json.dumps({"sequence": 1, "data": data}).encode(), 120)
    assert obeyed(line.replace("\x1b[32m", "").replace("\x1b[0m", "")) == []
