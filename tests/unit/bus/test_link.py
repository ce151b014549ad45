"""What is shown of a broker's address."""

from __future__ import annotations

import pytest

from libs.bus.link import place


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqp://caudal:hush@broker:5673/test", "broker:5673"),
        ("amqp://caudal:hush@broker/", "broker:5672"),
        ("amqps://caudal:hush@broker/", "broker:5671"),
    ],
)
def test_place_hides_the_password(url: str, shown: str) -> None:
    assert place(url) == shown
