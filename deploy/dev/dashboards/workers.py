"""What every worker's dashboard has of the queues that it consumes."""

from __future__ import annotations

from deploy.dev.dashboards.model import RED, YELLOW, Panel, Row, Variable
from deploy.dev.dashboards.promql import most, quantile, rate


def instances(queue: str) -> Variable:
    """Let the reader choose among the workers that consume a queue."""
    return Variable(
        name="instance",
        label="Worker",
        values=f'label_values(caudal_queue_rate{{queue="{queue}"}}, instance)',
    )


def work(queues: str) -> Row:
    """Rate, errors and duration. `queues` is a regular expression."""
    here = f'instance=~"$instance", queue=~"{queues}"'
    return Row(
        title="Rate, errors, duration",
        panels=(
            Panel(
                title="Items",
                description="Deliveries or outcomes a second, by what became of them: done, set back for a later attempt, contended (somebody else held the object), given up, buried.",
                targets=[
                    (rate("caudal_items_total", "queue, outcome", here), "{{queue}}, {{outcome}}")
                ],
                unit="ops",
            ),
            Panel(
                title="A batch",
                description="Seconds of one attempt, done or failed.",
                targets=[
                    (
                        quantile(share, "caudal_consumer_batch_seconds", "queue", here),
                        f"{{{{queue}}}} p{round(share * 100)}",
                    )
                    for share in (0.5, 0.99)
                ],
                unit="s",
            ),
            Panel(
                title="From receipt until done",
                description="Of the first delivery of each batch, without replays and later attempts.",
                targets=[
                    (
                        quantile(share, "caudal_consumer_lag_seconds", "queue", here),
                        f"{{{{queue}}}} p{round(share * 100)}",
                    )
                    for share in (0.5, 0.99)
                ],
                unit="s",
            ),
            Panel(
                title="Items in a batch",
                description="Batches grow by themselves when handling falls behind.",
                targets=[
                    (
                        quantile(share, "caudal_consumer_batch_items", "queue", here),
                        f"{{{{queue}}}} p{round(share * 100)}",
                    )
                    for share in (0.5, 0.99)
                ],
            ),
            Panel(
                title="Batches held",
                description="A second: failed and tried again, since a server is away or the brake holds; messages that were handled and are delivered again (stale).",
                targets=[
                    (
                        rate("caudal_consumer_batches_total", "queue", f'{here}, outcome="failed"'),
                        "{{queue}} failed",
                    ),
                    (
                        rate("caudal_consumer_messages_total", "queue", f'{here}, outcome="stale"'),
                        "{{queue}} stale",
                    ),
                ],
                unit="ops",
            ),
            Panel(
                title="Brake",
                description="1 while a consumer holds its batch because too many items fail.",
                targets=[(most("caudal_brake_engaged", "queue", here), "{{queue}}")],
                steps=[(1, RED)],
            ),
        ),
    )


def queues(queues: str) -> Row:
    """Depth, rate, age and prediction. `queues` is a regular expression."""
    here = f'queue=~"{queues}"'
    return Row(
        title="Backlog and predicted drain",
        panels=(
            Panel(
                title="Messages that wait",
                description="Without those that a consumer has in hand.",
                targets=[(most("caudal_queue_messages", "queue", here), "{{queue}}")],
                width=6,
            ),
            Panel(
                title="Messages handled",
                description="A second, of all workers together, over the last minute.",
                targets=[(f"sum by (queue) (caudal_queue_rate{{{here}}})", "{{queue}}")],
                unit="ops",
                width=6,
            ),
            Panel(
                title="Predicted drain",
                description="What each worker says: equal ones agree, one that stands still says 86,400 s.",
                targets=[
                    (
                        f"caudal_queue_predicted_drain_seconds{{{here}}}",
                        "{{queue}} {{instance}}",
                    )
                ],
                unit="s",
                width=6,
                steps=[(60, YELLOW), (600, RED)],
            ),
            Panel(
                title="Age of the oldest",
                description="Of what is in hand, or at most of what waits.",
                targets=[(most("caudal_queue_oldest_seconds", "queue", here), "{{queue}}")],
                unit="s",
                width=6,
                steps=[(60, YELLOW), (600, RED)],
            ),
            Panel(
                title="Consumers",
                description="That the broker has, of all workers together.",
                targets=[(most("caudal_queue_consumers", "queue", here), "{{queue}}")],
                width=6,
                height=6,
            ),
        ),
    )
