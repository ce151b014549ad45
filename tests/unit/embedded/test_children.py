"""Children end with us, by our will or by our end."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from libs.embedded.children import start_child
from tests.processes import descendants, gone

PARENT = """
import asyncio, sys
from libs.embedded.children import start_child

async def main():
    await start_child(["/bin/sleep", "100"], name="sleeper", guarded=sys.argv[1] == "guarded")
    print("ready", flush=True)
    await asyncio.sleep(100)

asyncio.run(main())
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(100)"
GUARDED = pytest.mark.parametrize(
    "guarded",
    [
        pytest.param(False, marks=pytest.mark.skipif(sys.platform != "linux", reason="prctl")),
        True,
    ],
    ids=["leashed", "guarded"],
)


@GUARDED
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_child_ends_with_parent(guarded: bool, ending: signal.Signals) -> None:  # noqa: FBT001 (parameter of the test)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "guarded" if guarded else "leashed"],
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = descendants(parent.pid)
        assert children
        parent.send_signal(ending)
        assert gone(children)


@GUARDED
async def test_stop_asks_before_killing(guarded: bool) -> None:  # noqa: FBT001 (see above)
    child = await start_child(["/bin/sleep", "100"], name="sleeper", guarded=guarded)
    code = await child.stop(10)
    assert code in {-signal.SIGTERM, 128 + signal.SIGTERM}


@GUARDED
async def test_deaf_child_is_killed(guarded: bool) -> None:  # noqa: FBT001 (see above)
    child = await start_child(
        [sys.executable, "-c", DEAF], name="deaf", stdout=subprocess.PIPE, guarded=guarded
    )
    assert child.process.stdout is not None
    assert await child.process.stdout.readline() == b"up\n"
    family = descendants(child.pid) | {child.pid}
    await child.stop(0.2)
    assert child.returncode == -signal.SIGKILL
    assert await asyncio.to_thread(gone, family)


@GUARDED
async def test_missing_program_ends_with_127(guarded: bool, tmp_path: Path) -> None:  # noqa: FBT001 (see above)
    output = tmp_path / "output"
    with output.open("wb") as file:
        child = await start_child(["/no/such"], name="none", stderr=file, guarded=guarded)
    assert await child.wait() == 127
    assert output.read_text() == "cannot run /no/such: No such file or directory\n"


@GUARDED
async def test_no_descriptor_is_left_open(guarded: bool) -> None:  # noqa: FBT001 (see above)
    await (await start_child(["/bin/true"], name="warm-up", guarded=guarded)).wait()
    before = await asyncio.to_thread(_open_descriptors)
    child = await start_child(["/bin/sleep", "100"], name="sleeper", guarded=guarded)
    await child.kill()
    assert await asyncio.to_thread(_open_descriptors) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_child_runs_as_another_user(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        child = await start_child(
            ["/usr/bin/id", "-un"], name="id", user="nobody", cwd="/", stdout=file
        )
    assert await child.wait() == 0
    assert output.read_text() == "nobody\n"


def _open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))
