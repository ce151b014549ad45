"""What the documents have people type in the operator's pod is a command, and goes by a file that is mounted there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from tests.deploy.typed import parsed
from tests.kubernetes.rendered import (
    FOLDER,
    OPERATOR,
    OVERLAYS,
    Pods,
    pods,
    secret_keys,
    variables,
)

DOCUMENTS: Final = tuple(
    FOLDER.parent / name for name in ("kubernetes/README.md", "backup.md", "runbook.md")
)
_TYPED: Final = re.compile(r"exec (?:--stdin )?deploy(?:ment)?/operator -- ([^`\n]+)")
_ROW: Final = re.compile(r"^\| `caudal .*\| `env (\w+)=(\S+)` \| `(caudal-\w+)` \|$", re.MULTILINE)


def typed(document: Path) -> Iterator[list[str]]:
    for found in _TYPED.findall(document.read_text()):
        words = shlex.split(found, comments=True)
        if words != ["…"]:
            yield words


def operator(overlay: str) -> Pods:
    (found,) = (each for each in pods(overlay) if each.name == OPERATOR)
    return found


def mounted(each: Pods) -> dict[str, str]:
    """Return the Secrets by where they are mounted."""
    secrets = {
        volume["name"]: volume["secret"]["secretName"]
        for volume in each.spec["volumes"]
        if "secret" in volume
    }
    (container,) = each.containers
    return {
        mount["mountPath"]: secrets[mount["name"]]
        for mount in container["volumeMounts"]
        if mount["name"] in secrets
    }


def secret_of(overlay: str, variable: str, path: str) -> str:
    """Return the Secret that a variable is to name a key of, in place of the operator's own."""
    each = operator(overlay)
    (container,) = each.containers
    assert variable in variables(overlay, container), variable
    folder, _, key = path.rpartition("/")
    secret = mounted(each)[folder]
    assert key in secret_keys(secret), path
    return secret


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_typed_exists(overlay: str) -> None:
    found = [words for document in DOCUMENTS for words in typed(document)]
    assert len(found) >= 5
    for words in found:
        told, (first, *rest) = (words[1], words[2:]) if words[0] == "env" else (None, words)
        if told is not None:
            variable, _, path = told.partition("=")
            secret_of(overlay, variable, path)
        assert first == "caudal", words
        assert not isinstance(parsed(rest), click.Group), words


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_command_goes_by_the_secret_that_is_said(overlay: str) -> None:
    rows = _ROW.findall((FOLDER / "README.md").read_text())
    beside = {*mounted(operator(overlay)).values()} - {"caudal-operator", "caudal-providers"}
    assert {secret for _, _, secret in rows} == beside
    for variable, path, secret in rows:
        assert secret_of(overlay, variable, path) == secret
