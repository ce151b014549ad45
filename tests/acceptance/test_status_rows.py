"""Every row of the providers' status tables: webhooks in, and the state that they must end in.

All rows are posted at once, each to a source of its own; then each is looked at by itself.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance import (
    rows_clip,
    rows_conectados,
    rows_mobbex,
    rows_payu,
    rows_safe2pay,
    rows_seeds,
)
from tests.acceptance.rows import Row, event_faults, object_faults, parked_faults
from tests.acceptance.stack import Answer, Json, Published, Stack
from tests.processes import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROWS: Sequence[Row] = [
    *rows_clip.ROWS,
    *rows_payu.ROWS,
    *rows_conectados.ROWS,
    *rows_mobbex.ROWS,
    *rows_safe2pay.ROWS,
    *rows_seeds.ROWS,
]
SOURCES = "".join(row.table for row in ROWS)
SECONDS = 60.0
SCHEMA = Path(__file__).parents[2] / "libs" / "contracts" / "schemas" / "event.schema.json"


@dataclass
class World:
    """What can be seen from outside after all rows were posted."""

    answers: dict[str, list[Answer]]
    objects: list[Json]
    parked: list[Json]
    events: dict[str, list[Published]]

    def faults(self, row: Row) -> list[str]:
        listed = [item for item in self.objects if item["source"] == row.slug]
        return [
            *object_faults(row, listed),
            *parked_faults(row, [item for item in self.parked if item["source"] == row.slug]),
            *event_faults(listed, self.events.get(row.slug, [])),
        ]


@pytest.fixture(scope="module")
def world(stack: Stack) -> World:
    """Post every row, first all first steps, then all second ones; wait until each is as it must."""
    seen = World({row.slug: [] for row in ROWS}, [], [], {})
    for place in range(max(len(row.steps) for row in ROWS)):
        due = [row for row in ROWS if place < len(row.steps)]
        answers = stack.send_all([row.request(row.steps[place]) for row in due])
        for row, answer in zip(due, answers, strict=True):
            seen.answers[row.slug].append(answer)
    assert stack.listener is not None
    listener = stack.listener

    def settled() -> bool:
        seen.objects, seen.parked = stack.objects(), stack.parked()
        seen.events = listener.by_source()
        return not any(seen.faults(row) for row in ROWS)

    wait_until(settled, seconds=SECONDS)
    return seen


@pytest.mark.parametrize("row", ROWS, ids=[row.slug for row in ROWS])
def test_row_ends_as_documented(world: World, row: Row) -> None:
    answered = [answer.status for answer in world.answers[row.slug]]
    assert answered == [row.success(step) for step in row.steps]
    assert world.faults(row) == []


def test_every_event_keeps_the_contract(world: World) -> None:
    """CloudEvents' attributes agree with the data, the schema holds, and no id stands for two."""
    schema = Draft202012Validator(
        json.loads(SCHEMA.read_text()), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    ids: dict[str, str] = {}
    for events in world.events.values():
        for event in events:
            body, data = event.body, event.body["data"]
            schema.validate(body)
            assert event.content_type == "application/cloudevents+json"
            assert body["specversion"] == "1.0"
            assert body["source"] == f"/caudal/{data['source']}"
            assert body["type"] == f"caudal.{data['kind']}.{data['state']}.v1"
            assert body["subject"] == f"{data['kind']}/{data['provider_ref']}"
            place = f"{body['partitionkey']} {body['sequence']}"
            assert ids.setdefault(body["id"], place) == place
    assert len(ids) == len(set(ids.values()))
