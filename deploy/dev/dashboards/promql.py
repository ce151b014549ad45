"""The expressions that stand in many panels."""

from __future__ import annotations

from typing import Final

_JOB: Final = 'job=~"(caudal[/_-])?{}"'
"""A job of Prometheus is called after the process, or as `caudal/ingress`; `ingress-nginx` is somebody else's."""


def job(process: str) -> str:
    """Select the jobs of a kind of process."""
    return _JOB.format(process)


OF_CAUDAL: Final = job("(ingress|normalizer|reconciler)")


def rate(metric: str, by: str = "", where: str = "") -> str:
    """Sum the increase a second of a counter."""
    return f"{_sum(by)} (rate({metric}{_braces(where)}[$__rate_interval]))"


def quantile(share: float, histogram: str, by: str = "", where: str = "") -> str:
    """Estimate a quantile from the buckets of a histogram."""
    kept = f"le, {by}" if by else "le"
    inner = rate(f"{histogram}_bucket", kept, where)
    return f"histogram_quantile({share}, {inner})"


def quantiles(
    histogram: str, legend: str = "", by: str = "", where: str = ""
) -> list[tuple[str, str]]:
    """Give the median and the 99th percentile."""
    named = f"{legend} " if legend else ""
    return [
        (quantile(share, histogram, by, where), f"{named}p{round(100 * share)}")
        for share in (0.5, 0.99)
    ]


def most(metric: str, by: str = "", where: str = "") -> str:
    """Take the maximum of what each process says the same of."""
    over = f"max by ({by})" if by else "max"
    return f"{over} ({metric}{_braces(where)})"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def _braces(where: str) -> str:
    return f"{{{where}}}" if where else ""
