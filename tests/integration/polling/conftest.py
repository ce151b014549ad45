"""Polling against a real Postgres, with real servers of our own in the places of the providers."""

from tests.integration.store.rooms import dsn, logged, pool, template

__all__ = ["dsn", "logged", "pool", "template"]
