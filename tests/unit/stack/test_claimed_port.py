"""No two stacks choose the same port, also in the seconds before either binds it."""

from __future__ import annotations

import socket

import pytest

from libs.embedded.ports import free_port
from libs.runtime.configuration import ConfigurationError
from services.stack.claimed_port import claimed_port


def test_claimed_port_is_not_given_twice() -> None:
    with claimed_port(None) as first, claimed_port(None) as second, claimed_port(0) as third:
        assert len({first, second, third}) == 3


def test_claim_ends_with_its_stack() -> None:
    port = free_port()
    with claimed_port(port):
        pass
    with claimed_port(port) as again:
        assert again == port


def test_port_asked_for_is_refused_when_claimed() -> None:
    port = free_port()
    with (
        claimed_port(port),
        pytest.raises(ConfigurationError, match=r"--port: .* is taken"),
        claimed_port(port),
    ):
        pass


def test_bound_port_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError), claimed_port(port):
            pass
