"""A database for each test, and PayU's API on a socket."""

from tests.integration.store.rooms import dsn, logged, pool, template
from tests.unit.payu.conftest import api

__all__ = ["api", "dsn", "logged", "pool", "template"]
