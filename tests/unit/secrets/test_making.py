"""Secrets are drawn once, stay, are seen by whom they are for alone, and are shown to nobody."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner, Result

from libs.bus.permissions import RIGHTS, password_hash
from libs.providers.registry import PROVIDERS
from libs.runtime.archive_keys import fresh_key, read_keys
from libs.runtime.configuration import ConfigurationError
from libs.store.roles import LOGINS
from services.cli.main import caudal
from services.secrets.making import make_secrets
from services.secrets.plan import DRAWN, Place, services

ODD = "a b/#?@%:é\"'\\$`&"
ODD_ASCII = ODD.replace("é", "e")


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def give(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def password_of(text: str) -> str:
    return unquote(urlsplit(text.strip()).password or "")


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(caudal, ["secrets", "make", *map(str, words)])


def test_everything_is_drawn_and_nothing_twice(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, None, Place())
    assert sorted(made.drawn) == sorted(DRAWN)
    kept = {name: text for name, text in contents(tmp_path).items() if name.startswith("kept/")}
    assert set(kept) == {f"kept/{name}" for name in DRAWN}
    assert len(set(kept.values())) == len(kept)
    assert all(len(word) >= 43 for word in kept.values())
    assert len(read_keys(kept["kept/archive/keys"])) == 1


def test_again_changes_nothing(tmp_path: Path) -> None:
    make_secrets(tmp_path, None, Place())
    before = contents(tmp_path)
    times = {name: (tmp_path / name).stat().st_mtime_ns for name in before}
    again = make_secrets(tmp_path, None, Place())
    assert (again.drawn, again.taken_over, again.written) == ([], [], [])
    assert contents(tmp_path) == before
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in before} == times


def test_services_have_users_and_passwords_of_their_own(tmp_path: Path) -> None:
    make_secrets(tmp_path, None, Place(broker="b:1", database="d:2/x", administrator="root"))
    urls = {
        f"{service}/{name}": urlsplit((tmp_path / service / name).read_text().strip())
        for service, name in (
            ("topology", "amqp_url"), ("ingress", "amqp_url"), ("normalizer", "amqp_url"),
            ("reconciler", "amqp_url"), ("operator", "amqp_url"), ("operator", "events_amqp_url"),
            ("roles", "postgres_dsn"), ("migrate", "postgres_dsn"), ("reconciler", "postgres_dsn"),
            ("operator", "postgres_dsn"), ("operator", "readonly_postgres_dsn"),
        )
    }  # fmt: skip
    assert len({url.password for url in urls.values()}) == len(urls)
    assert {name: url.username for name, url in urls.items() if "amqp" in name} == {
        "topology/amqp_url": "caudal-topology", "ingress/amqp_url": "caudal-ingress",
        "normalizer/amqp_url": "caudal-normalizer", "reconciler/amqp_url": "caudal-reconciler",
        "operator/amqp_url": "caudal-operator", "operator/events_amqp_url": "caudal-events",
    }  # fmt: skip
    assert urls["roles/postgres_dsn"].username == "root"
    assert urls["migrate/postgres_dsn"].netloc.endswith("@d:2")
    assert {url.hostname for name, url in urls.items() if "amqp" in name} == {"b"}


def test_nobody_sees_what_is_not_for_him(tmp_path: Path) -> None:
    """Each secret, however it is written, stands in the folders of those who need it alone."""
    make_secrets(tmp_path, give(tmp_path / "given", providers__clip_api_key="theirs"), Place())
    files = contents(tmp_path)
    may = {
        **{f"rabbitmq/{each.service}": {each.service, "operator"} for each in RIGHTS},
        **{f"postgres/{login}": {login, "roles", "operator"} for login in LOGINS},
        "postgres/administrator": {"postgres", "roles"},
        "archive/keys": {"ingress", "reconciler", "operator", "migrate"},
        "grafana/admin_password": {"grafana"},
        "grafana/secret_key": {"grafana"},
        **{f"senders/{provider}": {"ingress", "operator"} for provider in PROVIDERS},
        "providers/clip_api_key": {"reconciler", "operator"},
    }
    for name, allowed in may.items():
        word = files[f"kept/{name}"]
        having = {each.partition("/")[0] for each, text in files.items() if word in text}
        assert having - {"kept", "given"} <= allowed, name
        assert not having.isdisjoint(allowed), name
    for each in ("ingress", "normalizer", "topology", "migrate"):
        assert f"{each}/postgres_dsn" not in files or each == "migrate"


def test_broker_gets_hashes_alone(tmp_path: Path) -> None:
    make_secrets(tmp_path, None, Place())
    told = json.loads((tmp_path / "rabbitmq/definitions.json").read_text())
    assert told["vhosts"] == [{"name": "/"}]
    assert {user["name"]: user["tags"] for user in told["users"]} == {
        f"caudal-{each.service}": list(each.tags) for each in RIGHTS
    }
    for user in told["users"]:
        word = (tmp_path / f"kept/rabbitmq/{user['name'][7:]}").read_text()
        assert word not in json.dumps(told)
        assert user["password_hash"] != password_hash(word)  # a salt of its own


def test_files_can_be_read_by_their_service_alone(tmp_path: Path) -> None:
    old = os.umask(0o002)
    try:
        make_secrets(tmp_path, None, Place())
    finally:
        os.umask(old)
    for path in tmp_path.rglob("*"):
        if path.name == ".lock":
            continue
        service = path.relative_to(tmp_path).parts[0]
        mode = stat.S_IMODE(path.stat().st_mode)
        # volumes of their own, and images with users of their own
        is_open = service in {"rabbitmq", "grafana"}
        if path.is_dir():
            assert mode == (0o755 if is_open else 0o700), path
        else:
            assert mode == (0o444 if is_open else 0o400), path


def test_given_ones_win_and_stay(tmp_path: Path) -> None:
    make_secrets(tmp_path / "all", None, Place())
    given = give(
        tmp_path / "given",
        rabbitmq__ingress=f"{ODD}\n", postgres__reconciler=f"{ODD_ASCII}\n", senders__clip="mine\n",
        senders__payu="", senders__shop_2="-----BEGIN\nTWO LINES\n", README="not a secret",
    )  # fmt: skip
    made = make_secrets(tmp_path / "all", given, Place())
    assert set(made.taken_over) == {
        "rabbitmq/ingress", "postgres/reconciler", "senders/clip", "senders/payu", "senders/shop_2",
    }  # fmt: skip
    files = contents(tmp_path / "all")
    assert password_of(files["ingress/amqp_url"]) == ODD
    assert password_of(files["reconciler/postgres_dsn"]) == ODD_ASCII
    assert files["roles/passwords/reconciler"] == ODD_ASCII
    assert (files["ingress/senders/clip"], files["ingress/senders/payu"]) == ("mine", "")
    assert files["ingress/senders/shop_2"] == "-----BEGIN\nTWO LINES"
    told = json.loads(files["rabbitmq/definitions.json"])
    [user] = [each for each in told["users"] if each["name"] == "caudal-ingress"]
    assert user["password_hash"] not in (tmp_path / "all/kept/rabbitmq/ingress").read_text()
    assert make_secrets(tmp_path / "all", given, Place()).written == []
    assert make_secrets(tmp_path / "all", None, Place()).written == []  # taken over for good


def test_no_key_of_the_archive_is_lost(tmp_path: Path) -> None:
    make_secrets(tmp_path / "all", None, Place())
    first = (tmp_path / "all/kept/archive/keys").read_text()
    second, third = fresh_key(), fresh_key()
    for keys in (second, f"{third},{second}"):
        make_secrets(tmp_path / "all", give(tmp_path / "given", archive__keys=keys), Place())
    files = contents(tmp_path / "all")
    for service in ("ingress", "reconciler", "operator", "migrate"):  # who seals, opens or rewrites
        assert files[f"{service}/archive_keys"] == f"{third},{second}", service
    assert files["kept/archive/keys.before"].split() == [first, second]
    assert first not in files["ingress/archive_keys"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("rabbitmq__ingres", "hunter2", "nobody reads a secret of that name"),
        ("passwords__ingress", "hunter2", "nobody reads a secret of that name"),
        ("senders__with space", "hunter2", "nobody reads a secret of that name"),
        ("rabbitmq__ingress", "", "file must hold one line"),
        ("rabbitmq__ingress", "hunter2\nhunter2", "file must hold one line"),
        ("postgres__migrate", "huntér2", "printable ASCII"),
        ("archive__keys", "hunter2", "is not 32 bytes"),
        ("archive__keys", "", "holds no key"),
    ],
)
def test_what_cannot_be_used_is_named_before_anything_is_written(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    given = give(tmp_path / "given", **{name: content})
    ran = invoke(tmp_path / "all", "--given", given)
    assert isinstance(ran.exception, ConfigurationError)
    assert ran.exception.key == str(given / name.replace("__", "/"))
    assert why in ran.exception.message
    assert "hunt" not in str(ran.exception)
    assert contents(tmp_path / "all") == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_named(tmp_path: Path) -> None:
    given = give(tmp_path / "given", rabbitmq__ingress="hunter2")
    (given / "rabbitmq/ingress").chmod(0)
    with pytest.raises(ConfigurationError, match="file cannot be read"):
        make_secrets(tmp_path / "all", given, Place())


def test_a_write_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all/ingress").write_text("in the way")
    with pytest.raises(ConfigurationError, match=r"all/ingress: cannot be used"):
        make_secrets(tmp_path / "all", None, Place())


def test_command_shows_names_and_no_value(tmp_path: Path) -> None:
    ran = invoke(tmp_path / "all", "--given", give(tmp_path / "given", senders__clip="sesame"))
    assert ran.exit_code == 0
    assert "drawn: rabbitmq/ingress\n" in ran.output
    assert "taken over: senders/clip\n" in ran.output
    told = invoke(tmp_path / "all", "--json")
    assert json.loads(told.output)["drawn"] == []
    for word in contents(tmp_path / "all/kept").values():
        assert word not in ran.output + told.output


def test_every_folder_is_somebodys() -> None:
    assert set(services()) == {
        "rabbitmq", "postgres", "roles", "migrate", "topology", "ingress", "normalizer",
        "reconciler", "operator", "grafana",
    }  # fmt: skip
