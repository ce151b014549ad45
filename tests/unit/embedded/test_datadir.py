"""One stack per data directory, and secrets that only we can read."""

import subprocess
import sys
from pathlib import Path

import pytest

from libs.embedded import datadir, ports, unprivileged
from libs.embedded.errors import DataDirInUseError, EmbeddedError

HOLDER = """
import sys
from pathlib import Path
from libs.embedded.datadir import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_stack_is_refused(tmp_path: Path) -> None:
    """The message names the holder and the way out; the end of the holder frees the directory."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(DataDirInUseError, match=rf"pid {holder.pid}\).*--data-dir"),
            datadir.hold(tmp_path),
        ):
            pass
        holder.kill()
    with datadir.hold(tmp_path):
        pass


def test_unusable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(EmbeddedError, match=r"file cannot be used: File exists.*--data-dir"),
        datadir.hold(tmp_path / "file"),
    ):
        pass


def test_secret_is_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "password"
    first = datadir.kept_secret(path)
    assert len(first) == 43
    assert datadir.kept_secret(path) == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_port_is_kept_while_free(tmp_path: Path) -> None:
    memory = tmp_path / "port"
    first = ports.kept_port(memory)
    assert ports.kept_port(memory) == first
    assert ports.kept_port(memory, fresh=True) != first


def test_closed_directory_bars_strangers(tmp_path: Path) -> None:
    stranger = unprivileged.Account("nobody", 65534, 65534, frozenset({65534}))
    tmp_path.chmod(0o700)
    assert not stranger.may(tmp_path, 1)
    tmp_path.chmod(0o711)
    assert stranger.may(tmp_path, 1)
    assert not stranger.may(tmp_path, 5)
