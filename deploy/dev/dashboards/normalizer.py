"""The normalizer: raw deliveries in, what they say out."""

from __future__ import annotations

from typing import Final

from deploy.dev.dashboards.model import Dashboard, Panel, Row
from deploy.dev.dashboards.promql import job, quantiles, rate
from deploy.dev.dashboards.workers import instances, queues, work

_QUEUE: Final = "caudal.normalizer"
_JOB: Final = f'{job("normalizer")}, instance=~"$instance"'

NORMALIZER: Final = Dashboard(
    name="normalizer",
    title="Normalizer",
    description="Raw deliveries from caudal.normalizer are translated, and what they say is published for the reconciler.",
    variables=(instances(_QUEUE),),
    rows=(
        work("caudal.normalizer"),
        queues("caudal.normalizer"),
        Row(
            title="What it publishes",
            panels=(
                Panel(
                    title="Confirm",
                    description="From a publish to the broker's answer.",
                    targets=quantiles(
                        "caudal_publish_confirm_seconds", where=f'{_JOB}, outcome="confirmed"'
                    ),
                    unit="s",
                    width=12,
                ),
                Panel(
                    title="Messages published",
                    description="A second, by what the broker made of them.",
                    targets=[(rate("caudal_published_total", "outcome", _JOB), "{{outcome}}")],
                    unit="ops",
                    width=12,
                ),
            ),
        ),
        Row(
            title="What could not be translated",
            panels=(
                Panel(
                    title="Parked, by reason",
                    description="Readings an hour that the reconcilers parked. unknown_value: a word that no mapping knows; failed: our own code failed on it. `caudal parked groups` shows them.",
                    targets=[
                        (
                            "sum by (reason) (increase(caudal_parked_readings_total[1h]))",
                            "{{reason}}",
                        )
                    ],
                    width=24,
                    leads_to="reconciler",
                ),
            ),
        ),
    ),
)
