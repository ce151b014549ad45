"""Behind a proxy of ours: limits and allow lists are about the sender that it tells of."""

from __future__ import annotations

from typing import Final

from tests.unit.ingress.stand_ins import running_ingress

SOURCES: Final = """
[sources.office]
provider = "plain"
authentication = { kind = "all_of", of = [
  { kind = "query_token", parameter = "token", secrets = ["literal:open-sesame"] },
  { kind = "ip_allow_list", networks = ["192.0.2.0/24"] },
] }
"""
OFFICE: Final = {"X-Forwarded-For": "192.0.2.7"}
TOKEN: Final = "/webhooks/office?token=open-sesame"


async def test_address_is_believed_of_a_trusted_proxy() -> None:
    async with running_ingress(sources=SOURCES, trusted_proxies="127.0.0.0/8") as ingress:
        assert (await ingress.post(TOKEN, headers=OFFICE))[0] == 200
        assert (await ingress.post(TOKEN))[0] == 401
        for told in ("198.51.100.1", "192.0.2.7, 198.51.100.1", "rubbish"):
            assert (await ingress.post(TOKEN, headers={"X-Forwarded-For": told}))[0] == 401
        assert len(ingress.publisher.deliveries) == 1


async def test_address_is_believed_of_nobody_else() -> None:
    async with running_ingress(sources=SOURCES) as ingress:
        assert (await ingress.post(TOKEN, headers=OFFICE))[0] == 401
        assert ingress.publisher.deliveries == []


async def test_stranger_behind_the_proxy_shuts_out_nobody_else() -> None:
    async with running_ingress(
        sources=SOURCES,
        trusted_proxies="127.0.0.1",
        address_failure_burst=3,
        address_failure_rate=0.01,
    ) as ingress:
        stranger = {"X-Forwarded-For": "198.51.100.66"}
        told = [(await ingress.post("/webhooks/office", headers=stranger))[0] for _ in range(6)]
        assert told == [401, 401, 401, 429, 429, 429]
        assert (await ingress.post(TOKEN, headers=OFFICE))[0] == 200
        another = {"X-Forwarded-For": "198.51.100.67"}
        assert (await ingress.post("/webhooks/office", headers=another))[0] == 401


async def test_connections_of_the_proxy_are_not_counted() -> None:
    for proxies, most in (("127.0.0.1", 200), ("", 429)):
        async with running_ingress(
            sources=SOURCES, trusted_proxies=proxies, address_connections=1
        ) as ingress:
            async with ingress.http.get(ingress.url + "/health/live") as first:
                assert first.status == 200
                again = await ingress.raw(
                    b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                )
            assert int(again.split()[1]) == most
