"""Bring a database to the newest schema."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from libs.runtime.failures import TemporaryError
from libs.store.complaints import complaint
from libs.store.database import TEMPORARY
from libs.store.roles import grant_after_migration

_HERE = Path(__file__).parent / "migrations"


def migrate(dsn: str) -> str:
    """Apply what is missing, and return the newest revision. Not for a running event loop.

    Where the roles are in use (`libs.store.roles`), it ends with what they may do. Safe to run again
    and at the same time elsewhere. Raises `TemporaryError` where the database
    is away or does not let us in.
    """
    config = _config()
    config.attributes["dsn"] = dsn
    try:
        command.upgrade(config, "head")
    except (*TEMPORARY, SQLAlchemyError) as error:
        raise TemporaryError(complaint(error)) from error
    asyncio.run(grant_after_migration(dsn))
    return newest_revision()


def newest_revision() -> str:
    """Return the revision that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "os")
    return config
