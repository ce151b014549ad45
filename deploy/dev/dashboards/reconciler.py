"""The reconciler and its relay: onto file, folded into objects, out as events."""

from __future__ import annotations

from typing import Final

from deploy.dev.dashboards.model import RED, YELLOW, Dashboard, Panel, Row
from deploy.dev.dashboards.promql import most, quantiles, rate
from deploy.dev.dashboards.workers import instances, queues, work

_QUEUES: Final = "caudal.reconciler|caudal.archive|caudal.notices"
_HERE: Final = 'instance=~"$instance"'

RECONCILER: Final = Dashboard(
    name="reconciler",
    title="Reconciler",
    description="Deliveries are filed, what they say is folded into objects, and the events are relayed to caudal.events.",
    variables=(instances("caudal.reconciler"),),
    rows=(
        work(_QUEUES),
        queues(f"{_QUEUES}|outbox"),
        Row(
            title="Fold",
            panels=(
                Panel(
                    title="Verdicts",
                    description="Observations a second by what became of them. stale: something newer or better stood; conflict: it contradicts what stands; duplicate: told before by another delivery.",
                    targets=[(rate("caudal_fold_verdicts_total", "outcome", _HERE), "{{outcome}}")],
                    unit="ops",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    title="Parked in an hour, by reason",
                    description="Readings. `caudal parked groups` shows of which provider, field and value.",
                    targets=[
                        (
                            "sum by (reason) (increase(caudal_parked_readings_total[1h]))",
                            "{{reason}}",
                        )
                    ],
                    width=6,
                ),
                Panel(
                    title="Parked now, by reason",
                    description="What waits for a person, as of a minute ago.",
                    targets=[(most("caudal_parked", "reason"), "{{reason}}")],
                    width=6,
                ),
            ),
        ),
        Row(
            title="Relay and outbox",
            panels=(
                Panel(
                    title="Events",
                    description="A second: confirmed by the broker, or left in the outbox to be published again.",
                    targets=[(rate("caudal_relay_events_total", "outcome", _HERE), "{{outcome}}")],
                    unit="ops",
                    width=6,
                ),
                Panel(
                    title="A turn",
                    description="From taking the turn until what was confirmed is forgotten.",
                    targets=quantiles("caudal_relay_turn_seconds", where=_HERE),
                    unit="s",
                    width=6,
                ),
                Panel(
                    title="Events in a turn",
                    description="Up to 1,000.",
                    targets=quantiles("caudal_relay_turn_events", where=_HERE),
                    width=6,
                ),
                Panel(
                    title="Age of the next event",
                    description="For how long the event that is next in the outbox has waited.",
                    targets=[
                        (most("caudal_queue_oldest_seconds", where='queue="outbox"'), "outbox")
                    ],
                    unit="s",
                    width=6,
                    steps=[(30, YELLOW), (120, RED)],
                ),
            ),
        ),
        Row(
            title="What lies apart",
            panels=(
                Panel(
                    title="Dead letters",
                    description="Messages in caudal.dead: what could not even be filed or decoded. Nobody takes them from there but a person.",
                    targets=[
                        (most("caudal_queue_messages", where='queue="caudal.dead"'), "caudal.dead")
                    ],
                    steps=[(1, RED)],
                ),
                Panel(
                    title="Events that nobody has taken",
                    description="Messages in caudal.events.all, the queue for your services. Where none uses it, purge it, and do not delete it: an event that no queue takes stays in the outbox.",
                    targets=[
                        (
                            most("caudal_queue_messages", where='queue="caudal.events.all"'),
                            "caudal.events.all",
                        )
                    ],
                ),
                Panel(
                    title="Swept, to be told",
                    description="Deliveries an hour that the archive had to stand in for, and deliveries of our own that have not entered yet.",
                    targets=[
                        ("sum(increase(caudal_swept_total[1h]))", "swept"),
                        (most("caudal_to_be_told"), "to be told"),
                    ],
                ),
            ),
        ),
    ),
)
