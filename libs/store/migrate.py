"""Bring a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from libs.runtime.failures import TemporaryError
from libs.store.database import TEMPORARY

_HERE = Path(__file__).parent / "migrations"


def migrate(dsn: str) -> str:
    """Apply what is missing, and return the newest revision. Not for a running event loop.

    Safe to run again and at the same time elsewhere. Raises `TemporaryError` where the database
    is away or does not let us in.
    """
    config = _config()
    config.attributes["dsn"] = dsn
    try:
        command.upgrade(config, "head")
    except (*TEMPORARY, SQLAlchemyError) as error:
        raise TemporaryError(f"Postgres: {type(error).__name__}") from error
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
