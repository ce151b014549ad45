"""What people type in the operator's pod on Kubernetes: each command by the user that deploy/kubernetes/README.md names for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from libs.runtime.archive_keys import fresh_key
from tests.acceptance.stack import caudal
from tests.integration.access.rooms import Logins

pytestmark = pytest.mark.servers

SOURCES = Path(__file__).parents[3] / "deploy" / "kubernetes" / "base" / "sources.toml"


@pytest.fixture
def own(database: Logins, users: Mapping[str, str], tmp_path: Path) -> Mapping[str, str]:
    """Give what the pod is told: files, of which each command may be told another."""
    told = {
        "CAUDAL_AMQP_URL_FILE": users["operator"],
        "CAUDAL_POSTGRES_DSN_FILE": database.reconciler,  # the role of the login `caudal-operator`
    }
    for name, content in told.items():
        (tmp_path / name).write_text(content)
    # what the senders show is not there, as in the pod
    return {name: str(tmp_path / name) for name in told} | {"CAUDAL_SOURCES": str(SOURCES)}


def other(tmp_path: Path, value: str) -> str:
    file = tmp_path / "other"
    file.write_text(value)
    return str(file)


def test_copies_are_made_by_who_declares_and_read_by_who_restores(
    own: Mapping[str, str], users: Mapping[str, str], tmp_path: Path
) -> None:
    as_topology = {**own, "CAUDAL_AMQP_URL_FILE": other(tmp_path, users["topology"])}
    refused = caudal("topology", "apply", "--keep", "48", env=own)
    assert refused.returncode == 1, refused.stderr
    for options in (["--keep", "48"], ["--retire"]):
        ran = caudal("topology", "apply", *options, env=as_topology)
        assert ran.returncode == 0, ran.stderr
    as_restore = {**own, "CAUDAL_AMQP_URL_FILE": other(tmp_path, users["restore"])}
    for options in (["--dry-run"], ["--anyway", "--why", "tried"]):
        ran = caudal("restore", *options, env=as_restore)
        # empty copies reach back to nothing: it says so, and that it got as far as that
        assert ran.returncode == 1, ran.stderr
        assert "0 deliveries looked at" in ran.stderr


def test_dead_letters_and_the_archive_are_for_others(
    own: Mapping[str, str], database: Logins, users: Mapping[str, str], tmp_path: Path
) -> None:
    as_dead = {**own, "CAUDAL_AMQP_URL_FILE": other(tmp_path, users["dead"])}
    assert caudal("dead", "list", env=as_dead).returncode == 0
    as_migrate = {
        **own,
        "CAUDAL_POSTGRES_DSN_FILE": other(tmp_path, database.migrate),
        "CAUDAL_ARCHIVE_KEYS": fresh_key(),
    }
    for words in (["migrate"], ["archive", "rekey"]):
        ran = caudal(*words, env=as_migrate)
        assert ran.returncode == 0, ran.stderr
    assert caudal("migrate", env=own).returncode == 1
