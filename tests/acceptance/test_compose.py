"""What an operator does with Docker Compose: build, up, post a webhook, see it, scale, down, up.

Needs a Docker engine with the base images at hand, and Compose; skipped where one is missing, since
the engine is optional. CAUDAL_BUILD_NETWORK (default: host) is the network that the build sees.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from libs.embedded import images
from libs.embedded.ports import free_port

pytestmark = [
    pytest.mark.containers,
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

TOP = Path(__file__).resolve().parents[2]
BASE_IMAGES = ("python:3.12-slim", images.POSTGRES, images.RABBITMQ)
OURS = ("ingress", "normalizer", "reconciler")
RUNNING = ("rabbitmq", "postgres", *OURS)
BUILD_SECONDS = 420.0
UP_SECONDS = 240.0
READY_SECONDS = 60.0
WEBHOOK = TOP / "libs/providers/clip/examples/checkout_created.json"
REFERENCE = "e1961597-eccd-4bf5-94f3-c343d529caaa"


@dataclass(frozen=True, slots=True)
class Project:
    """One Compose project: its own name, port, passwords, image and volumes."""

    command: tuple[str, ...]
    folder: Path
    name: str = field(default_factory=lambda: f"caudal-test-{uuid.uuid4().hex[:8]}")
    port: int = field(default_factory=free_port)

    @property
    def ingress(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def image(self) -> str:
        return f"{self.name}:latest"

    def compose(self, *words: str, seconds: float = 120.0) -> str:
        """Run Compose on this project and return what it printed."""
        project = ("--env-file", str(self._environment()), "--project-name", self.name)
        return run(*self.command, *project, *words, seconds=seconds)

    def up(self, *words: str) -> None:
        self.compose("up", "--detach", "--no-build", *words, seconds=UP_SECONDS)
        assert within(READY_SECONDS, lambda: answers(f"{self.ingress}/health/ready"))

    def down(self, *words: str) -> None:
        self.compose("down", *words, seconds=UP_SECONDS)

    def objects(self) -> dict[str, str]:
        """Return reference -> state."""
        said = self.compose("exec", "-T", "reconciler", "caudal", "objects", "list", "--json")
        return {found["provider_ref"]: found["state"] for found in json.loads(said)}

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine knows of a service's containers."""
        ids = self.compose("ps", "--quiet", service).split()
        found: list[dict[str, Any]] = json.loads(run("docker", "inspect", *ids)) if ids else []
        return found

    def become_healthy(self, service: str, count: int = 1) -> bool:
        """Whether so many containers of the service run, all healthy, within READY_SECONDS."""

        def healthy() -> bool:
            states = [found["State"]["Health"]["Status"] for found in self.containers(service)]
            return states == ["healthy"] * count

        return within(READY_SECONDS, healthy)

    def _environment(self) -> Path:
        file = self.folder / "compose.env"
        file.write_text(
            f"CAUDAL_IMAGE={self.image}\nCAUDAL_PORT={self.port}\n"
            "CAUDAL_RABBITMQ_PASSWORD=rabbit\nCAUDAL_POSTGRES_PASSWORD=elephant\n"
            "CLIP_TOKEN=clip-token\n"
        )
        return file


def run(*words: str, seconds: float = 60.0) -> str:
    done = subprocess.run(
        words, cwd=TOP, timeout=seconds, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words[0]}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll until the condition holds; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except OSError:
        return False


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310 (our own address)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (the same)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def find_compose() -> tuple[str, ...] | None:
    """Return how Compose is called here: the engine's plug-in, or the program of old."""
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]) and _succeeds(*words, "version"):
            return words
    return None


def _succeeds(*words: str) -> bool:
    try:
        run(*words)
    except (AssertionError, OSError, subprocess.TimeoutExpired):
        return False
    return True


@pytest.fixture(scope="module")
def compose() -> tuple[str, ...]:
    if not (shutil.which("docker") and _succeeds("docker", "info")):
        pytest.skip("no Docker engine answers")
    command = find_compose()
    if command is None:
        pytest.skip("there is no Docker Compose")
    for image in BASE_IMAGES:
        if not _succeeds("docker", "image", "inspect", image):
            pytest.skip(f"the image {image} is not at hand")
    return command


@pytest.fixture
def project(compose: tuple[str, ...], tmp_path: Path) -> Iterator[Project]:
    """Build the image; whatever happens, leave neither container nor volume nor image behind."""
    network = os.environ.get("CAUDAL_BUILD_NETWORK", "host")
    made = Project(compose, tmp_path)
    where = ("--network", network, "--file", "deploy/Dockerfile", "--tag", made.image)
    run("docker", "build", *where, ".", seconds=BUILD_SECONDS)
    try:
        yield made
    finally:
        made.down("--volumes", "--remove-orphans", "--timeout", "3")
        run("docker", "image", "rm", made.image)


def test_operator_brings_up_scales_and_returns(project: Project) -> None:
    """An accepted webhook outlives its containers, broker or not; workers scale while they run."""
    project.up()
    clip = f"{project.ingress}/webhooks/clip?token=clip-token"
    assert post(clip, WEBHOOK.read_bytes()) == 200
    assert post(f"{project.ingress}/webhooks/clip?token=wrong", WEBHOOK.read_bytes()) == 401
    assert post(f"{project.ingress}/webhooks/payu?token=", b"{}") == 404  # no secret was given
    assert within(READY_SECONDS, lambda: project.objects() == {REFERENCE: "created"})
    for service in RUNNING:
        assert project.become_healthy(service), service
    assert only_ingress_is_published(project)

    project.up("--scale", "normalizer=3", "--scale", "reconciler=2")
    assert project.become_healthy("normalizer", 3)
    assert project.become_healthy("reconciler", 2)

    other = str(uuid.uuid4())
    project.compose("stop", "rabbitmq")
    assert post(clip, WEBHOOK.read_bytes().replace(REFERENCE.encode(), other.encode())) == 200
    project.compose("kill", "ingress")
    project.compose("rm", "--force", "ingress")  # what was spooled is in its volume
    project.up("--scale", "normalizer=3", "--scale", "reconciler=2")
    known = {REFERENCE: "created", other: "created"}
    assert within(READY_SECONDS, lambda: project.objects() == known)

    project.compose("stop", *OURS)
    for service in OURS:
        assert {found["State"]["ExitCode"] for found in project.containers(service)} == {0}
    project.down("--timeout", "15")
    project.up()
    assert project.objects() == known


def only_ingress_is_published(project: Project) -> bool:
    published = {
        service: [
            (at["HostIp"], at["HostPort"])
            for found in project.containers(service)
            for places in found["NetworkSettings"]["Ports"].values()
            for at in places or ()
        ]
        for service in RUNNING
    }
    return {service: at for service, at in published.items() if at} == {
        "ingress": [("127.0.0.1", str(project.port))]
    }
