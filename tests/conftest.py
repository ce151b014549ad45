"""What all tests share: Hypothesis profiles, and the fixtures with real servers behind them.

CAUDAL_TEST_PROFILE chooses the profile: `dev` looks for new examples at every run, `ci` tries the
same ones every time, so that a failure there is one that anybody can repeat.
"""

import os

import pytest
from hypothesis import settings

from tests.servers import amqp_url, postgres_dsn, servers

__all__ = ["amqp_url", "postgres_dsn", "servers"]

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("CAUDAL_TEST_PROFILE", "dev"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a running stack in one process, where several run side by side.

    First of all: the plugin that sends them to processes reads the mark in a hook of the same name.
    """
    for item in items:
        if item.get_closest_marker("servers") or "/acceptance/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group(item.path.as_posix()))
