"""What is counted by source begins at 0 with the ingress: the first one shows as an increase."""

from __future__ import annotations

from libs.runtime.metrics import REGISTRY
from tests.unit.ingress.stand_ins import SOURCES, running_ingress

SLUG = "quiet-since-ever"


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_counters_of_a_source_begin_with_the_ingress() -> None:
    told = SOURCES.replace("[sources.shop]", f"[sources.{SLUG}]")
    assert value("caudal_ingress_limited_total", source=SLUG, reason="rate") is None
    async with running_ingress(sources=told) as ingress:
        for reason in ("rate", "requests", "failures", "address"):
            assert value("caudal_ingress_limited_total", source=SLUG, reason=reason) == 0
        for kind in ("missing", "repeated", "wrong", "stale", "address"):
            assert value("caudal_source_auth_failures_total", source=SLUG, kind=kind) == 0
        for nowhere in ("connections", "unknown_source"):
            assert value("caudal_ingress_limited_total", source=SLUG, reason=nowhere) is None
        assert value("caudal_ingress_limited_total", source="", reason="connections") is not None
        assert (
            value("caudal_source_auth_failures_total", source="", kind="unknown_source") is not None
        )
        assert (await ingress.post(f"/webhooks/{SLUG}?token=wrong", b"{}"))[0] == 401
        assert value("caudal_source_auth_failures_total", source=SLUG, kind="wrong") == 1
