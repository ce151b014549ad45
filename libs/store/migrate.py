"""Bring a database to the newest schema."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from libs.runtime.failures import TemporaryError
from libs.store.complaints import complaint
from libs.store.database import TEMPORARY
from libs.store.roles import grant_after_migration

_HERE = Path(__file__).parent / "migrations"
# A change of a table waits for whoever reads it (a dump takes long), and everybody else for the change:
# it gives up soon (`lock_timeout` in migrations/env.py), and comes again.
TRIES: Final = 30
PAUSE: Final[float] = 10  # seconds
_IN_USE: Final = frozenset({"55P03", "40P01"})  # a lock that was not got in time, a deadlock


def migrate(dsn: str, on_progress: Callable[[str], None] = lambda _: None) -> str:
    """Apply what is missing, and return the newest revision. Not for a running event loop.

    Where the roles are in use (`libs.store.roles`), it ends with what they may do. Safe to run again
    and at the same time elsewhere. Raises `TemporaryError` where the database is away or does not let
    us in, or where a table is in use for minutes.
    """
    config = _config()
    config.attributes["dsn"] = dsn
    config.attributes["tell"] = on_progress
    for left in reversed(range(TRIES)):
        try:
            command.upgrade(config, "head")
            break
        except (*TEMPORARY, SQLAlchemyError) as error:
            if not _in_use(error):
                raise TemporaryError(complaint(_driver_s(error))) from error
            if not left:
                raise TemporaryError("a table is in use by somebody else all the time") from error
        on_progress(f"a table is in use by somebody else; again in {PAUSE:g} seconds")
        time.sleep(PAUSE)
    asyncio.run(grant_after_migration(dsn))
    return newest_revision()


def _driver_s(error: BaseException) -> BaseException:
    """Return what the driver said, and not what was made of it twice."""
    said = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else None
    return said or error


def _in_use(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _IN_USE


def newest_revision() -> str:
    """Return the revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    return config
