"""What became of a batch of payouts, for a person and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from libs.store.payout_request import OPEN, AskedPayout, RequestState, Resolution
from services.cli.payu_account import DONE, FAILED, PARTLY, UNKNOWN, say_what_is_left
from services.inspection.payouts import request_table, request_view
from services.inspection.tables import show
from services.payouts.requesting import Requested

_HOW: Final = (
    "caudal: what is unknown may have been paid. Look for it in PayU's module or its report "
    "(`caudal payu report import`), and say what became of it: `caudal payu payouts resolve`."
)


def code_of(requests: Sequence[AskedPayout]) -> int:
    """Say with one number what became of a batch."""
    if any(each.state in OPEN for each in requests):
        return UNKNOWN
    good = [
        each.state is RequestState.SUCCEEDED or each.resolution is Resolution.SENT
        for each in requests
    ]
    return DONE if all(good) else PARTLY if any(good) else FAILED


def tell_of(done: Requested, left: int, *, as_json: bool) -> None:
    """Show what became of a batch."""
    if as_json:
        told: dict[str, Any] = {
            "batch": done.requests[0].batch,
            "again": done.again,
            "why": done.why,
            "requests": list(map(request_view, done.requests)),
            "unasked": done.unasked,
            "to_be_told": left,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(request_table(done.requests))
    if done.again:
        click.echo("on record already; nothing was sent", err=True)
    if done.why:
        click.echo(f"caudal: {done.why}", err=True)
    if done.unasked:
        click.echo(f"caudal: PayU also names {', '.join(done.unasked)}", err=True)
    if code_of(done.requests) == UNKNOWN:
        click.echo(_HOW, err=True)
    say_what_is_left(left)


def in_the_way(requests: Sequence[AskedPayout], *, as_json: bool) -> NoReturn:
    """Show what has to be resolved before the same is asked for again, and end."""
    if as_json:
        told = {"in_the_way": list(map(request_view, requests)), "requests": []}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        show(request_table(requests))
    click.echo("caudal: nothing was sent: the same was asked for before.", err=True)
    click.echo(_HOW, err=True)
    sys.exit(UNKNOWN)
