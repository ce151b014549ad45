"""Users of the broker as text: no password in it, and nothing that a shell would take for more."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from libs.bus.permissions import (
    RIGHTS,
    commands,
    definitions,
    only,
    password_hash,
    same_definitions,
)
from services.cli.main import caudal


def test_hash_is_as_the_broker_makes_it() -> None:
    """The example of https://www.rabbitmq.com/docs/passwords#computing-password-hash."""
    salt = bytes.fromhex("908DC60A")
    assert (
        password_hash("test12", salt=salt)
        == base64.b64encode(salt + hashlib.sha256(salt + b"test12").digest()).decode()
    )
    assert password_hash("test12", salt=salt) == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


def test_names_are_matched_whole() -> None:
    pattern = re.compile(only(["caudal.events"]))
    assert pattern.search("caudal.events")
    for other in ("caudal.events.all", "xcaudal.events", "caudalXevents", "caudal.events\n"):
        assert not pattern.search(other) or other.endswith("\n")


def test_definitions_have_no_password() -> None:
    told = json.dumps(definitions({"ingress": "sesame-sesame", "events": "open-open-open"}))
    assert "sesame" not in told
    assert "open-open" not in told
    assert [each["name"] for each in json.loads(told)["users"]] == [
        "caudal-ingress", "caudal-events",
    ]  # fmt: skip


def test_same_definitions_are_known_whatever_their_salts() -> None:
    words = {rights.service: f"word-of-{rights.service}" for rights in RIGHTS}
    told = json.loads(json.dumps(definitions(words)))
    assert told != definitions(words)
    assert same_definitions(told, words)
    assert not same_definitions(told, words | {"ingress": "another"})
    assert not same_definitions(told, words, prefix="other-")
    assert not same_definitions({"users": [{"name": "caudal-ingress"}]}, words)
    told["permissions"][1]["read"] = ".*"
    assert not same_definitions(told, words)


def test_who_looks_may_change_nothing() -> None:
    [monitoring] = [rights for rights in RIGHTS if rights.service == "monitoring"]
    assert {monitoring.configure, monitoring.write, monitoring.read} == {"^$"}
    [user] = definitions({"monitoring": "word"})["users"]
    assert user["tags"] == ["monitoring"]
    assert "rabbitmqctl set_user_tags caudal-monitoring monitoring" in commands(["monitoring"])
    assert {rights.service for rights in RIGHTS if rights.tags} == {"monitoring"}


def test_commands_are_safe_for_a_shell() -> None:
    for line in commands(vhost="/; rm -rf", prefix="$(id)-"):
        words = shlex.split(line)
        assert words[0] == "rabbitmqctl"
        assert "$(id)-" in line
        assert any(word.startswith("$(id)-") for word in words)
        if words[1] == "add_user":
            assert len(words) == 3  # the password is read from stdin


def test_passwords_come_from_files(tmp_path: Path) -> None:
    for rights in RIGHTS[:2]:
        (tmp_path / rights.service).write_text("word-of-" + rights.service + "\n")
    ran = CliRunner().invoke(caudal, ["topology", "users", "--passwords", str(tmp_path)])
    assert ran.exit_code == 0
    assert "word-of" not in ran.output
    told = json.loads(ran.output)
    assert {each["user"] for each in told["permissions"]} == {"caudal-topology", "caudal-ingress"}
    assert [each["user"] for each in told["topic_permissions"]] == ["caudal-ingress"]


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n"])
def test_unusable_password_file_is_not_quoted(tmp_path: Path, content: str) -> None:
    (tmp_path / "ingress").write_text(content)
    ran = CliRunner().invoke(caudal, ["topology", "users", "--passwords", str(tmp_path)])
    assert ran.exit_code != 0
    assert "lines" not in ran.output
