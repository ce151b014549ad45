"""The compose file and what belongs to it: one truth about images, secrets, ports and versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from libs.embedded import images
from libs.providers.registry import PROVIDERS
from libs.runtime.limits import IngressLimits
from libs.runtime.secret_references import UnreadSecrets
from libs.runtime.settings import LogDeliveries, load_settings
from libs.runtime.sources import load_sources
from libs.runtime.tracing.choice import chosen
from libs.store.roles import LOGINS, Role
from services.ingress.reception import KEPT_FREE
from services.reconciler.polling.run import POOL_SIZE as ASKING
from services.reconciler.run import POOL_SIZE as CONNECTIONS
from services.secrets.plan import ADMINISTRATOR, DRAWN, Place, seen, services

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
PROMETHEUS = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, told in SERVICES.items() if told["image"].startswith("${CAUDAL_IMAGE")}
WORKERS = {"ingress", "normalizer", "reconciler"}
ONCE = {"secrets", "roles", "migrate", "topology", "operator"}
IMAGES = [value for name, value in vars(images).items() if name.isupper()]
FILES = [
    ROOT / "docker-compose.yml",
    *(
        path
        for each in ("compose", "prometheus", "grafana")
        for path in (ROOT / "deploy" / each).rglob("*")
    ),
]


def volumes(service: str) -> dict[str, str]:
    """Return where each volume or folder is mounted, by what it is."""
    told = [each for each in SERVICES[service].get("volumes", ()) if isinstance(each, str)]
    pairs = [re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", each).split(":") for each in told]
    return {source: target for source, target, *_ in pairs}


def test_images_are_those_of_one_place() -> None:
    told = {name: SERVICES[name]["image"] for name in SERVICES.keys() - OURS}
    assert told == {
        "rabbitmq": images.RABBITMQ, "postgres": images.POSTGRES,
        "prometheus": images.PROMETHEUS, "grafana": images.GRAFANA,
    }  # fmt: skip
    assert re.findall(r"^ARG PYTHON_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE) == [images.PYTHON]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_images_are_pinned_to_a_full_version() -> None:
    assert len(IMAGES) == 5
    for image in IMAGES:
        assert re.fullmatch(
            r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?", image
        )


def test_no_other_file_decides_on_an_image() -> None:
    names = {each.partition(":")[0] for each in IMAGES} - {"python"}
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, sorted(names)))}):v?\d+[.-]")
    for folder in ("libs", "services", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            if path != Path(images.__file__):
                assert not pattern.search(path.read_text()), path


def test_compose_file_is_what_compose_takes() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         ROOT / "docker-compose.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_nothing_has_to_be_told_and_nothing_told_is_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert ":?" not in text  # a variable that has to be set
    variables = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = (ROOT / "deploy/compose/example.env").read_text()
    assert variables == set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert not {each for each in variables if re.search("PASSW|TOKEN|KEY|SECRET_", each)}
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search("PASSW|TOKEN|KEY|SECRET|AMQP_URL|DSN", name):
                assert value.startswith(("/run/secrets/", "/run/caudal/")), name


def test_no_password_stands_in_any_file() -> None:
    """Neither one that everybody knows, nor one that was drawn."""
    url = re.compile(r"(amqps?|postgres(ql)?)://[^\s:/@]+:(?!…@)[^\s@…]+@")
    default = re.compile(
        r"(?i)(password|passwd|secret|token)[a-z_]*\s*[=:]\s*[\"']?(?!/run/|\$|…)[a-z0-9-]{4,}$",
        re.MULTILINE,
    )
    for path in FILES:
        if path.is_file() and path.suffix not in {".json", ".png"}:
            text = path.read_text()
            assert not url.search(text), path
            assert not default.search(text), path


def test_each_service_sees_the_files_of_its_own_and_no_others() -> None:
    mounted = {
        name: {each for each in volumes(name) if each.startswith("secrets-")} for name in SERVICES
    }
    assert mounted.pop("secrets") == {f"secrets-{each}" for each in ("kept", *services())}
    assert {name: found for name, found in mounted.items() if found} == {
        each: {f"secrets-{each}"} for each in services()
    }
    assert all(found.endswith(":ro") for name in mounted for found in _as_written(name))


def test_who_may_rewrite_the_archive_has_its_keys() -> None:
    """`archive rekey` needs the owner's login: `docker compose run --rm migrate archive rekey`."""
    having = {
        name
        for name, told in SERVICES.items()
        if "CAUDAL_ARCHIVE_KEYS_FILE" in (told.get("environment") or {})
    }
    assert having == {"ingress", "reconciler", "operator", "migrate"}
    assert LOGINS["migrate"] is Role.MIGRATE


def _as_written(service: str) -> list[str]:
    told = SERVICES[service].get("volumes", ())
    return [each for each in told if isinstance(each, str) and each.startswith("secrets-")]


def test_what_is_read_is_what_is_written() -> None:
    files = seen(dict.fromkeys(DRAWN, "x"), Place())
    for service, told in SERVICES.items():
        at = volumes(service).get(f"secrets-{service}", "")
        for value in (told.get("environment") or {}).values():
            if str(value).startswith("/run/"):
                assert f"{service}/{str(value).removeprefix(at + '/')}" in files, (service, value)
    assert SERVICES["postgres"]["environment"]["POSTGRES_USER"] == Place().administrator
    assert f"postgres/{ADMINISTRATOR}_password" in files
    rabbit = (ROOT / "deploy/compose/rabbitmq.conf").read_text()
    assert "load_definitions = /run/caudal/definitions.json" in rabbit
    references = re.findall(
        r'"file:/run/secrets/([^"]+)"', (ROOT / "deploy/compose/sources.toml").read_text()
    )
    assert {f"ingress/{each}" for each in references} == {
        each for each in files if each.startswith("ingress/senders/")
    }
    known = load_sources(ROOT / "deploy/compose/sources.toml", PROVIDERS, reader=UnreadSecrets)
    assert {source.provider for source in known} == set(PROVIDERS)


def test_image_has_a_folder_for_each_volume_of_secrets() -> None:
    """A new volume takes over the owner of the folder in the image: without one, it is root's."""
    told = set(re.findall(r"/secrets/([a-z]+)", DOCKERFILE))
    assert told == {"kept", *services()}


def test_what_is_built_here_is_pulled_for_nobody_else() -> None:
    """Early 2.x of Compose ended where an image could not be pulled for a service that does not build it."""
    assert [name for name in OURS if "build" in SERVICES[name]] == ["secrets"]
    told = {name: SERVICES[name]["pull_policy"] for name in OURS}
    # words that docker-compose 1.29 knows
    assert told == dict.fromkeys(OURS, "never") | {"secrets": "if_not_present"}


def test_postgres_has_connections_for_many_reconcilers() -> None:
    """As deploy/README.md says: twelve, and what people type."""
    [most] = [
        int(each.partition("=")[2])
        for each in SERVICES["postgres"]["command"]
        if each.startswith("max_connections=")
    ]
    kept_for_administrators = 3
    assert most - kept_for_administrators >= 12 * (CONNECTIONS + ASKING) + 15


def test_labels_are_true() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.findall(r"^ARG VERSION=(.*)$", DOCKERFILE, re.MULTILINE) == [version]


def test_everything_is_limited_restarted_watched_and_locked() -> None:
    for name, told in SERVICES.items():
        assert {"mem_limit", "cpus", "pids_limit"} <= told.keys(), name
        assert told["cap_drop"] == ["ALL"], name
        assert told["security_opt"] == ["no-new-privileges:true"], name
        assert told.get("read_only", False) is (name != "rabbitmq"), name
        if name in ONCE:
            assert told["restart"] == "no", name
            assert told["healthcheck"] == {"disable": True}, name
        else:
            assert told["restart"] == "unless-stopped", name
            assert "healthcheck" in told or name in WORKERS, name  # theirs is in the image
    assert "HEALTHCHECK" in DOCKERFILE
    assert SERVICES.keys() == OURS | {"rabbitmq", "postgres", "prometheus", "grafana"}
    assert OURS == WORKERS | ONCE


def test_open_files_are_enough_for_all_connections() -> None:
    usual = IngressLimits.model_fields["max_connections"].default
    for name, told in SERVICES.items():
        limit = told["ulimits"]["nofile"]
        assert limit["soft"] == limit["hard"], name
        [files] = re.findall(r"^\$\{CAUDAL_OPEN_FILES:-(\d+)\}$", limit["soft"])
        assert int(files) <= 65_536, name  # RabbitMQ has a table of as many
        assert int(files) - KEPT_FREE >= usual, name


def test_broker_is_not_asked_before_it_has_a_cookie() -> None:
    """Whoever asks first makes it: as root, of a mode in which the server cannot read it."""
    kind, asked = SERVICES["rabbitmq"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    first, then = asked.split(" && ")
    assert first == "test -s /var/lib/rabbitmq/.erlang.cookie"
    assert then.startswith("exec rabbitmq-diagnostics ")
    assert volumes("rabbitmq")["rabbitmq-data"] == "/var/lib/rabbitmq"


def test_what_may_be_told_reaches_whom_it_is_for() -> None:
    """And changes nothing as long as nobody tells it, but that each delivery has its lines in the log."""
    retention = {"CAUDAL_RETENTION_ARCHIVE_DAYS", "CAUDAL_RETENTION_ACTS_DAYS"}
    watching = {
        "CAUDAL_LOG_DELIVERIES", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
    }  # fmt: skip
    wanted = dict.fromkeys(WORKERS, watching)
    wanted["reconciler"] = wanted["reconciler"] | retention
    wanted["operator"] = retention
    for name, variables in wanted.items():
        told = SERVICES[name]["environment"]
        assert variables <= told.keys(), name
        for each in variables:
            assert re.fullmatch(rf"\$\{{{each}:-(all)?\}}", told[each]), (name, each)
    untold = dict.fromkeys(retention | watching, "") | {"CAUDAL_LOG_DELIVERIES": "all"}
    assert chosen(untold) is None
    with pytest.MonkeyPatch.context() as patch:
        for each, value in untold.items():
            patch.setenv(each, value)
        settings = load_settings()
    assert settings.retention_archive_days is settings.retention_acts_days is None
    assert settings.log_deliveries is LogDeliveries.ALL


def test_only_the_ingress_may_leave_loopback() -> None:
    for name, told in SERVICES.items():
        for port in told.get("ports", ()):
            start = "${CAUDAL_BIND:-127.0.0.1}:" if name == "ingress" else "127.0.0.1:"
            assert port.startswith(start), name
    assert "ports" not in SERVICES["postgres"]
    inside = {name for name, told in SERVICES.items() if "database" in told.get("networks", ())}
    assert inside == {"postgres", "roles", "migrate", "reconciler", "operator"}


def test_prometheus_finds_every_replica_of_ours() -> None:
    jobs = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    for worker in WORKERS:
        told = SERVICES[worker]["environment"]
        [found] = jobs[worker]["dns_sd_configs"]
        assert (found["names"], found["type"]) == ([worker], "A")
        assert str(found["port"]) == told["CAUDAL_METRICS_PORT"]
        assert told["CAUDAL_METRICS_HOST"] == "0.0.0.0"  # noqa: S104 - of a container
        assert "metrics" in SERVICES[worker]["networks"]
    for name, job in jobs.items():
        for target in (t for c in job.get("static_configs", ()) for t in c["targets"]):
            host = target.partition(":")[0]
            assert host in {"localhost", *SERVICES}, name
            assert host == "localhost" or "metrics" in SERVICES[host]["networks"]
    assert volumes("prometheus")["./deploy/prometheus"] == "/etc/prometheus"


def test_grafana_finds_its_data_and_its_dashboards() -> None:
    folder = ROOT / "deploy/grafana/provisioning"
    [source] = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((folder / "dashboards/caudal.yml").read_text())["providers"]
    found = volumes("grafana")
    assert found["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert found["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    told = SERVICES["grafana"]["environment"]
    assert told["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert (ROOT / "deploy/grafana/dashboards").is_dir()
