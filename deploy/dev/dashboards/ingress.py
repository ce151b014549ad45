"""The ingress: what comes, what is let in, where it is kept, what a limit ends."""

from __future__ import annotations

from typing import Final

from deploy.dev.dashboards.model import GREEN, RED, YELLOW, Dashboard, Panel, Row, Variable
from deploy.dev.dashboards.promql import quantile, quantiles, rate

_HERE: Final = 'instance=~"$instance"'
_SOURCE: Final = f'{_HERE}, source=~"$source"'

INGRESS: Final = Dashboard(
    name="ingress",
    title="Ingress",
    description="Webhooks from the door to the broker, or to the spool where the broker does not answer.",
    variables=(
        Variable(
            name="instance",
            label="Ingress",
            values='label_values(caudal_ingress_accept_level{level="confirmed"}, instance)',
        ),
        Variable(
            name="source",
            label="Source",
            values="label_values(caudal_source_auth_failures_total, source)",
        ),
    ),
    rows=(
        Row(
            title="Accept",
            panels=(
                Panel(
                    title="Level",
                    description="1 for the rung of the accept ladder that holds, for each ingress.",
                    targets=[
                        (f"caudal_ingress_accept_level{{{_HERE}}} == 1", "{{instance}} {{level}}")
                    ],
                    kind="stat",
                    width=6,
                    height=7,
                    words={"1": ("holds", GREEN)},
                ),
                Panel(
                    title="Deliveries",
                    description="A second, by what became of them.",
                    targets=[
                        (rate("caudal_ingress_answers_total", "outcome", _HERE), "{{outcome}}")
                    ],
                    unit="ops",
                    stacked=True,
                    width=9,
                    height=7,
                ),
                Panel(
                    title="Accept",
                    description="From the arrival of the delivery of a message that waited longest until it was safe or given up; providers wait so long for their answer, and those behind it less.",
                    targets=quantiles("caudal_ingress_accept_seconds", where=_HERE),
                    unit="s",
                    width=9,
                    height=7,
                    steps=[(2, RED)],
                ),
            ),
        ),
        Row(
            title="Who is not let in, and what a limit ends",
            panels=(
                Panel(
                    title="Requests not taken",
                    description="A second, by the status of the answer.",
                    targets=[
                        (rate("caudal_ingress_rejections_total", "status", _HERE), "{{status}}")
                    ],
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    title="Credentials that failed",
                    description="A second, by source and what was wrong. Many that are wrong, of one source: its secret was changed on one side only. `caudal sources lost` shows what they look like.",
                    targets=[
                        (
                            rate("caudal_source_auth_failures_total", "source, kind", _SOURCE),
                            "{{source}} {{kind}}",
                        )
                    ],
                    unit="reqps",
                ),
                Panel(
                    title="Ended by a limit",
                    description="Requests and connections a second; the limits are in deploy/README.md, What a stranger may take.",
                    targets=[(rate("caudal_ingress_limited_total", "reason", _HERE), "{{reason}}")],
                    unit="ops",
                    stacked=True,
                ),
            ),
        ),
        Row(
            title="The broker",
            panels=(
                Panel(
                    title="Confirm",
                    description="From a publish of the ingress to the broker's answer. The tail is the broker emptying its write-ahead log.",
                    targets=quantiles(
                        "caudal_publish_confirm_seconds", where=f'{_HERE}, outcome="confirmed"'
                    ),
                    unit="s",
                    steps=[(0.5, YELLOW), (1.5, RED)],
                ),
                Panel(
                    title="Publishes that were not confirmed",
                    description="A second: refused by the broker or not connected, returned since a queue is missing, or without an answer in time.",
                    targets=[
                        (
                            rate("caudal_ingress_publish_failures_total", "outcome", _HERE),
                            "{{outcome}}",
                        )
                    ],
                    unit="ops",
                ),
                Panel(
                    title="Deliveries in a message",
                    description="What waits while a message is under way leaves together as the next: many mean load, or a slow broker.",
                    targets=[
                        *quantiles("caudal_ingress_message_deliveries", where=_HERE),
                        (
                            f"{rate('caudal_ingress_message_deliveries_sum', '', _HERE)} / {rate('caudal_ingress_message_deliveries_count', '', _HERE)}",
                            "mean",
                        ),
                    ],
                ),
            ),
        ),
        Row(
            title="The spool",
            panels=(
                Panel(
                    title="Messages that wait",
                    description="On the local disk of each ingress, until the broker takes them.",
                    targets=[
                        (
                            f"caudal_spool_records{{{_HERE}}} and on (instance) caudal_ingress_accept_level",
                            "{{instance}}",
                        )
                    ],
                    width=6,
                ),
                Panel(
                    title="How full",
                    description="Bytes of what the spool may fill, CAUDAL_SPOOL_MAX_BYTES. Full means refusing.",
                    targets=[
                        (
                            f"caudal_spool_bytes{{{_HERE}}} / (caudal_spool_limit_bytes{{{_HERE}}} > 0)",
                            "{{instance}}",
                        )
                    ],
                    unit="percentunit",
                    width=6,
                    steps=[(0.5, YELLOW), (0.8, RED)],
                ),
                Panel(
                    title="Drained",
                    description="Messages a second that left the spool for the broker.",
                    targets=[
                        (rate("caudal_spool_drained_total", "instance", _HERE), "{{instance}}")
                    ],
                    unit="ops",
                    width=6,
                ),
                Panel(
                    title="Writes that failed, damage",
                    description="A second: writes that the disk did not promise, and stretches that could not be read and were set aside.",
                    targets=[
                        (rate("caudal_spool_failures_total", "reason", _HERE), "{{reason}}"),
                        (rate("caudal_spool_damaged_total", "", _HERE), "damaged"),
                    ],
                    unit="ops",
                    width=6,
                    steps=[(0.001, RED)],
                ),
            ),
        ),
        Row(
            title="Publishes of every process",
            panels=(
                Panel(
                    title="Confirm, by process",
                    description="99th percentile; a broker that is slow for one is slow for all.",
                    targets=[
                        (
                            quantile(
                                0.99,
                                "caudal_publish_confirm_seconds",
                                "job",
                                'outcome="confirmed"',
                            ),
                            "{{job}}",
                        )
                    ],
                    unit="s",
                    width=12,
                ),
                Panel(
                    title="Messages published, by process",
                    description="A second, by what the broker made of them.",
                    targets=[
                        (rate("caudal_published_total", "job, outcome"), "{{job}}, {{outcome}}")
                    ],
                    unit="ops",
                    width=12,
                ),
            ),
        ),
    ),
)
