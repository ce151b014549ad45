"""The faults of the APIs: each has its share, its effect, and its place in the count."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from services.sandbox.chaos import ApiFaults, Chaos
from services.sandbox.payu.service import PayUOptions
from tests.unit.sandbox import payu_examples as examples
from tests.unit.sandbox.playing import CLIP, MINE, MOBBEX, PAYU, SAFE2PAY, live, playing

BROKEN = (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, ConnectionError)


def test_faults_have_their_shares() -> None:
    faults = ApiFaults(errors=0.1, timeouts=0.2, half=0.3)
    chaos, again = Chaos(faults, "mark"), Chaos(faults, "mark")
    drawn = [chaos.fault() for _ in range(4000)]
    found = Counter(drawn)
    assert found["error"] / 4000 == pytest.approx(0.1, abs=0.02)
    assert found["timeout"] / 4000 == pytest.approx(0.2, abs=0.02)
    assert found["half"] / 4000 == pytest.approx(0.3, abs=0.03)
    assert drawn == [again.fault() for _ in range(4000)]


async def test_errors_come_in_each_dialect(tmp_path: Path) -> None:
    async with playing(tmp_path, faults=ApiFaults(errors=1.0)) as sandbox:
        for path, headers in (
            ("/clip/v2/checkout/x", CLIP),
            ("/mobbex/operations/x", MOBBEX),
            ("/safe2pay/v2/transaction/Get?Id=1", SAFE2PAY),
            (f"{PAYU}/webhooks/account/{MINE}", {}),
        ):
            async with sandbox.client.get(path, headers=headers) as answer:
                assert answer.status == 500
                assert await answer.json()
        async with sandbox.client.get("/sandbox/status") as answer:
            assert answer.status == 200
    assert sandbox.chaos.outcomes["clip"] == {"error": 1}


async def test_half_an_answer_breaks_off(tmp_path: Path) -> None:
    async with playing(tmp_path, faults=ApiFaults(half=1.0)) as sandbox:
        standing = sandbox.put("clip", live("clip", ("CHECKOUT CREATED",)), 1)
        with pytest.raises(BROKEN):
            async with sandbox.client.get(
                f"/clip/v2/checkout/{standing.ref}", headers=CLIP
            ) as answer:
                await answer.read()
    assert sandbox.chaos.outcomes["clip"] == {"half": 1}


async def test_lost_answer_had_its_effect(tmp_path: Path) -> None:
    """A payout whose answer broke off was made: whoever asks again pays twice."""
    slow = PayUOptions(step=60.0)
    async with playing(tmp_path, payu=slow) as sandbox:
        headers = await sandbox.token()
        object.__setattr__(sandbox.chaos, "faults", ApiFaults(half=1.0))
        path = f"{PAYU}/supplier-transfers/{MINE}"
        with pytest.raises(BROKEN):
            async with sandbox.client.post(path, data=examples.REQUEST, headers=headers) as answer:
                await answer.read()
        assert len(sandbox.payu.payouts) == 2


async def test_some_are_never_answered(tmp_path: Path) -> None:
    async with playing(tmp_path, faults=ApiFaults(timeouts=1.0)) as sandbox:
        timeout = aiohttp.ClientTimeout(total=0.3)
        with pytest.raises(TimeoutError):
            await sandbox.client.get("/clip/v2/checkout/x", headers=CLIP, timeout=timeout)
    assert sandbox.chaos.outcomes["clip"] == {"timeout": 1}


async def test_end_does_not_wait_for_the_unanswered(tmp_path: Path) -> None:
    async with asyncio.timeout(10), playing(tmp_path, faults=ApiFaults(timeouts=1.0)) as sandbox:
        asking = asyncio.create_task(sandbox.client.get("/clip/v2/checkout/x", headers=CLIP))
        while "clip" not in sandbox.chaos.outcomes:
            await asyncio.sleep(0.01)
    with pytest.raises((aiohttp.ClientError, asyncio.CancelledError)):
        await asking


async def test_too_many_in_a_second_are_refused(tmp_path: Path) -> None:
    """Clip says 412, the others 429; the next second is a new one."""
    async with playing(tmp_path, faults=ApiFaults(limit=3)) as sandbox:
        for path, headers, refusal in (
            ("/clip/v2/checkout/x", CLIP, 412),
            ("/mobbex/operations/x", MOBBEX, 429),
        ):
            found = []
            for _ in range(12):
                async with sandbox.client.get(path, headers=headers) as answer:
                    found.append(answer.status)
            assert refusal in found
            assert found.count(refusal) >= 6  # twelve calls, in two seconds at most
            assert found[0] != refusal


async def test_slow_answers_come(tmp_path: Path) -> None:
    async with playing(tmp_path, faults=ApiFaults(slow=0.2)) as sandbox:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with sandbox.client.get("/clip/v2/checkout/x", headers=CLIP) as answer:
            assert answer.status == 404
        assert loop.time() - begun >= 0.04
