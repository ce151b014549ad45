"""Providers and sources: who has fallen silent, who is not let in, and what asking back says."""

from __future__ import annotations

from typing import Final

from deploy.dev.dashboards.model import GREEN, RED, YELLOW, Dashboard, Panel, Row, Variable
from deploy.dev.dashboards.promql import most, quantile, rate

_PROVIDER: Final = 'provider=~"$provider"'
_SOURCE: Final = 'source=~"$source"'

PROVIDERS: Final = Dashboard(
    name="providers",
    title="Providers and sources",
    description="Whether each source still speaks, and what its provider answers when it is asked.",
    span="now-24h",
    variables=(
        Variable(
            name="provider", label="Provider", values="label_values(caudal_poll_budget, provider)"
        ),
        Variable(
            name="source", label="Source", values="label_values(caudal_source_silent, source)"
        ),
    ),
    rows=(
        Row(
            title="Silence",
            panels=(
                Panel(
                    title="Silent",
                    description="Sources that have fallen out of their usual rate; `caudal sources status` says why.",
                    targets=[(most("caudal_source_silent", "source", _SOURCE), "{{source}}")],
                    kind="stat",
                    steps=[(1, RED)],
                    words={"0": ("heard", GREEN), "1": ("silent", RED)},
                ),
                Panel(
                    title="Since the last webhook",
                    description="That was counted; some of the last minutes may not be.",
                    targets=[
                        (
                            most("caudal_source_last_delivery_age_seconds", "source", _SOURCE),
                            "{{source}}",
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    title="Credentials that failed",
                    description="In an hour, by source and what was wrong.",
                    targets=[
                        (
                            f"sum by (source, kind) (increase(caudal_source_auth_failures_total{{{_SOURCE}}}[1h]))",
                            "{{source}} {{kind}}",
                        )
                    ],
                    leads_to="ingress",
                ),
            ),
        ),
        Row(
            title="Asking back",
            panels=(
                Panel(
                    title="Questions",
                    description="A second, by what became of them.",
                    targets=[
                        (
                            rate("caudal_polls_total", "provider, outcome", _PROVIDER),
                            "{{provider}}, {{outcome}}",
                        )
                    ],
                    unit="ops",
                ),
                Panel(
                    title="Agreement",
                    description="Answers an hour beside what the webhooks had told. poll_ahead: a webhook is late or lost; conflict: both cannot be true.",
                    targets=[
                        (
                            f"sum by (provider, agreement) (increase(caudal_poll_agreement_total{{{_PROVIDER}}}[1h]))",
                            "{{provider}}, {{agreement}}",
                        )
                    ],
                ),
                Panel(
                    title="A question",
                    description="With all its calls and waits.",
                    targets=[
                        (
                            quantile(share, "caudal_poll_seconds", "provider", _PROVIDER),
                            f"{{{{provider}}}} p{round(share * 100)}",
                        )
                        for share in (0.5, 0.99)
                    ],
                    unit="s",
                ),
                Panel(
                    title="Breaker",
                    description="Open: the provider's API fails, and is left alone for a while.",
                    targets=[
                        (
                            most("caudal_poll_breaker", "provider", f'{_PROVIDER}, state="open"'),
                            "{{provider}} open",
                        )
                    ],
                    steps=[(1, RED)],
                    width=6,
                ),
                Panel(
                    title="Whose turn",
                    description="1 at the reconciler that asks a provider.",
                    targets=[
                        (f"caudal_poll_turn{{{_PROVIDER}}}", "{{provider}} {{instance}}"),
                    ],
                    width=6,
                ),
                Panel(
                    title="Calls under way",
                    description="Beside the budget of the provider.",
                    targets=[
                        (most("caudal_polls_under_way", "provider", _PROVIDER), "{{provider}}"),
                        (
                            most("caudal_poll_budget", "provider", _PROVIDER),
                            "{{provider}} budget",
                        ),
                    ],
                    width=6,
                ),
                Panel(
                    title="Overdue",
                    description="Objects of which the news that has to come has not come; `caudal overdue list` shows them.",
                    targets=[(most("caudal_overdue", "provider", _PROVIDER), "{{provider}}")],
                    width=6,
                ),
                Panel(
                    title="Longest overdue",
                    description="For how long the object is overdue that is it longest.",
                    targets=[
                        (
                            most("caudal_overdue_oldest_seconds", "provider", _PROVIDER),
                            "{{provider}}",
                        )
                    ],
                    unit="s",
                    width=24,
                    steps=[(86_400, YELLOW), (259_200, RED)],
                ),
            ),
        ),
    ),
)
