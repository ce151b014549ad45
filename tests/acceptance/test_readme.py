"""The README's commands do what the README says, as pasted."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import CAUDAL, Request, Stack, environment
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a stack whose working directory has the README's paths in it."""
    home = tmp_path_factory.mktemp("readme")
    (home / "libs").symlink_to(ROOT / "libs")
    with Stack(home) as running:
        yield running


def test_demo_ends_verified_and_plain(tmp_path: Path) -> None:
    ran = subprocess.run(
        [CAUDAL, "demo"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=120,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "\x1b[" not in ran.stdout
    assert "✗" not in ran.stdout
    assert ran.stdout.count("✓") == 6


def test_webhook_by_hand_is_seen(stack: Stack) -> None:
    (posted,) = re.findall(r"^curl -i (.*)$", README, re.MULTILINE)
    url = stack.line["ingress_url"]
    command = ["curl", "-is", *shlex.split(posted.replace("http://127.0.0.1:8080", url))]

    answered = subprocess.run(command, check=True, capture_output=True, text=True, cwd=stack.home)

    assert answered.stdout.startswith("HTTP/1.1 200")
    assert wait_until(
        lambda: _caudal(stack, "objects", "show", "TDP03").returncode == 0, seconds=20
    )
    assert "created" in _caudal(stack, "objects", "show", "TDP03").stdout


def test_consumer_works_as_pasted(stack: Stack) -> None:
    (program,) = re.findall(
        r"```python\n(import asyncio, json, aio_pika\n.*?)```", README, re.DOTALL
    )
    assert len([line for line in program.splitlines() if line.strip()]) <= 12
    stack.send_all([_clip()])
    consumer = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        cwd=stack.home,
        env=environment(),
    )
    try:
        assert consumer.stdout is not None
        line = consumer.stdout.readline()
    finally:
        consumer.kill()
        consumer.communicate()

    assert line.startswith("payment/e1961597-eccd-4bf5-94f3-c343d529caaa 1 created")


def _clip() -> Request:
    body = (ROOT / "libs/providers/clip/examples/checkout_created.json").read_bytes()
    return Request("/webhooks/clip?token=dev-clip-token", body)


def _caudal(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where the stack keeps its data: it finds it by itself."""
    return subprocess.run(
        [CAUDAL, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=stack.home,
        env=environment(),
        timeout=60,
    )
