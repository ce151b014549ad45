"""The one to look at first: is it well, how much goes through, what fails, how late is it, what waits."""

from __future__ import annotations

from typing import Final

from deploy.dev.dashboards.model import GREEN, RED, YELLOW, Dashboard, Panel, Row
from deploy.dev.dashboards.promql import OF_CAUDAL, most, quantile, quantiles, rate

_LEVELS: Final = {
    "1": ("confirmed", GREEN),
    "2": ("spooling", YELLOW),
    "3": ("refusing", RED),
}

HEALTH: Final = Row(
    title="Health",
    panels=(
        Panel(
            title="Ingress",
            description="The rung of the accept ladder that holds, at the worst of the ingresses: confirmed by the broker, kept on local disk (spooling), or refusing with 503.",
            targets=[
                (
                    'max(1 * caudal_ingress_accept_level{level="confirmed"} + ignoring(level) 2 * caudal_ingress_accept_level{level="spooling"} + ignoring(level) 3 * caudal_ingress_accept_level{level="refusing"})',
                    "level",
                )
            ],
            kind="stat",
            width=4,
            height=4,
            steps=[(2, YELLOW), (3, RED)],
            words=_LEVELS,
            leads_to="ingress",
        ),
        Panel(
            title="Processes that answer",
            description="Of those that Prometheus knows of, by job.",
            targets=[(f"sum by (job) (up{{{OF_CAUDAL}}})", "{{job}}")],
            kind="stat",
            width=5,
            height=4,
            steps=[],
        ),
        Panel(
            title="Alerts",
            description="Alerts of deploy/prometheus/alerts.yml that fire now; deploy/runbook.md says of each what to type.",
            targets=[
                ('count(ALERTS{alertname=~"Caudal.*", alertstate="firing"}) or vector(0)', "firing")
            ],
            kind="stat",
            width=3,
            height=4,
            steps=[(1, RED)],
        ),
        Panel(
            title="Drain in",
            description="In how many seconds the slowest queue is empty if nothing comes any more.",
            targets=[
                ("max(min by (queue) (caudal_queue_predicted_drain_seconds))", "slowest queue")
            ],
            unit="s",
            kind="stat",
            width=3,
            height=4,
            steps=[(60, YELLOW), (600, RED)],
            decimals=1,
        ),
        Panel(
            title="Oldest",
            description="Age of the oldest that is worked on or waits, in any queue.",
            targets=[("max(caudal_queue_oldest_seconds)", "oldest")],
            unit="s",
            kind="stat",
            width=3,
            height=4,
            steps=[(60, YELLOW), (600, RED)],
            decimals=1,
        ),
        Panel(
            title="Parked, dead",
            description="What could not be translated and waits for a person, and messages in caudal.dead.",
            targets=[
                ("sum(max by (reason) (caudal_parked))", "parked"),
                (most("caudal_queue_messages", where='queue="caudal.dead"'), "dead"),
            ],
            kind="stat",
            width=3,
            height=4,
            steps=[(1, YELLOW), (1000, RED)],
            leads_to="reconciler",
        ),
        Panel(
            title="Silent sources",
            description="Sources of which so few webhooks come that chance does not explain it.",
            targets=[("sum(max by (source) (caudal_source_silent)) or vector(0)", "silent")],
            kind="stat",
            width=3,
            height=4,
            steps=[(1, RED)],
            leads_to="providers",
        ),
    ),
)

THROUGHPUT: Final = Row(
    title="Throughput",
    panels=(
        Panel(
            title="Deliveries accepted",
            description="A second, by what became of them; refused ones were answered 503 and are sent again by the provider.",
            targets=[(rate("caudal_ingress_answers_total", "outcome"), "{{outcome}}")],
            unit="ops",
            stacked=True,
            leads_to="ingress",
        ),
        Panel(
            title="Done by queue",
            description="Deliveries or outcomes a second: translated (caudal.normalizer), filed (caudal.archive), folded (caudal.reconciler).",
            targets=[(rate("caudal_items_total", "queue", 'outcome="done"'), "{{queue}}")],
            unit="ops",
            leads_to="normalizer",
        ),
        Panel(
            title="Events published",
            description="Events a second that the relay brought to caudal.events; left ones are published again.",
            targets=[(rate("caudal_relay_events_total", "outcome"), "{{outcome}}")],
            unit="ops",
            leads_to="reconciler",
        ),
    ),
)

ERRORS: Final = Row(
    title="Errors",
    panels=(
        Panel(
            title="Requests not taken",
            description="A second, by the status of the answer. 401: no right credential; 429: a limit; 503: could not be kept.",
            targets=[(rate("caudal_ingress_rejections_total", "status"), "{{status}}")],
            unit="reqps",
            stacked=True,
            leads_to="ingress",
        ),
        Panel(
            title="Items that fail",
            description="A second, by queue: set back to be tried again, given up after the last attempt, buried in caudal.dead.",
            targets=[
                (
                    rate("caudal_items_total", "queue, outcome", 'outcome!="done"'),
                    "{{queue}}, {{outcome}}",
                )
            ],
            unit="ops",
        ),
        Panel(
            title="Batches held, publishes not confirmed",
            description="A second: batches that are tried again since a server is away or the brake holds, and messages that the broker did not confirm.",
            targets=[
                (
                    rate("caudal_consumer_batches_total", "queue", 'outcome="failed"'),
                    "batches of {{queue}}",
                ),
                (
                    rate("caudal_published_total", "outcome", 'outcome!="confirmed"'),
                    "publishes {{outcome}}",
                ),
            ],
            unit="ops",
        ),
    ),
)

LATENCY: Final = Row(
    title="Latency",
    panels=(
        Panel(
            title="Accept, and the broker's confirm",
            description="Accept: from the arrival of the delivery of a message that waited longest until it was safe. Confirm: from a publish to the broker's answer, in any process.",
            targets=[
                *quantiles("caudal_ingress_accept_seconds", "accept"),
                (
                    quantile(0.99, "caudal_publish_confirm_seconds", where='outcome="confirmed"'),
                    "confirm p99",
                ),
            ],
            unit="s",
            steps=[(2, RED)],
            leads_to="ingress",
        ),
        Panel(
            title="From receipt until done",
            description="Of the first delivery of each batch. caudal.reconciler is the way of a webhook from the ingress to its object and its event.",
            targets=[
                (quantile(0.5, "caudal_consumer_lag_seconds", "queue"), "{{queue}} p50"),
                (quantile(0.99, "caudal_consumer_lag_seconds", "queue"), "{{queue}} p99"),
            ],
            unit="s",
            leads_to="reconciler",
        ),
        Panel(
            title="A batch, and a turn of the relay",
            description="How long one attempt at a batch takes, by queue, and one turn of the relay. 99th percentile.",
            targets=[
                (quantile(0.99, "caudal_consumer_batch_seconds", "queue"), "{{queue}} p99"),
                (quantile(0.99, "caudal_relay_turn_seconds"), "relay p99"),
            ],
            unit="s",
            leads_to="reconciler",
        ),
    ),
)

BACKLOG: Final = Row(
    title="Backlog and predicted drain",
    panels=(
        Panel(
            title="Messages that wait",
            description="In each queue, without those that a consumer has in hand; the outbox as a queue. caudal.events.all is emptied by your services, caudal.dead by nobody.",
            targets=[(most("caudal_queue_messages", "queue"), "{{queue}}")],
            width=6,
        ),
        Panel(
            title="Predicted drain",
            description="Backlog over the working rate of all consumers; the minimum of what the replicas say. 86,400 s: messages wait and none was handled for a minute.",
            targets=[("min by (queue) (caudal_queue_predicted_drain_seconds)", "{{queue}}")],
            unit="s",
            width=6,
            steps=[(600, RED)],
        ),
        Panel(
            title="Age of the oldest",
            description="Of what is in hand, or at most of what waits.",
            targets=[(most("caudal_queue_oldest_seconds", "queue"), "{{queue}}")],
            unit="s",
            width=6,
            steps=[(600, RED)],
        ),
        Panel(
            title="Spool",
            description="Messages on the local disks of the ingresses, which drain when the broker is back, and how full the fullest spool is.",
            targets=[
                ("sum(caudal_spool_records)", "messages"),
                ("100 * max(caudal_spool_bytes / (caudal_spool_limit_bytes > 0))", "% full"),
            ],
            width=6,
            leads_to="ingress",
        ),
    ),
)

PROCESSES: Final = Row(
    title="Processes",
    panels=(
        Panel(
            title="CPU",
            description="Cores that each process takes.",
            targets=[
                (
                    f"sum by (job, instance) (rate(process_cpu_seconds_total{{{OF_CAUDAL}}}[$__rate_interval]))",
                    "{{job}} {{instance}}",
                )
            ],
        ),
        Panel(
            title="Memory",
            description="Resident memory; under full load some 110 MB (bench/results/release.md).",
            targets=[(f"process_resident_memory_bytes{{{OF_CAUDAL}}}", "{{job}} {{instance}}")],
            unit="bytes",
            steps=[(300e6, RED)],
        ),
        Panel(
            title="Open files",
            description="Files and connections, of those that each process may have open.",
            targets=[
                (
                    f"process_open_fds{{{OF_CAUDAL}}} / process_max_fds{{{OF_CAUDAL}}}",
                    "{{job}} {{instance}}",
                )
            ],
            unit="percentunit",
            steps=[(0.8, RED)],
        ),
    ),
)

OVERVIEW: Final = Dashboard(
    name="overview",
    title="Overview",
    description="Whether Caudal is well, how much goes through it, what fails, how late it is and what waits. deploy/README.md, What to watch.",
    rows=(HEALTH, THROUGHPUT, ERRORS, LATENCY, BACKLOG, PROCESSES),
)
