"""Which parked readings a command means: deliveries by their ids, or a group by filters."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from libs.contracts.readings import ParkReason
from libs.providers.registry import PROVIDERS
from libs.store.parked import Choice

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class _DeliveryId(click.ParamType[str]):
    """A delivery's UUID, as the database writes it."""

    name = "delivery id"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        try:
            return str(uuid.UUID(value))
        except ValueError:
            self.fail("must be a delivery's UUID", param, ctx)


DELIVERY_ID: Final = _DeliveryId()

by_source = click.option("--source", default=None, help="Only this source (slug).")
by_provider = click.option(
    "--provider", type=click.Choice(sorted(PROVIDERS)), default=None, help="Only this provider."
)


def park_reason(name: str) -> Decorator:
    """Return the filter by the reason for parking, under this name of an option."""
    return click.option(
        name,
        "reason",
        type=click.Choice([reason.value for reason in ParkReason]),
        default=None,
        help="Only what was parked for this reason.",
    )


def chosen(reason_option: str) -> Decorator:
    """Add the arguments and options that choose, as `choice_of` takes them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for each in (
            click.option("--all", "everything", is_flag=True, help="All that is parked."),
            park_reason(reason_option),
            click.option("--value", default=None, help="Only this value; '' is: without one."),
            click.option("--field", default=None, help="Only this field; '' is: without one."),
            by_provider,
            by_source,
            click.argument("delivery_ids", nargs=-1, type=DELIVERY_ID),
        ):
            command = each(command)
        return command

    return decorate


def choice_of(  # noqa: PLR0913 - one for each option
    *,
    delivery_ids: Sequence[str],
    source: str | None,
    provider: str | None,
    field: str | None,
    value: str | None,
    reason: str | None,
    everything: bool,
    discarded_too: bool,
) -> Choice:
    """Return the choice, or raise `click.UsageError` where it is none or two.

    `discarded_too` is about deliveries named by their ids.
    """
    filters = Choice(source=source, provider=provider, field=field, value=value, reason=reason)
    if delivery_ids:
        if everything or not filters.everything:
            raise click.UsageError("delivery ids and filters exclude each other")
        return Choice(
            delivery_ids=sorted(set(delivery_ids)), discarded=None if discarded_too else False
        )
    if everything is not filters.everything:
        raise click.UsageError(
            "--all and filters exclude each other"
            if everything
            else "name deliveries, or a group by --provider, --field, --value …, or say --all"
        )
    return filters
