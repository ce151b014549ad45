"""The tests of restoring run against a real Postgres, each in a database of its own."""

from tests.integration.store.rooms import dsn, logged, pool, template

__all__ = ["dsn", "logged", "pool", "template"]
