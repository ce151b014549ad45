"""`caudal up` as an operator lives with it: its one line, its exit codes, what it leaves behind."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance import rows_clip
from tests.acceptance.rows import JSON, encoded, identifier
from tests.acceptance.stack import Ran, Request, Stack, caudal, source
from tests.processes import descendants, gone, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NONE: Final = '{ kind = "none" }'
SOURCES: Final = source("clip-mx", "clip", NONE)
SECRET: Final = "Wd62-must-not-be-shown"  # what a broken file has in a wrong place

Start = Callable[..., Stack]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start stacks in directories of their own; whatever still runs is stopped at the end."""
    with ExitStack() as running:

        def start(home: str, *arguments: str) -> Stack:
            stack = Stack(tmp_path / home, *arguments, sources=SOURCES)
            running.callback(stack.stop)
            return stack

        yield start


def pay(stack: Stack, name: str) -> None:
    """Post one payment and wait until it is listed."""
    body = encoded(rows_clip.full(name, *rows_clip.PAID[:3]))
    assert stack.send(Request("/webhooks/clip-mx", body, JSON)).status == 200
    assert wait_until(lambda: identifier(name) in references(stack), seconds=30)


def server_of(stack: Stack, program: str) -> int:
    """Return the pid of a server that the stack runs."""
    [found] = [
        pid
        for pid in descendants(stack.process.pid)
        if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(program.encode())
        and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        == str(stack.process.pid)
    ]
    return found


def references(stack: Stack) -> set[str]:
    return {item["provider_ref"] for item in stack.objects()}


def written(authentication: str, *options: str, provider: str = "clip") -> str:
    return source("a", provider, authentication, options)


def token(secrets: str) -> str:
    return f'{{ kind = "query_token", parameter = "token", secrets = {secrets} }}'


BROKEN: Final = {
    "not toml": ("[sources.a\n", "TOML"),
    "nothing": ("", "sources"),
    "unknown provider": (written(NONE, provider="stripe"), "sources.a.provider"),
    "no provider": (f"[sources.a]\nauthentication = {NONE}\n", "sources.a.provider"),
    "no authentication": ('[sources.a]\nprovider = "clip"\n', "sources.a.authentication"),
    "unknown kind": (written('{ kind = "magic" }'), "sources.a.authentication"),
    "unknown key": (written(NONE, 'colour = "red"'), "sources.a.colour"),
    "no parameter": (
        written(f'{{ kind = "query_token", secrets = ["literal:{SECRET}"] }}'),
        "sources.a.authentication.parameter",
    ),
    "secret as it is": (written(token(f'["{SECRET}"]')), "sources.a.authentication.secrets"),
    "secret that is no list": (
        written(token(f'"literal:{SECRET}"')),
        "sources.a.authentication.secrets",
    ),
    "no such file": (written(token('["file:/no/such"]')), "sources.a.authentication.secrets"),
    "slug": (source('"A b"', "clip", NONE), "sources.'A b'"),
    "currency": (written(NONE, 'currency = "pesos"'), "sources.a.currency"),
    "time zone": (written(NONE, 'timezone = "Mars/Base"'), "sources.a.timezone"),
    "path": (written(NONE, 'path = "webhooks"'), "sources.a.path"),
    "path of another": (
        written(NONE, 'path = "/x"') + source("b", "clip", NONE, ['path = "/x"']),
        "sources.b.path",
    ),
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Start `up` with each of the broken files, two at a time."""
    base = tmp_path_factory.mktemp("broken")

    def run(name: str) -> Ran:
        home = base / name.replace(" ", "-")
        home.mkdir()
        (home / "sources.toml").write_text(BROKEN[name][0])
        options = ("--json", "--ephemeral", "--port", "0", "--sources", "sources.toml")
        return caudal("up", *options, cwd=home)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(BROKEN, pool.map(run, BROKEN), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_broken_sources_name_their_key(refused: dict[str, Ran], name: str) -> None:
    ran, key = refused[name], BROKEN[name][1]

    assert ran.returncode == 2
    assert key in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert SECRET not in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "env", "key"),
    [
        (("ingress",), {}, "CAUDAL_"),
        (("migrate",), {}, "CAUDAL_POSTGRES_DSN"),
        (("migrate",), {"CAUDAL_POSTGRES_DSN": f"mysql://u:{SECRET}@h"}, "CAUDAL_POSTGRES_DSN"),
        (("topology", "apply"), {"CAUDAL_AMQP_URL": f"http://u:{SECRET}@h"}, "CAUDAL_AMQP_URL"),
        (("up", "--no-such-option"), {}, "--no-such-option"),
    ],
)
def test_broken_settings_name_their_key(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], key: str
) -> None:
    ran = caudal(*arguments, env=env, cwd=tmp_path)

    assert ran.returncode == 2
    assert key in ran.stderr
    assert SECRET not in ran.stderr + ran.stdout


def test_two_run_side_by_side(start: Start) -> None:
    first, second = start("first", "--ephemeral"), start("second", "--ephemeral")
    first.ready()
    second.ready()
    assert set(first.line) == {"ingress_url", "amqp_url", "postgres_dsn", "data_dir"}
    assert not set(first.line.values()) & set(second.line.values())
    children = descendants(first.process.pid)

    pay(first, "of the first")
    pay(second, "of the second")

    assert references(first) == {identifier("of the first")}
    assert references(second) == {identifier("of the second")}
    assert first.stop(signal.SIGTERM) == 0
    assert gone(children)
    assert not Path(first.line["data_dir"]).exists()
    pay(second, "after the first went")
    children = descendants(second.process.pid)
    assert second.stop(signal.SIGINT) in {0, 130}
    assert gone(children)
    assert not Path(second.line["data_dir"]).exists()


def test_data_stays_over_kill_and_restart(start: Start) -> None:
    first = start("home").ready()
    assert Path(first.line["data_dir"]) == first.home / ".caudal"
    pay(first, "before the kill")
    children = descendants(first.process.pid)

    taken = caudal("up", "--json", "--port", "0", cwd=first.home)
    os.kill(first.process.pid, signal.SIGKILL)

    assert taken.returncode != 0
    assert ".caudal" in taken.stderr
    assert first.stop() == -signal.SIGKILL
    assert gone(children, seconds=30)
    again = start("home").ready()
    assert references(again) == {identifier("before the kill")}
    pay(again, "after the restart")
    children = descendants(again.process.pid)
    assert again.stop() == 0
    assert gone(children)
    assert (again.home / ".caudal").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the servers in /proc")
def test_killed_servers_are_started_again(start: Start) -> None:
    """What was accepted meanwhile lies in the spool, and arrives."""
    stack = start("a", "--ephemeral").ready()
    pay(stack, "before")
    for times, name, program in ((1, "broker", "beam.smp"), (2, "database", "/postgres")):
        os.kill(server_of(stack, program), signal.SIGKILL)

        def back(times: int = times) -> bool:
            return stack.log().count("server_started_again") == times

        assert wait_until(back, seconds=40)
        pay(stack, f"after-{name}")


def test_edited_sources_are_kept(tmp_path: Path) -> None:
    """The file that `up` makes for development may be changed, and is not written again."""
    with Stack(tmp_path / "a"):
        pass
    file = tmp_path / "a" / ".caudal" / "sources.toml"
    file.write_text(file.read_text() + "# mine\n")
    with Stack(tmp_path / "a"):
        pass
    assert file.read_text().endswith("# mine\n")
