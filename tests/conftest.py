"""What all tests share: Hypothesis profiles, and the fixtures with real servers behind them.

CAUDAL_TEST_PROFILE chooses the profile: `dev` looks for new examples at every run, `ci` tries the
same ones every time, so that a failure there is one that anybody can repeat.
"""

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.servers import amqp_url, postgres_dsn, servers

__all__ = ["amqp_url", "postgres_dsn", "servers"]

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("CAUDAL_TEST_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the logs back: a command that runs in this process configures them for all that follow.

    Loggers are not kept here, since one that was used meanwhile would stay as it is for good.
    """
    configure = structlog.configure
    root = logging.getLogger()
    before = structlog.get_config(), root.handlers[:], root.level

    def configured(**told: Any) -> None:  # noqa: ANN401 - whatever it takes
        configure(**told | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", configured)
    yield
    configure(**before[0])
    root.handlers[:], root.level = before[1], before[2]
