"""The release before this one, in a folder of its own, and its workers as processes."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from tests.acceptance.stack import environment

ROOT: Final = Path(__file__).parents[2]
STOP_SECONDS: Final = 40.0
_EXTRA: Final = {"python_version": "3.11", "extra": ""}


def previous_release() -> str | None:
    """Return the newest tag that is an ancestor of HEAD and not HEAD itself, or the commit of one.

    A clone without tags has the commits that `pyproject.toml` names. None where it has neither.
    """
    for commit in ("HEAD", "HEAD^"):
        tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*", commit)
        if tag and _git("rev-parse", f"{tag}^{{commit}}") != _git("rev-parse", "HEAD"):
            return tag
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    told: dict[str, str] = project["tool"]["caudal"]["releases"]
    for commit in reversed(told.values()):
        if _git("merge-base", commit, "HEAD") == commit != _git("rev-parse", "HEAD"):
            return commit
    return None


def _git(*words: str) -> str:
    ran = subprocess.run(
        ["git", "-C", str(ROOT), *words], check=False, capture_output=True, text=True
    )
    return ran.stdout.strip() if ran.returncode == 0 else ""


class Older:
    """The code of a tag under `folder`, and a Python that runs it."""

    def __init__(self, tag: str, folder: Path) -> None:
        self.tag = tag
        self.code = folder / "code"
        packed = subprocess.run(
            ["git", "-C", str(ROOT), "archive", "--format=tar", tag, "libs", "services",
             "pyproject.toml", "requirements"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(self.code, filter="data")
        self.python = Path(sys.executable) if self._fits() else self._own(folder / "venv")
        where = subprocess.run(
            [self.python, "-P", "-c", "import libs, services.cli; print(libs.__file__)"],
            check=True, capture_output=True, text=True, env=self.environment({}),
        ).stdout  # fmt: skip
        assert Path(where.strip()).is_relative_to(self.code), where

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return environment({"PYTHONPATH": str(self.code)} | dict(more))

    def _fits(self) -> bool:
        """Whether what is installed here is what that release asks for."""
        asked = tomllib.loads((self.code / "pyproject.toml").read_text())["project"]
        for line in asked["dependencies"]:
            wanted = Requirement(line)
            if wanted.marker is not None and not wanted.marker.evaluate(_EXTRA):
                continue
            try:
                if not wanted.specifier.contains(version(wanted.name), prereleases=True):
                    return False
            except PackageNotFoundError:
                return False
        return True

    def _own(self, folder: Path) -> Path:
        """Make an environment with what that release has pinned."""
        venv.create(folder, with_pip=True)
        python = folder / "bin" / "python"
        pinned = self.code / "requirements" / "runtime.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", pinned], check=True)
        return python

    @contextmanager
    def worker(self, home: Path, *words: str, env: Mapping[str, str]) -> Iterator[Worker]:
        """Run `caudal <words>` of that release as long as the block lasts."""
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        told = dict(env) | {"CAUDAL_METRICS_PORT": str(port), "CAUDAL_LOG_FORMAT": "json"}
        log = home / f"{words[0]}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [self.python, "-P", "-m", "services.cli", *words],
                stdout=out, stderr=out, cwd=home, env=self.environment(told),
            )  # fmt: skip
        worker = Worker(process, log, port)
        try:
            yield worker
        finally:
            worker.stop()


class Worker:
    """One process of the older release."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, metrics_port: int) -> None:
        self.process = process
        self.log = log
        self.metrics_port = metrics_port

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return self.process.wait()

    def done(self, queue: str) -> float:
        """Return how many items of a queue it has done, as its metrics say."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        line = re.compile(r"^caudal_items_total\{([^}]*)\} (\S+)$", re.MULTILINE)
        return sum(
            float(value)
            for labels, value in line.findall(text)
            if f'queue="{queue}"' in labels and 'outcome="done"' in labels
        )


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
