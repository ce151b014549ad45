"""A word that nobody knew, and the day on which somebody maps it: an operator's two commands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.rows import JSON, encoded, number
from tests.acceptance.rows_conectados import approval, event
from tests.acceptance.stack import Json, Listener, Ran, Request, Stack, source
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SLUG: Final = "conectados"
OTHER: Final = "retail"
NONE: Final = '{ kind = "none" }'
ALIASES: Final = 'aliases = { venta_creada = "sale_created", venta_anulada = "sale_voided" }'
BEFORE: Final = "".join(source(slug, "conectados", NONE) for slug in (SLUG, OTHER))
AFTER: Final = "".join(source(slug, "conectados", NONE, [ALIASES]) for slug in (SLUG, OTHER))
SECONDS: Final = 60.0
GROUP: Final = ("--provider", "conectados", "--field", "event_type", "--value", "venta_creada")
HERE: Final = ("--source", SLUG)
THERE: Final = ("--source", OTHER)
RANGE: Final = ("replay", "--since", "1d", "--source", SLUG, "--json")


def sources_of(home: Path) -> tuple[str, str]:
    return "--sources", str(home / "sources.toml")


def post(stack: Stack, *bodies: object, slug: str = SLUG) -> None:
    for body in bodies:
        answer = stack.send(Request(f"/webhooks/{slug}", encoded(body), JSON))
        assert answer.status == 201


def states(stack: Stack, slug: str = SLUG) -> dict[str, tuple[str, int]]:
    found = stack.objects("--source", slug)
    return {each["provider_ref"]: (each["state"], each["sequence"]) for each in found}


def ref(name: str) -> str:
    return str(number(name))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parked") / "home"


@pytest.fixture(scope="module")
def stack(home: Path) -> Iterator[Stack]:
    """Run a stack that got words which it did not know, and runs with aliases for them now."""
    first = Stack(home, sources=BEFORE)
    try:
        first.ready()
        post(first, *(approval(name) for name in ("sold", "voided", "bystander")))
        post(first, event("sold", "venta_creada"), event("sold", "venta_creada", message="again"))
        post(first, event("voided", "sale_created"), event("voided", "venta_anulada"))
        post(first, approval("theirs"), event("theirs", "venta_creada"), slug=OTHER)
        post(first, event("theirs", "venta_creada", message="again"), slug=OTHER)
        assert wait_until(
            lambda: len(first.parked()) == 5 and len(first.objects()) == 4, seconds=SECONDS
        )
        assert states(first)[ref("sold")] == ("authorized", 1)
    finally:
        first.stop()
    with Stack(home, sources=AFTER) as again:
        yield again


def of_object(listener: Listener, name: str) -> list[Json]:
    return [e.body for e in listener.events if e.body["data"]["provider_ref"] == ref(name)]


def all_heard(stack: Stack, listener: Listener) -> bool:
    """Say whether everything published has arrived: the last event of each object."""
    return all(
        sequence in {e["sequence"] for e in listener_events(listener, provider_ref)}
        for provider_ref, (_, sequence) in states(stack).items()
    )


def listener_events(listener: Listener, provider_ref: str) -> list[Json]:
    return [e.body for e in listener.events if e.body["data"]["provider_ref"] == provider_ref]


def replayed(stack: Stack, home: Path, *more: str) -> Ran:
    return stack.caudal(*RANGE, *more, *sources_of(home))


def test_mapped_words_are_translated_again(stack: Stack, home: Path) -> None:
    """Group by group from the parked ones, then whatever is left from the archive."""
    listener = stack.listen()
    groups = stack.ask("parked", "groups", *HERE)
    assert [(g["field"], g["value"], g["reason"], g["count"]) for g in groups] == [
        ("event_type", "venta_creada", "unknown_value", 2),
        ("event_type", "venta_anulada", "unknown_value", 1),
    ]
    assert (
        stack.ask("parked", "show", groups[0]["sample"])["readings"][0]["value"] == "venta_creada"
    )
    assert groups[0]["first_seen"] <= groups[0]["last_seen"]

    done = stack.ask("parked", "replay", *GROUP, *HERE)

    assert (done["asked"], done["sent"], done["resolved"], done["still_parked"]) == (2, 2, 2, 0)
    assert states(stack)[ref("sold")] == ("paid", 2)
    assert [each["value"] for each in stack.parked(*HERE)] == ["venta_anulada"]
    nothing = stack.ask("parked", "replay", *GROUP, *HERE)
    assert (nothing["asked"], nothing["sent"]) == (0, 0)

    before = states(stack)
    dry = replayed(stack, home, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    [would] = json.loads(dry.stdout)
    assert (would["source"], would["kind"], would["provider_ref"]) == (
        SLUG,
        "payment",
        ref("voided"),
    )
    assert (would["before"]["state"], would["after"]["state"]) == ("paid", "voided")
    assert {"state", "refunded_amount", "provider_status"} <= set(would["changed"])
    assert states(stack) == before
    assert len(stack.parked(*HERE)) == 1

    real = replayed(stack, home)
    assert real.returncode == 0, real.stderr
    assert json.loads(real.stdout) == [would]
    assert states(stack) == before | {ref("voided"): ("voided", 3)}
    assert stack.parked(*HERE) == []
    assert json.loads(replayed(stack, home).stdout) == []

    assert wait_until(lambda: all_heard(stack, listener), seconds=SECONDS)
    heard = {name: of_object(listener, name) for name in ("sold", "voided", "bystander")}
    assert {name: len({e["id"] for e in found}) for name, found in heard.items()} == {
        "sold": 2,
        "voided": 3,
        "bystander": 1,
    }
    assert [e["data"]["state"] for e in heard["sold"]] == ["authorized", "paid"]


def test_what_is_not_ours_is_discarded_for_a_reason(stack: Stack) -> None:
    assert stack.caudal("parked", "discard", *GROUP, *THERE).returncode == 2
    assert stack.caudal("parked", "discard", *GROUP, *THERE, "--reason", " ").returncode == 2
    assert stack.ask("parked", "discard", *GROUP, *THERE, "--reason", "a test of theirs") == {
        "discarded": 2,
        "not_parked": [],
    }
    assert stack.parked(*THERE) == []
    assert stack.ask("parked", "groups", *THERE) == []
    discarded = stack.parked("--discarded", *THERE)
    assert {each["discard_reason"] for each in discarded} == {"a test of theirs"}
    assert all(each["discarded_at"] for each in discarded)

    one = discarded[0]["delivery_id"]
    assert stack.ask("parked", "replay", one)["resolved"] == 1
    assert states(stack, OTHER) == {ref("theirs"): ("paid", 2)}
    assert len(stack.parked("--discarded", *THERE)) == 1
    gone = stack.caudal("parked", "replay", one)
    assert (gone.returncode, "is parked" in gone.stderr) == (1, True)
    assert stack.caudal("parked", "replay").returncode == 2
