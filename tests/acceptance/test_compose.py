"""What an operator does with Docker Compose, from a fresh clone on: up, post, see, scale, break, down, up.

Needs a Docker engine with the base images at hand, and Compose; skipped where one is missing, since
the engine is optional. Prometheus and Grafana are left out where their images are not at hand, which
is told as a test that was skipped. CAUDAL_BUILD_NETWORK (default: host) is the network that the build sees. The tests
of this file are one story: each goes on where the one before it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import urllib.request
import uuid
from collections.abc import Iterator

import pytest

from tests.acceptance.compose_load import (
    CREATED,
    EXAMPLES,
    READ_EVENTS,
    REFERENCE,
    TRY_TO_READ,
    all_arrive,
    load,
)
from tests.acceptance.compose_project import (
    BUILD_SECONDS,
    NEEDED,
    ONCE,
    READY_SECONDS,
    WATCHING,
    WORKERS,
    Project,
    find_compose,
    fresh_clone,
    post,
    run,
    succeeds,
    within,
)

pytestmark = [
    pytest.mark.containers,
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

NETWORK = os.environ.get("CAUDAL_BUILD_NETWORK", "host")
ODD = "a b/#?@%:é\"'\\$`&"
# what the examples that lie beside the five adapters say, by source and reference
ENDS = {
    REFERENCE: "created",
    "12345": "authorized",
    "pwsbfhh9a": "refunded",
    "5dyoqM7kH": "paid",
    "7202a9a7-ef51-4202-bd23-e604f9cbb25b": "paid",
    "32740b81-5ecc-466c-bc09-699e6e5ceefb": "canceled",
    "71585474": "refunded",
    "71565581": "declined",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Build the image from a fresh clone; whatever happens, leave nothing behind."""
    if not (shutil.which("docker") and succeeds("docker", "info")):
        pytest.skip("no Docker engine answers")
    command = find_compose()
    if command is None:
        pytest.skip("there is no Docker Compose")
    for image in NEEDED:
        if not succeeds("docker", "image", "inspect", image):
            pytest.skip(f"the image {image} is not at hand")
    watching = tuple(
        name for name, image in WATCHING.items() if succeeds("docker", "image", "inspect", image)
    )
    clone = fresh_clone(tmp_path_factory.mktemp("clone"))
    made = Project(command, clone, watching, network=NETWORK)
    try:
        yield made
    finally:
        made.remove()


def test_fresh_clone_comes_up_and_only_loopback_hears_of_it(project: Project) -> None:
    """Nothing is built before: `up` does it."""
    assert not succeeds("docker", "image", "inspect", project.image)
    project.up(seconds=BUILD_SECONDS)
    for service in project.running:
        assert project.become_healthy(service), project.logs(service)
    assert project.exit_codes(*ONCE) == {0}
    published = {
        (service, at["HostIp"])
        for service in (*project.running, *ONCE)
        for found in project.containers(service)
        for places in found["NetworkSettings"]["Ports"].values()
        for at in places or ()
    }
    assert published == {
        (service, "127.0.0.1") for service in ("ingress", "rabbitmq", *project.watching)
    }
    for service in project.running:
        files = project.inside(service, "sh", "-c", "ulimit -n").strip()
        assert files == str(project.open_files), service


def test_prometheus_reaches_all_that_run(project: Project) -> None:
    if "prometheus" not in project.watching:
        pytest.skip(f"the image {WATCHING['prometheus']} is not at hand")
    wanted = {(job, 1) for job in (*WORKERS, "rabbitmq", "rabbitmq_queues", "prometheus")}
    assert within(READY_SECONDS, lambda: wanted <= targets_up(project)), targets_up(project)


def test_grafana_shows_nothing_to_strangers_and_the_dashboards_to_its_administrator(
    project: Project,
) -> None:
    if "grafana" not in project.watching:
        pytest.skip(f"the image {WATCHING['grafana']} is not at hand")
    word = project.inside("grafana", "cat", "/run/caudal/admin_password").strip()
    at = f"127.0.0.1:{project.ports['GRAFANA_']}/api"
    curl = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
    assert run(*curl, f"http://{at}/search") == "401"
    assert run(*curl, "--user", "admin:admin", f"http://{at}/search") == "401"
    found = run(
        "curl", "--silent", "--config", "-", given=f'url = "http://admin:{word}@{at}/datasources"'
    )
    assert [each["uid"] for each in json.loads(found)] == ["prometheus"]
    shown = run(
        "curl",
        "--silent",
        "--config",
        "-",
        given=f'url = "http://admin:{word}@{at}/search?type=dash-db"',
    )
    files = list((project.folder / "deploy/grafana/dashboards").glob("*.json"))
    assert len(json.loads(shown)) == len(files)


def test_image_is_small_locked_and_labelled(project: Project) -> None:
    [told] = json.loads(run("docker", "image", "inspect", project.image))
    [base] = json.loads(run("docker", "image", "inspect", NEEDED[0]))
    assert told["Size"] - base["Size"] < 140_000_000
    assert told["Config"]["User"] == "10001:10001"
    assert told["Config"]["Labels"]["org.opencontainers.image.version"]
    assert "libs.runtime.health" in told["Config"]["Healthcheck"]["Test"]
    look = "command -v gcc cc c++ ld make; id -u; touch /x /opt/caudal/x 2>&1 || true"
    said = project.inside("ingress", "sh", "-c", look)
    assert said.splitlines()[0] == "10001"
    assert said.count("Read-only file system") == 2


def test_passwords_differ_and_each_user_may_do_its_part_alone(project: Project) -> None:
    urls = [project.secret(each, "amqp_url") for each in WORKERS]
    assert len({url.split(":")[2].split("@")[0] for url in urls}) == len(WORKERS)
    for service in project.running:
        for found in project.containers(service):
            shown = json.dumps([found["Config"], found["Args"]])
            assert not any(url.split(":")[2].split("@")[0] in shown for url in urls)
    said = project.inside("ingress", "python", "-", given=TRY_TO_READ).split("\n")
    assert [line.split()[1] for line in said[:6]] == ["ChannelAccessRefused"] * 6
    assert said[6].startswith("database gaierror")
    for service in ("normalizer", "ingress"):
        assert "postgres_dsn" not in project.inside(service, "ls", "/run/secrets")
    assert "guest" not in project.inside("rabbitmq", "rabbitmqctl", "-q", "list_users")


def test_examples_of_all_five_become_events(project: Project) -> None:
    token = {
        each: project.secret("ingress", f"senders/{each}")
        for each in ("clip", "payu", "mobbex", "conectados", "safe2pay")
    }
    answers = {}
    for path in sorted(EXAMPLES.glob("*/examples/*.json")):
        source, body = path.parts[-3], path.read_bytes()
        url, headers = f"{project.ingress}/webhooks/{source}", {"Content-Type": "application/json"}
        assert post(url, body, headers) == 401, path
        if source == "conectados":
            headers["X-Webhook-Token"] = token[source]
        elif source == "safe2pay":
            body = body.replace(b"[redacted]", token[source].encode())
        else:
            url += f"?token={token[source]}"
        answers[path.stem] = post(url, body, headers)
    assert set(answers.values()) <= {200, 201}
    assert len(answers) == 12
    assert within(READY_SECONDS, lambda: project.objects() == ENDS), project.objects()
    told = project.compose(
        "run", "--rm", "-T", "--entrypoint", "python", "operator", "-", given=READ_EVENTS
    )
    events = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    last = {each["data"]["provider_ref"]: each["data"]["state"] for each in events}
    assert last == ENDS
    assert {each["data"]["provider"] for each in events} == token.keys()
    assert json.loads(project.operator("parked", "list", "--json")) == []
    project.operator("archive", "status", "--check")  # all bodies rest under the key that was drawn


def test_each_delivery_has_a_line_at_each_stage(project: Project) -> None:
    said = project.compose("logs", "--no-color", *WORKERS)
    seen: dict[str, set[str]] = {}
    for line in said.splitlines():
        if '"delivery_id"' in line:
            told = json.loads(line[line.index("{") :])
            seen.setdefault(told["event"], set()).add(told["delivery_id"])
    assert len(seen["delivery_accepted"]) == 12
    for stage in ("delivery_translated", "delivery_filed", "delivery_folded"):
        assert seen[stage] >= seen["delivery_accepted"], stage


def test_workers_scale_under_load(project: Project) -> None:
    token = project.secret("ingress", "senders/clip")
    with load(project, token) as answers:
        project.up("--scale", "normalizer=3", "--scale", "reconciler=2")
        assert project.become_healthy("normalizer", 3)
        assert project.become_healthy("reconciler", 2)
        if "prometheus" in project.watching:
            assert within(READY_SECONDS, lambda: targets_up(project) >= {
                ("ingress", 1), ("normalizer", 3), ("reconciler", 2), ("rabbitmq", 1),
            })  # fmt: skip
        project.up("--scale", "normalizer=1", "--scale", "reconciler=1")
    assert set(answers.values()) == {200}
    assert all_arrive(project, answers)


def targets_up(project: Project) -> set[tuple[str, int]]:
    """Return how many targets of each job Prometheus reaches."""
    url = f"http://127.0.0.1:{project.ports['PROMETHEUS_']}/api/v1/targets?state=active"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found = json.load(answer)["data"]["activeTargets"]
    jobs = [each["labels"]["job"] for each in found if each["health"] == "up"]
    return {(job, jobs.count(job)) for job in jobs}


def test_broker_restarts_and_reconciler_rolls_under_load(project: Project) -> None:
    token = project.secret("ingress", "senders/clip")
    with load(project, token) as answers:
        project.compose("restart", "rabbitmq", seconds=180)
        assert within(READY_SECONDS, lambda: project.level() == "confirmed")
        before = project.containers("reconciler")[0]["Id"]
        project.compose(
            "up", "--detach", "--no-build", "--no-deps", "--force-recreate", "reconciler",
            seconds=180,
        )  # fmt: skip
        assert project.become_healthy("reconciler")
        assert project.containers("reconciler")[0]["Id"] != before
    assert set(answers.values()) == {200}
    assert all_arrive(project, answers)


def test_new_version_comes_out_while_webhooks_come(project: Project) -> None:
    """In the order of deploy/README.md: the servers stay as they are, and nothing answered is lost."""
    before = {each: project.containers(each)[0] for each in ("rabbitmq", "postgres", *WORKERS)}
    project.build(revision="next")
    token = project.secret("ingress", "senders/clip")
    with load(project, token) as answers:
        project.once("secrets")
        project.tell_broker()
        for service in ("roles", "migrate", "topology"):
            project.once(service)
        for service in ("reconciler", "normalizer"):
            project.compose("up", "--detach", "--no-build", "--no-deps", service, seconds=180)
            assert project.become_healthy(service)
        assert set(answers.values()) == {200}
        project.compose("up", "--detach", "--no-build", "--no-deps", "ingress", seconds=180)
        assert project.become_healthy("ingress")
    assert all_arrive(project, answers)
    for service, was in before.items():
        [now] = project.containers(service)
        assert (now["Image"] != was["Image"]) is (service in WORKERS), service
        assert (now["Id"] != was["Id"]) is (service in WORKERS), service
    project.up()


@pytest.mark.parametrize("service", ["normalizer", "reconciler", "postgres", "rabbitmq", "ingress"])
def test_whatever_is_killed_comes_back_and_nothing_is_lost(project: Project, service: str) -> None:
    token = project.secret("ingress", "senders/clip")
    with load(project, token) as answers:
        project.compose("kill", service)
        time.sleep(2)
        project.up()
        assert project.become_healthy(service)
    if service != "ingress":
        assert set(answers.values()) == {200}
    assert 200 in answers.values()
    assert all_arrive(project, answers)


def test_worker_that_dies_by_itself_is_started_again(project: Project) -> None:
    for service in WORKERS:
        [before] = project.containers(service)
        with contextlib.suppress(AssertionError):  # it takes the shell along
            project.inside(service, "sh", "-c", "kill -9 -1")
        assert within(READY_SECONDS, lambda: restarts(project, service) > before["RestartCount"])  # noqa: B023 - called at once
        assert project.become_healthy(service)


def restarts(project: Project, service: str) -> int:
    [found] = project.containers(service)
    return int(found["RestartCount"]) if found["State"]["Running"] else 0


def test_everything_ends_in_time_and_is_there_again(project: Project) -> None:
    known, token = project.objects(), project.secret("ingress", "senders/clip")
    began = time.monotonic()
    project.compose("stop", *WORKERS)
    assert time.monotonic() - began < 60
    assert project.exit_codes(*WORKERS) == {0}
    project.down()
    project.up()
    assert project.objects() == known
    assert project.secret("ingress", "senders/clip") == token
    assert post(f"{project.ingress}/webhooks/clip?token={token}", CREATED) == 200


def test_passwords_of_ones_own_take_effect(project: Project) -> None:
    """Of every kind of character; the data stays, and so do the passwords of the others."""
    others = project.secret("normalizer", "amqp_url")
    project.give("rabbitmq/ingress", ODD)
    project.give("postgres/reconciler", ODD.replace("é", "e"))
    project.give("senders/clip", "mine")
    known = project.objects()
    project.down()
    project.up()
    assert project.become_healthy("reconciler")
    assert project.secret("normalizer", "amqp_url") == others
    other = str(uuid.uuid4())
    body = CREATED.replace(REFERENCE.encode(), other.encode())
    assert post(f"{project.ingress}/webhooks/clip?token=mine", body) == 200
    assert within(READY_SECONDS, lambda: project.objects() == known | {other: "created"})


def test_passwords_change_while_all_of_it_runs(project: Project) -> None:
    """Of one who declares as well: the broker hears of it before anybody comes in with it."""
    words = {each: f"another of {each}" for each in ("topology", "normalizer")}
    for service, word in words.items():
        project.give(f"rabbitmq/{service}", word)
    with load(project, project.secret("ingress", "senders/clip")) as answers:
        project.once("secrets")
        project.tell_broker()
        project.up()
        project.compose("restart", "normalizer", seconds=180)
        assert project.become_healthy("normalizer")
    assert project.exit_codes(*ONCE) == {0}
    assert set(answers.values()) == {200}
    assert all_arrive(project, answers)
    for service, word in words.items():
        said = project.inside(
            "rabbitmq", "rabbitmqctl", "authenticate_user", f"caudal-{service}", word
        )
        assert "Success" in said


def test_keys_of_the_archive_change_while_all_of_it_runs(project: Project) -> None:
    old = project.compose(
        "run", "--rm", "-T", "--entrypoint", "cat", "secrets", "/secrets/kept/archive/keys"
    ).strip()
    new = project.operator("archive", "key").strip()
    assert old != new
    for keys in (f"{old},{new}", f"{new},{old}"):
        project.give("archive/keys", keys)
        project.up()
        project.compose("restart", "ingress", "reconciler", seconds=180)
        assert project.become_healthy("ingress")
        assert project.become_healthy("reconciler")
        assert project.secret("ingress", "archive_keys") == keys
    with pytest.raises(AssertionError):  # all of it rests under the old key
        project.operator("archive", "status", "--check")
    # by whom the archive is: an operator's login may not rewrite it
    with pytest.raises(AssertionError, match="InsufficientPrivilege"):
        project.operator("archive", "rekey")
    project.compose("run", "--rm", "-T", "migrate", "archive", "rekey")
    project.operator("archive", "status", "--check")


def test_a_secret_that_cannot_be_used_stops_everything_before_it_begins(project: Project) -> None:
    given = project.folder / "deploy/compose/secrets/archive"
    given.mkdir(exist_ok=True)
    (given / "keys").write_text("hunter2\n")
    with pytest.raises(AssertionError):
        project.compose("up", "--detach", "--no-build", "secrets", "topology", seconds=60)
    said = project.logs("secrets")
    assert "/given/archive/keys: key 1 is not 32 bytes" in said
    assert "hunter2" not in said
    (given / "keys").unlink()
