"""What all tests share: Hypothesis profiles, and the fixtures with real servers behind them.

CAUDAL_TEST_PROFILE chooses the profile: `dev` looks for new examples at every run, `ci` tries the
same ones every time, so that a failure there is one that anybody can repeat.
"""

import os

from hypothesis import settings

from tests.servers import amqp_url, postgres_dsn, servers

__all__ = ["amqp_url", "postgres_dsn", "servers"]

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("CAUDAL_TEST_PROFILE", "dev"))
