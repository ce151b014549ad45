"""The example has no value that works; what is drawn has the example's names, and is for one service each."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from libs.bus.permissions import RIGHTS
from libs.runtime.archive_keys import read_keys
from libs.runtime.configuration import ConfigurationError
from libs.runtime.settings import load_settings
from tests.kubernetes.rendered import (
    EXAMPLE,
    FOLDER,
    OVERLAYS,
    TOP,
    containers,
    of_kind,
    pods,
    secret_keys,
)

MAKE: Final = FOLDER / "make_secrets.py"
APPLY: Final = FOLDER / "apply-secrets"
CA: Final = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"

Drawn = dict[str, dict[str, str]]


def draw(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(MAKE), str(folder), *options],
        check=False, capture_output=True, text=True, cwd=TOP, env={**os.environ, "PYTHONPATH": str(TOP)},
    )  # fmt: skip


def read(folder: Path) -> Drawn:
    return {
        each.name: {file.name: file.read_text() for file in each.iterdir()}
        for each in folder.iterdir()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn") / "secrets"
    ran = draw(folder)
    assert ran.returncode == 0, ran.stderr
    return read(folder)


@pytest.fixture(scope="module")
def drawn_with_tls(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder = tmp_path_factory.mktemp("drawn-tls")
    (folder / "ca.pem").write_text(CA)
    told = ("--broker", "broker.example:5671", "--database", "db.example:5432", "--ca")
    ran = draw(folder / "secrets", *told, str(folder / "ca.pem"))
    assert ran.returncode == 0, ran.stderr
    return read(folder / "secrets")


def test_example_has_nothing_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgets to fill one in gets an error, and no door that everybody can open."""
    for file in EXAMPLE.rglob("*"):
        if file.is_dir():
            continue
        value = file.read_text().strip()
        assert value.startswith("<"), file
        assert value.endswith(">"), file
        if file.name in {"amqp-url", "postgres-dsn"}:
            with monkeypatch.context() as patched:
                patched.setenv(f"CAUDAL_{file.name.replace('-', '_').upper()}", value)
                with pytest.raises(ConfigurationError):
                    load_settings()
        if file.name == "archive-keys":
            with pytest.raises(ValueError, match="key"):
                read_keys(value)
        if file.name == "definitions.json":
            with pytest.raises(ValueError, match="value"):
                json.loads(value)


def test_example_is_not_applied() -> None:
    ran = subprocess.run([str(APPLY), str(EXAMPLE)], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "still to be filled in" in ran.stderr
    assert "amqp-url" in ran.stderr


def test_what_no_pod_needs_is_named_where_it_is_said_what_need_not_be_applied() -> None:
    needed_by_pods = {
        volume["secret"]["secretName"]
        for each in pods("production")
        for volume in each.spec["volumes"]
        if "secret" in volume and not volume["secret"].get("optional")
    }
    _, _, told = (FOLDER / "README.md").read_text().partition("2. **Secrets.**")
    step = told.partition("\n3. ")[0]
    for folder in EXAMPLE.iterdir():
        named = f"`{folder.name}`" in step
        # the senders' are filled in, and applied
        assert named == (folder.name not in needed_by_pods or folder.name == "caudal-senders")


KUBECTL: Final = """\
#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
  "get namespace"*) exit "$MISSING" ;;
  *"--dry-run=client"*) echo "kind: Secret" ;;
  *) cat > /dev/null ;;
esac
"""


@pytest.mark.parametrize(
    ("missing", "wanted"), [("0", []), ("1", ["create namespace caudal --save-config"])]
)
def test_namespace_that_is_there_is_left_as_it_is(
    tmp_path: Path, missing: str, wanted: list[str]
) -> None:
    """It has labels (pod security) that are not the script's: to apply it without them takes them away."""
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    assert draw(tmp_path / "secrets").returncode == 0
    notes = tmp_path / "notes"
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "NOTES": str(notes),
        "MISSING": missing,
    }
    ran = subprocess.run(
        [str(APPLY), str(tmp_path / "secrets")],
        check=False, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    asked = notes.read_text().splitlines()
    made = [line for line in asked if "namespace" in line.split() and "get" not in line.split()]
    assert made == wanted
    secrets = {line.split()[5] for line in asked if " create secret generic " in line}
    assert secrets == {folder.name for folder in EXAMPLE.iterdir()}
    # of what is applied nothing is a namespace
    applied = [line for line in asked if " apply " in f" {line} "]
    assert len(applied) == len(secrets)
    assert all("--server-side" in line for line in applied)


def test_drawn_ones_have_the_names_of_the_example(drawn: Drawn, drawn_with_tls: Drawn) -> None:
    example = {folder.name: secret_keys(folder.name) for folder in EXAMPLE.iterdir()}
    assert {name: set(files) for name, files in drawn_with_tls.items()} == example
    assert {name: set(files) for name, files in drawn.items()} == {
        name: keys - {"ca.pem"} for name, keys in example.items()
    }


def test_each_service_has_its_own_user_that_the_broker_will_know(drawn: Drawn) -> None:
    definitions = json.loads(drawn["caudal-broker"]["definitions.json"])
    assert definitions["vhosts"] == [{"name": "/"}]
    known = {user["name"] for user in definitions["users"]}
    assert known == {f"caudal-{rights.service}" for rights in RIGHTS}
    passwords = set()
    for name, files in drawn.items():
        if "amqp-url" in files:
            url = urlsplit(files["amqp-url"])
            assert (url.username, url.hostname, url.port) == (name, "rabbitmq", 5672)
            passwords.add(url.password)
    passwords.add(drawn["caudal-monitoring"]["password"])  # which looks, and has no URL
    assert len(passwords) == len(RIGHTS)


def test_passwords_of_the_logins_are_those_of_the_urls(drawn: Drawn) -> None:
    administrator = drawn["caudal-administrator"]
    for name in ("caudal-reconciler", "caudal-migrate", "caudal-operator"):
        url = urlsplit(drawn[name]["postgres-dsn"])
        assert (url.username, unquote(url.password or "")) == (name, administrator[name])
    root = urlsplit(administrator["postgres-dsn"])
    assert root.password == drawn["caudal-database"]["postgres-password"]


def test_drawn_ones_are_taken(
    drawn: Drawn, drawn_with_tls: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found in (drawn, drawn_with_tls):
        for files in found.values():
            for key in ("amqp-url", "postgres-dsn"):
                if key in files:
                    # a certificate's file has to be there for the URL to be taken
                    (tmp_path / "ca.pem").write_text(CA)
                    value = files[key].replace("/run/secrets/caudal", str(tmp_path))
                    monkeypatch.setenv(f"CAUDAL_{key.replace('-', '_').upper()}", value)
                    load_settings()
    keys = {
        found[f"caudal-{name}"]["archive-keys"]
        for found in (drawn,)
        for name in ("ingress", "reconciler", "operator")
    }
    assert len(keys) == 1
    assert len(read_keys(keys.pop())) == 1


def test_with_a_ca_nothing_goes_in_the_clear(
    drawn_with_tls: Drawn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(CA)
    files = drawn_with_tls["caudal-reconciler"]
    for key in ("amqp-url", "postgres-dsn"):
        value = files[key].replace("/run/secrets/caudal", str(tmp_path))
        monkeypatch.setenv(f"CAUDAL_{key.replace('-', '_').upper()}", value)
    monkeypatch.setenv("CAUDAL_TLS", "required")
    settings = load_settings()
    assert settings.required_amqp_url().startswith("amqps://")
    assert "sslmode=verify-full" in settings.required_postgres_dsn()


def test_nothing_secret_is_printed_or_readable_by_others_or_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    ran = draw(folder)
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() not in ran.stdout + ran.stderr
    before = read(folder)
    again = draw(folder)
    assert (again.returncode, "nothing was written" in again.stderr) == (1, True)
    assert read(folder) == before


def test_sources_ask_for_what_the_ingress_alone_sees() -> None:
    """Each file that the sources file names is a key of the Secret that is mounted there."""
    for overlay in OVERLAYS:
        (told,) = (
            each["data"]["sources.toml"]
            for each in of_kind(overlay, "ConfigMap")
            if "sources.toml" in each["data"]
        )
        named = {
            secret.removeprefix("file:/run/secrets/senders/")
            for source in tomllib.loads(told)["sources"].values()
            for secret in source["authentication"]["secrets"]
        }
        assert named == secret_keys("caudal-senders")
        places = {
            each.name
            for each, container in containers(overlay)
            for mount in container["volumeMounts"]
            if mount["mountPath"] == "/run/secrets/senders"
        }
        assert places == {"ingress"}
