"""Who makes room for whom, where as many connections are open as may be."""

from __future__ import annotations

from typing import cast

import pytest

from libs.runtime.limits import IngressLimits
from services.ingress.guard import Guard
from services.ingress.reception import LOOK_AGAIN, Reception
from services.ingress.tally import Tally


class Transport:
    """As much of one as is asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.written = b""

    def get_extra_info(self, name: str) -> object:
        return (self.address, 1) if name == "peername" else None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        pass


class Line:
    """A connection that is idle, or not."""

    def __init__(self, *, idle: bool = True) -> None:
        self.idle = idle
        self.open = True

    def idle_since(self) -> float | None:
        return 1.0 if self.idle else None

    def force_close(self) -> None:
        self.open = False

    def rest(self) -> bool:
        return True

    def go_on(self) -> None:
        pass


class Place:
    """A reception with room for three, and a clock that is set by hand."""

    def __init__(self) -> None:
        limits = IngressLimits(max_connections=3)
        self.now = 0.0
        self.guard = Guard(limits, Tally(), clock=lambda: self.now)
        self.reception = Reception(self.guard, limits, clock=lambda: self.now)

    def comes(self, address: str, *, proven: bool = False, idle: bool = True) -> Line | None:
        if proven:
            self.guard.peers.prove(self.guard.peers.at(address))
        line = Line(idle=idle)
        return line if self.reception.admit(line, cast("object", Transport(address))) else None  # type: ignore[arg-type]


@pytest.fixture
def place() -> Place:
    return Place()


def test_stranger_goes_before_one_that_is_known(place: Place) -> None:
    known = place.comes("10.0.0.1", proven=True)
    stranger = place.comes("10.0.0.2")
    assert known
    assert stranger
    assert place.comes("10.0.0.3", idle=False)
    assert place.comes("10.0.0.1", proven=True)
    assert known.open
    assert not stranger.open


def test_known_one_closes_nobody_of_its_own_while_a_stranger_is_idle(place: Place) -> None:
    """Also one that came, or fell idle, since the last look."""
    known = place.comes("10.0.0.1", proven=True)
    first, second = place.comes("10.0.0.2"), place.comes("10.0.0.3", idle=False)
    assert known
    assert first
    assert second
    assert place.comes("10.0.0.1", proven=True, idle=False)  # in place of the first stranger
    assert not first.open
    second.idle = True  # and nobody has looked since
    place.now += 2 * LOOK_AGAIN
    assert place.comes("10.0.0.1", proven=True)
    assert not second.open
    assert known.open


def test_where_nobody_else_is_idle_a_known_one_goes(place: Place) -> None:
    known = place.comes("10.0.0.1", proven=True)
    assert known
    for address in ("10.0.0.2", "10.0.0.3"):
        assert place.comes(address, idle=False)
    assert place.comes("10.0.0.4") is None  # for a stranger nobody known goes
    assert place.comes("10.0.0.1", proven=True)
    assert not known.open
