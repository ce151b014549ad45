"""Every command has help, and errors end with the exit code and the one line that they promise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from services.cli.main import caudal

CAUDAL = Path(sys.executable).with_name("caudal")


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [path]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
        else:
            assert command is not None
            found.append((*path, name))
    return found


@pytest.mark.parametrize("path", _commands(caudal), ids=" ".join)
def test_command_has_help(path: tuple[str, ...]) -> None:
    ran = CliRunner().invoke(caudal, [*path, "--help"])

    assert ran.exit_code == 0
    assert ran.output.startswith("Usage: ")


@pytest.mark.parametrize(
    ("variables", "arguments", "key"),
    [
        ({}, ["ingress"], "CAUDAL_SOURCES"),
        ({}, ["reconciler"], "CAUDAL_AMQP_URL"),
        ({"CAUDAL_AMQP_URL": "http://x"}, ["reconciler"], "CAUDAL_AMQP_URL"),
        ({"CAUDAL_AMQP_URL": "amqp://u:p@h:abc/"}, ["topology", "apply"], "CAUDAL_AMQP_URL"),
        ({"CAUDAL_POSTGRES_DSN": "postgresql://u:hid/den@h:1/x"}, ["migrate"], "CAUDAL_POSTGRES"),
        ({"CAUDAL_POSTGRES_DSN": "postgresql://u:hid#den@h/x"}, ["migrate"], "CAUDAL_POSTGRES"),
        ({"CAUDAL_POSTGRES_DSN": "garbage"}, ["objects", "list"], "CAUDAL_POSTGRES_DSN"),
        ({"CAUDAL_INGRESS_PORT": "many"}, ["migrate"], "CAUDAL_INGRESS_PORT"),
        ({}, ["migrate"], "CAUDAL_POSTGRES_DSN"),
        ({}, ["objects", "list"], "CAUDAL_POSTGRES_DSN"),
        ({}, ["events", "tail"], "CAUDAL_AMQP_URL"),
        ({}, ["topology", "apply"], "CAUDAL_AMQP_URL"),
        ({}, ["ingress", "--sources", "missing.toml"], "missing.toml"),
        ({}, ["up", "--sources", "missing.toml"], "missing.toml"),
    ],
)
def test_bad_configuration_names_key(
    tmp_path: Path, variables: dict[str, str], arguments: list[str], key: str
) -> None:
    ran = subprocess.run(
        [CAUDAL, *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", **variables},
    )

    assert ran.returncode == 2
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert key in ran.stderr
    assert "hid" not in ran.stderr


def test_database_away_is_failure(tmp_path: Path) -> None:
    ran = subprocess.run(
        [CAUDAL, "objects", "list", "--json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"CAUDAL_POSTGRES_DSN": "postgresql://nobody:hidden@127.0.0.1:1/none"},
    )

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "hidden" not in ran.stderr


def test_ephemeral_excludes_data_dir() -> None:
    ran = CliRunner().invoke(caudal, ["up", "--ephemeral", "--data-dir", "x"])

    assert ran.exit_code == 2
    assert "exclude" in ran.output


def test_lifecycle_as_data_has_both_kinds() -> None:
    ran = CliRunner().invoke(caudal, ["lifecycle", "--format", "json"])

    assert list(json.loads(ran.output)["kinds"]) == ["payment", "payout"]


def test_drifted_schemas_fail_the_check(tmp_path: Path) -> None:
    written = CliRunner().invoke(caudal, ["schemas", "write", "--dir", str(tmp_path)])
    same = CliRunner().invoke(caudal, ["schemas", "check", "--dir", str(tmp_path)])
    (tmp_path / "event.schema.json").write_text("{}")
    drifted = CliRunner().invoke(caudal, ["schemas", "check", "--dir", str(tmp_path)])

    assert (written.exit_code, same.exit_code, drifted.exit_code) == (0, 0, 1)
    assert "event.schema.json" in drifted.output
