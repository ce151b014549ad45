"""What the ingress tells of itself and of its troubles: in answers, logs and metrics."""

from __future__ import annotations

import pytest
import structlog

from libs.runtime.settings import LogDeliveries
from libs.runtime.tracing.witness import Witness
from tests.unit.ingress.stand_ins import Ingress, running_ingress

TOKEN = "/webhooks/shop?token=open-sesame"


async def test_server_names_no_version(ingress: Ingress) -> None:
    async with ingress.http.get(ingress.url + "/health/live") as answer:
        assert answer.headers["Server"] == "caudal"


async def test_bug_tells_nothing(ingress: Ingress) -> None:
    with structlog.testing.capture_logs() as logs:
        assert await ingress.post("/webhooks/documented", b"bug") == (
            500,
            b'{"error":"internal error"}',
        )
    (line,) = [line for line in logs if line["event"] == "request_failed"]
    assert line["error"] == "RuntimeError"
    assert (await ingress.post("/webhooks/documented", b"{}"))[0] == 201


async def test_short_of_memory_is_no_bug(ingress: Ingress) -> None:
    """It passes: the sender shall come again."""
    with structlog.testing.capture_logs() as logs:
        url = ingress.url + "/webhooks/documented"
        async with ingress.http.post(url, data=b"too much") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["memory_short"]


async def test_health_follows_the_broker(ingress: Ingress) -> None:
    async def ask(path: str) -> tuple[int, bytes]:
        async with ingress.http.get(ingress.url + path) as answer:
            return answer.status, await answer.read()

    assert await ask("/health/live") == (200, b'{"status":"live"}')
    assert await ask("/health/ready") == (200, b'{"status":"ready","level":"confirmed"}')
    ingress.publisher.ready = False
    assert await ask("/health/ready") == (200, b'{"status":"ready","level":"spooling"}')
    assert await ask("/health/live") == (200, b'{"status":"live"}')
    assert (await ingress.post("/health/ready"))[0] == 405


async def test_nothing_secret_is_logged() -> None:
    telling = Witness(lines=LogDeliveries.ALL)
    with structlog.testing.capture_logs() as logs:
        async with running_ingress(witness=telling) as ingress:
            await ingress.post(TOKEN, b'{"a":"open-sesame"}')
            await ingress.post("/webhooks/shop?token=wrong-word", b"card 4111111111111111")
            await ingress.post("/webhooks/body", b'{"SecretKey":"OLD-SECRET-KEY"}')
            await ingress.post("/webhooks/documented", b"bug")
            await ingress.raw(b"NONSENSE open-sesame\r\n\r\n")
    text = repr(logs)
    for secret in ("open-sesame", "wrong-word", "OLD-SECRET-KEY", "4111", "token="):
        assert secret not in text
    events = [line["event"] for line in logs]
    assert {"authentication_failed", "delivery_accepted", "source_unauthenticated"} <= {*events}
    assert "source_closed" in events


async def test_failures_are_logged_once() -> None:
    with structlog.testing.capture_logs() as logs:
        async with running_ingress() as ingress:
            for _ in range(20):
                await ingress.post("/webhooks/shop?token=x")
    assert len([line for line in logs if line["event"] == "authentication_failed"]) == 1


async def test_answer_echoes_no_credential(ingress: Ingress) -> None:
    answer = await ingress.post("/webhooks/body", b'{"SecretKey":"OLD-SECRET-KEY","a":1}')
    assert answer == (200, b'{"SecretKey":"[redacted]","a":1}')


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost", 200), ("0.0.0.0", 404)],  # noqa: S104 - the point of it
)
async def test_the_world_is_not_told_metrics(host: str, status: int) -> None:
    async with running_ingress(ingress_host=host) as ingress:
        async with ingress.http.get(ingress.url + "/metrics") as answer:
            assert answer.status == status
        async with ingress.http.get(ingress.url + "/health/live") as answer:
            assert answer.status == 200


async def test_metrics_are_told(ingress: Ingress) -> None:
    async with ingress.http.get(ingress.url + "/metrics") as answer:
        assert answer.status == 200
        assert "# TYPE caudal_ingress_accept_level gauge" in await answer.text()
