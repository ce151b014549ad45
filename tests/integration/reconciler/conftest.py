"""The reconciler's tests run against a real Postgres, each in a database of its own."""

from tests.integration.store.rooms import dsn, pool, template

__all__ = ["dsn", "pool", "template"]
