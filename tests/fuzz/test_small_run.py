"""A small part of `make fuzz`, and that it finds what is broken on purpose."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from libs.contracts.delivery import Delivery
from libs.contracts.readings import ParkReason, Reading, Unknown
from libs.domain import fold, money
from libs.providers import reading
from libs.providers.card_fields import CardFields
from libs.providers.clip import mapping
from libs.providers.registry import PROVIDERS
from services.ingress.redaction import Redactor
from services.normalizer import translate
from tests.fuzz import __main__ as command
from tests.fuzz.campaign import Campaign, Finding, failure_of
from tests.fuzz.cases import case
from tests.fuzz.reduction import reduced

SEED: Final = 20260115
MEGABYTES: Final = 0.4  # some 2 s


def test_no_input_breaks_anything() -> None:
    campaign = Campaign(SEED, sorted(PROVIDERS), MEGABYTES, seconds=120)
    campaign.run()

    assert campaign.whole
    assert list(campaign.findings) == []
    for provider, count in campaign.counts.items():
        assert count.readable > count.inputs / 2, provider
        assert count.let_in > count.inputs / 4, provider
        assert count.observing > count.inputs / 5, provider
        assert count.ends["parked not_readable"], provider
        assert count.ends["parked malformed"], provider
        assert count.events, provider
    assert campaign.counts["safe2pay"].ends["rejection 401"]
    assert campaign.counts["safe2pay"].ends["rejection 400"]


def test_an_input_can_be_made_again() -> None:
    made = [case("mobbex", SEED, number) for number in range(40)]

    assert [case("mobbex", SEED, number) for number in range(40)] == made
    assert [case("mobbex", SEED + 1, number) for number in range(40)] != made
    assert len({each.body for each in made}) > 30


def _tells_all(delivery: Delivery) -> tuple[Reading, ...]:
    text = delivery.body.decode("utf-8", "replace")
    return (Unknown(reason=ParkReason.FOREIGN_SHAPE, detail=text.replace("\0", "")),)


# What is broken on purpose, by what, the provider on which it has to show, and as what.
BROKEN: Final[dict[str, tuple[Any, str, Any, str, str]]] = {
    "cards": (CardFields, "masked", lambda _, body: body, "mobbex", "card number is left"),
    "words": (
        translate,
        "discreet",
        lambda said: said,
        "mobbex",
        "a card number in words of Observation",
    ),
    "texts": (reading, "_check_strings", lambda _: None, "clip", "Error"),
    "credentials": (
        *(Redactor, "thoroughly", lambda _, body, __=None: body),
        *("safe2pay", "a credential is left"),
    ),
    "people": (mapping, "translate", _tells_all, "clip", "a person is told"),
    "amounts": (money, "_LIMIT", Decimal(10**25), "payu", "more than money can be"),
    "order": (fold, "_distinct", list, "conectados", "the order counts"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_on_purpose_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, what, instead, provider, told = BROKEN[name]
    monkeypatch.setattr(where, what, instead)
    campaign = Campaign(SEED, [provider], 0.5, seconds=60, reducing=0.2)
    found: list[Finding] = []
    while not found and not campaign.whole:
        campaign.step()
        found = [each for each in campaign.findings.values() if told in each.error]

    assert found, list(campaign.findings)
    for each in found:
        assert failure_of(each.case, each.body) == each.error
        assert len(each.body) <= len(each.case.body)
        assert failure_of(case(provider, SEED, each.case.number), each.case.body) == each.error


def test_the_smallest_is_found() -> None:
    body = b"x" * 300 + b"<" + b"y" * 41 + b">" + b"z" * 77

    assert reduced(body, lambda tried: b"<" in tried and b">" in tried) == b"<>"
    assert reduced(b"abc", lambda _: True) == b""
    assert reduced(body, lambda tried: tried == body) == body
    assert reduced(body, lambda _: True, within=0) in {body, body[: len(body) // 2]}


def test_command_tells_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert command.main(["--seed", "5", "--megabytes", "0.01", "--provider", "clip"]) == 0
    assert capsys.readouterr().out.split("\n")[1].startswith("clip ")
    report = json.loads((tmp_path / command.FOLDER / "report.json").read_text())
    assert report["whole"] is True
    assert report["bytes"] >= 10_000
    assert command.main(["--seed", "5", "--megabytes", "9999", "--minutes", "0.0001"]) == 3


def test_command_keeps_what_broke_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(translate, "discreet", lambda said: said)

    assert command.main(["--seed", "5", "--megabytes", "0.3", "--provider", "payu"]) == 1
    told = capsys.readouterr()
    assert "seed 5: `make fuzz SEED=5 MEGABYTES=0.3`" in told.err
    [path, *_] = sorted((tmp_path / command.FOLDER).glob("*.body"))
    about = json.loads(path.with_suffix(".json").read_text())
    assert path.stat().st_size <= about["bytes_before"]
    again = ["--seed", "5", "--provider", "payu", "--only", str(about["number"])]
    assert command.main(again) == 1
    assert about["error"] in capsys.readouterr().err
