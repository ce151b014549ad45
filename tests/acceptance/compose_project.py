"""One Compose project of a test: a fresh clone, its own name, ports, image and volumes."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libs.embedded import images
from libs.embedded.ports import free_port

TOP = Path(__file__).resolve().parents[2]
NEEDED = (images.PYTHON, images.POSTGRES, images.RABBITMQ)
WORKERS = ("ingress", "normalizer", "reconciler")
ONCE = ("secrets", "roles", "migrate", "topology")
WATCHING = {"prometheus": images.PROMETHEUS, "grafana": images.GRAFANA}
BUILD_SECONDS = 600.0
UP_SECONDS = 300.0
READY_SECONDS = 90.0


@dataclass(slots=True)
class Project:
    """What an operator has before him: a clone in `folder`, and Compose."""

    command: tuple[str, ...]
    folder: Path
    watching: tuple[str, ...]
    """Of Prometheus and Grafana, those whose images are at hand."""
    network: str = "host"
    """What a build sees."""
    revision: str = "unknown"
    name: str = field(default_factory=lambda: f"caudal-test-{uuid.uuid4().hex[:8]}")
    ports: Mapping[str, int] = field(
        default_factory=lambda: {
            each: free_port() for each in ("", "PROMETHEUS_", "GRAFANA_", "RABBITMQ_")
        }
    )

    @property
    def ingress(self) -> str:
        return f"http://127.0.0.1:{self.ports['']}"

    @property
    def image(self) -> str:
        return f"{self.name}:latest"

    @property
    def open_files(self) -> int:
        """As many as there are by default, or as an engine in a container like this one may give."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return 65_536 if hard == resource.RLIM_INFINITY else min(65_536, hard)

    @property
    def running(self) -> tuple[str, ...]:
        """The services that stay."""
        return ("rabbitmq", "postgres", *WORKERS, *self.watching)

    def compose(self, *words: str, seconds: float = 120.0, given: str = "") -> str:
        """Run Compose on this project and return what it printed."""
        told = ("--env-file", str(self._environment()), "--project-name", self.name)
        return run(*self.command, *told, *words, seconds=seconds, cwd=self.folder, given=given)

    def build(self, revision: str = "unknown") -> None:
        """Build the image as the compose file has it."""
        self.revision = revision
        self.compose("build", seconds=BUILD_SECONDS)

    def up(self, *words: str, seconds: float = UP_SECONDS) -> None:
        """Bring everything up whose images are at hand, and wait until webhooks are confirmed."""
        self.compose("up", "--detach", *words, *self.running, seconds=seconds)
        assert within(READY_SECONDS, lambda: self.level() == "confirmed"), self.logs("ingress")

    def down(self, *words: str) -> None:
        self.compose("down", *words, seconds=UP_SECONDS)

    def once(self, service: str, *words: str) -> str:
        """Run what ends by itself, beside all that runs."""
        return self.compose("run", "--rm", "-T", "--no-deps", service, *words)

    def tell_broker(self) -> None:
        """Give the broker that runs the users as they are now."""
        self.inside("rabbitmq", "rabbitmqctl", "import_definitions", "/run/caudal/definitions.json")

    def give(self, name: str, word: str) -> None:
        """Put a secret of one's own where it is looked for."""
        file = self.folder / "deploy/compose/secrets" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{word}\n")

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--tail", "40", *services)

    def level(self) -> str:
        """Return where a webhook would be kept now, or nothing."""
        try:
            with urllib.request.urlopen(f"{self.ingress}/health/ready", timeout=5) as answer:  # noqa: S310 (our own address)
                return str(json.load(answer)["level"])
        except (OSError, ValueError, KeyError):
            return ""

    def inside(self, service: str, *words: str, given: str = "") -> str:
        return self.compose("exec", "-T", service, *words, given=given)

    def secret(self, service: str, name: str) -> str:
        """Return a file of a running service's secrets."""
        return self.inside(service, "cat", f"/run/secrets/{name}").rstrip("\n")

    def operator(self, *words: str) -> str:
        """Run a command as an operator does."""
        return self.compose("run", "--rm", "-T", "operator", *words)

    def objects(self) -> dict[str, str]:
        """Return reference -> state."""
        said = self.inside("reconciler", "caudal", "objects", "list", "--json")
        return {found["provider_ref"]: found["state"] for found in json.loads(said)}

    def containers(self, service: str) -> list[dict[str, Any]]:
        """Return what the engine knows of a service's containers, running or not."""
        label = (f"label=com.docker.compose.project={self.name}",
                 f"label=com.docker.compose.service={service}",
                 "label=com.docker.compose.oneoff=False")  # fmt: skip
        told = [word for each in label for word in ("--filter", each)]
        ids = run("docker", "ps", "--all", "--quiet", *told).split()
        found: list[dict[str, Any]] = json.loads(run("docker", "inspect", *ids)) if ids else []
        return found

    def become_healthy(self, service: str, count: int = 1) -> bool:
        """Whether so many containers of the service run, all healthy, within READY_SECONDS."""

        def healthy() -> bool:
            states = [found["State"]["Health"]["Status"] for found in self.containers(service)]
            return states == ["healthy"] * count

        return within(READY_SECONDS, healthy)

    def exit_codes(self, *services: str) -> set[int]:
        found = [each for service in services for each in self.containers(service)]
        assert all(each["State"]["Status"] == "exited" for each in found)
        return {each["State"]["ExitCode"] for each in found}

    def remove(self) -> None:
        """Leave neither container nor volume nor image behind."""
        self.down("--volumes", "--remove-orphans", "--timeout", "3")
        run("docker", "image", "rm", self.image)

    def _environment(self) -> Path:
        file = self.folder / "test.env"
        ports = "".join(f"CAUDAL_{each}PORT={port}\n" for each, port in self.ports.items())
        build = f"CAUDAL_BUILD_NETWORK={self.network}\nCAUDAL_REVISION={self.revision}\n"
        file.write_text(
            f"CAUDAL_IMAGE={self.image}\nCAUDAL_OPEN_FILES={self.open_files}\n{build}{ports}"
        )
        return file


def fresh_clone(folder: Path) -> Path:
    """Copy what is in git (as it is now) and belongs to a deployment, and nothing that is not."""
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--",
        "docker-compose.yml", ".dockerignore", "pyproject.toml", "README.md", "requirements",
        "deploy", "libs", "services",
    )  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (TOP / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TOP / name, folder / name)
    return folder


def run(*words: str, seconds: float = 60.0, cwd: Path = TOP, given: str = "") -> str:
    done = subprocess.run(
        words, cwd=cwd, timeout=seconds, capture_output=True, text=True, check=False, input=given
    )
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll until the condition holds; False if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> int:
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method="POST")  # noqa: S310 (our own address)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (the same)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def succeeds(*words: str) -> bool:
    try:
        run(*words)
    except (AssertionError, OSError, subprocess.TimeoutExpired):
        return False
    return True


def find_compose() -> tuple[str, ...] | None:
    """Return how Compose is called here: the engine's plug-in, or the program of old."""
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]) and succeeds(*words, "version"):
            return words
    return None
