"""What has happened is what has begun at the provider, whoever was told of it."""

from __future__ import annotations

from dataclasses import replace

from services.sandbox.apis import clip
from services.sandbox.world import World
from services.simulator.plan import Options, Plan, Webhook

LOSSY = Options(seed=6, count=1500, losses=0.3, reorder=0.4, delay=2.0, duplicates=0.2)


def played(webhooks: list[Webhook]) -> World:
    world = World({clip.SLUG: clip.other_names})
    for webhook in webhooks:
        world.happens(webhook)
    return world


def test_everything_has_happened_in_the_end() -> None:
    """Whatever was lost, late or overtaken: after the last turn each life has gone its path."""
    some = list(Plan(LOSSY).webhooks())
    world = played(some)
    lives = {w.lived.number: w.lived for w in some if w.lived}
    can_be_asked = [lived for lived in lives.values() if lived.known is not None]
    assert world.count == len(can_be_asked) > 300
    standings = [each for found in world.standings.values() for each in found.values()]
    assert all(standing.ended for standing in standings)
    assert len(world.transfers) == sum(lived.ends.kind == "payout" for lived in lives.values())


def test_nothing_has_happened_before_its_turn() -> None:
    some = list(Plan(replace(LOSSY, reorder=0.0, delay=0.0)).webhooks())
    for end in (1, 50, 400):
        world = played(some[:end])
        steps: dict[str, int] = {}
        for webhook in some[:end]:
            if webhook.lived is not None and webhook.step is not None:
                steps[webhook.lived.ends.ref] = webhook.step + 1
        for standing in (each for of in world.standings.values() for each in of.values()):
            assert standing.reached == steps[standing.ref]


def test_overtaken_step_takes_nothing_back() -> None:
    some = [webhook for webhook in Plan(LOSSY).webhooks() if webhook.lived is not None]
    world = World()
    reached: dict[str, int] = {}
    for webhook in some:
        world.happens(webhook)
        assert webhook.lived is not None
        standing = world.named(webhook.provider, webhook.lived.ends.ref)
        if standing is not None:
            assert standing.reached >= reached.get(standing.ref, 0)
            reached[standing.ref] = standing.reached


def test_objects_are_found_by_reference() -> None:
    some = list(Plan(LOSSY).webhooks())
    world = played(some)
    for provider, found in world.standings.items():
        for standing in found.values():
            reference = standing.known.names.reference
            assert world.referenced(provider, reference) == [standing]
