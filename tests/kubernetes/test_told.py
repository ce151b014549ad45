"""What each container is told: every variable is a setting, every argument a command, every secret its own."""

from __future__ import annotations

from typing import Final

import click
import pytest

from libs.runtime.settings import PREFIX, Settings, load_settings
from services.cli.main import COMMANDS
from tests.deploy.typed import parsed
from tests.kubernetes.rendered import (
    OPERATOR,
    OVERLAYS,
    containers,
    pods,
    secret_keys,
    variables,
)

OTHER_VARIABLES: Final = {"POD_NAME"}  # what a pod is told of itself

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


@each_overlay
def test_every_variable_is_a_setting_and_has_a_value_that_is_taken(
    overlay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for each, container in containers(overlay):
        if not each.ours:
            continue
        told = variables(overlay, container)
        assert told.keys() <= settings | OTHER_VARIABLES, each.name
        with monkeypatch.context() as patched:
            for name, value in told.items():
                if value is not None and not name.endswith("_FILE"):
                    patched.setenv(name, value)
            load_settings()


@each_overlay
def test_every_argument_is_a_command(overlay: str) -> None:
    for each, container in containers(overlay):
        if not each.ours:
            continue
        if each.name == OPERATOR:
            assert container["command"] == ["sleep", "infinity"], "what it does people type"
            assert "args" not in container
            continue
        assert "command" not in container, "the image's entry point is `caudal`"
        command = parsed([str(word) for word in container["args"]])
        assert not isinstance(command, click.Group), (each.name, container["args"])
        if each.serves:
            assert container["args"][0] in COMMANDS


@each_overlay
def test_every_secret_is_in_the_example_with_its_keys(overlay: str) -> None:
    for each, container in containers(overlay):
        mounted = {
            volume["name"]: volume["secret"]
            for volume in each.spec["volumes"]
            if "secret" in volume and not volume["secret"].get("optional")
        }
        places = {
            mount["mountPath"]: mounted[mount["name"]]["secretName"]
            for mount in container.get("volumeMounts", ())
            if mount["name"] in mounted
        }
        for secret in places.values():
            assert secret_keys(secret), secret
        for told in (*variables(overlay, container).values(), *container.get("args", ())):
            for place, secret in places.items():
                if str(told).startswith(f"{place}/"):
                    assert str(told).removeprefix(f"{place}/") in secret_keys(secret), told
            if str(told).startswith("/run/secrets/"):
                assert str(told).rpartition("/")[0] in places, (each.name, told)


@each_overlay
def test_each_gets_its_own_credentials_and_no_others(overlay: str) -> None:
    """Who gets hold of the ingress cannot reach the database, and a normalizer has no provider's secret."""
    had = {
        each.name: {
            *(
                volume["secret"]["secretName"]
                for volume in each.spec["volumes"]
                if "secret" in volume
            ),
        }
        for each in pods(overlay)
        if each.ours
    }
    administrator = {"caudal-administrator"} if overlay == "single-node" else set()
    assert had == {
        "ingress": {"caudal-ingress", "caudal-senders"},
        "normalizer": {"caudal-normalizer"},
        "reconciler": {"caudal-reconciler", "caudal-providers"},
        "operator": {
            f"caudal-{name}"
            for name in ("operator", "topology", "migrate", "dead", "restore", "providers")
        },
        "migrate": {"caudal-migrate"} | administrator,
        "topology": {"caudal-topology"},
    }
    assert "postgres-dsn" not in secret_keys("caudal-ingress") | secret_keys("caudal-normalizer")
    assert "archive-keys" not in secret_keys("caudal-normalizer")
