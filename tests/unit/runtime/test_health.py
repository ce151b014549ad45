"""What the image's health check says, of whichever command runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from libs.runtime.health import FRESH, MISUSED, NOT_WELL, WELL, look

ROOT = Path(__file__).parents[3]
SCRIPT = ["/opt/caudal/bin/python", "/opt/caudal/bin/caudal"]


def processes(folder: Path, *commands: list[str]) -> Path:
    """Make a /proc with these command lines, an odd one, and one that is gone."""
    for pid, words in enumerate([["bash"], [], *commands], 1):
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "cmdline").write_bytes(b"".join(w.encode() + b"\0" for w in words))
    (folder / "self").mkdir()
    return folder


def heartbeat(folder: Path, age: float) -> dict[str, str]:
    file = folder / "heartbeat"
    file.touch()
    os.utime(file, (time.time() - age, time.time() - age))
    return {"CAUDAL_HEARTBEAT_FILE": str(file)}


@pytest.fixture
def ingress() -> Iterator[tuple[int, list[int]]]:
    """Answer as an ingress; the list has the status that it answers with."""
    status = [200]

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, status
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("words", [
    [*SCRIPT, "normalizer"], [*SCRIPT, "reconciler", "--name", "r"],
    ["/sbin/docker-init", "--", "caudal", "admin"], ["python", "-P", "-m", "services.cli", "reconciler"],
])  # fmt: skip
@pytest.mark.parametrize(("age", "code"), [(0, WELL), (FRESH - 5, WELL), (FRESH + 5, NOT_WELL)])
def test_worker_is_as_well_as_its_heartbeat(
    tmp_path: Path, words: list[str], age: float, code: int
) -> None:
    found = look(heartbeat(tmp_path, age), processes(tmp_path / "proc", words))
    assert found.code == code


def test_worker_without_heartbeat_is_not_well(tmp_path: Path) -> None:
    around = {"CAUDAL_HEARTBEAT_FILE": str(tmp_path / "none")}
    proc = processes(tmp_path / "proc", [*SCRIPT, "normalizer"])
    assert look(around, proc).code == NOT_WELL
    assert look({}, proc).code == MISUSED


@pytest.mark.parametrize("words", [
    [*SCRIPT, "migrate"], [*SCRIPT, "health"], [*SCRIPT, "objects", "show", "ingress"],
    ["vi", "caudal", "notes"], ["less", "/srv/caudal"],
])  # fmt: skip
def test_what_ends_by_itself_is_well(tmp_path: Path, words: list[str]) -> None:
    around = {"CAUDAL_HEARTBEAT_FILE": str(tmp_path / "none")}
    assert look(around, processes(tmp_path / "proc", words)).code == WELL


def test_ingress_is_well_when_it_is_ready_and_beats(
    tmp_path: Path, ingress: tuple[int, list[int]]
) -> None:
    port, status = ingress
    around = {"CAUDAL_INGRESS_HOST": "0.0.0.0", "CAUDAL_INGRESS_PORT": str(port)}  # noqa: S104 - as the image has it
    proc = processes(tmp_path / "proc", [*SCRIPT, "ingress"])
    assert look(around | heartbeat(tmp_path, 0), proc).code == WELL
    assert look(around | heartbeat(tmp_path, FRESH + 5), proc).code == NOT_WELL
    status[0] = 503
    assert look(around | heartbeat(tmp_path, 0), proc).code == NOT_WELL


@pytest.mark.parametrize("options", [["--port", "{}"], ["--host=127.0.0.1", "--port={}"]])
def test_ingress_is_asked_where_its_options_say(
    tmp_path: Path, ingress: tuple[int, list[int]], options: list[str]
) -> None:
    told = [each.format(ingress[0]) for each in options]
    proc = processes(tmp_path / "proc", [*SCRIPT, "ingress", *told])
    assert look({"CAUDAL_INGRESS_PORT": "1"}, proc).code == WELL


def test_nobody_who_answers_is_not_well(tmp_path: Path) -> None:
    proc = processes(tmp_path / "proc", [*SCRIPT, "ingress"])
    assert look({"CAUDAL_INGRESS_PORT": "1"}, proc).code == NOT_WELL


def test_check_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """It runs every ten seconds in every container: it must not import what a worker does."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c",
         ("import sys; from pathlib import Path; sys.path.insert(0, '.'); "
         "import libs.runtime.health as h; print(h.look({}, Path(sys.argv[1])).code)"),
         str(tmp_path)],
        cwd=ROOT, env={}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout.strip()) == (0, str(WELL)), ran.stderr
