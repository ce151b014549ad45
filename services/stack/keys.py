"""The keys under which raw bodies rest in a stack: those that it was told, or one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from libs.embedded.datadir import kept_secret
from libs.runtime.archive_keys import KEYS_FILE, key_ring, keys_are_told
from libs.runtime.key_ring import KeyRing
from libs.runtime.settings import load_settings

_FILE: Final = "archive.keys"


def told_to_workers(data_dir: Path) -> dict[str, str]:
    """Return the variable that names the keys, where workers do not inherit it.

    A key of its own is made by a stack with a database of its own, readable by its owner alone;
    without that file nothing that rests there can be read any more. Somebody else's database outlives
    the directory.
    """
    settings = load_settings()
    if keys_are_told(settings) or settings.postgres_dsn is not None:
        return {}
    path = data_dir / _FILE
    kept_secret(path)
    return {KEYS_FILE: str(path)}


def keys_of_stack(data_dir: Path) -> KeyRing:
    """Return the keys of the stack that runs on a data directory. Raises `ConfigurationError`."""
    settings = load_settings()
    path = data_dir / _FILE
    if keys_are_told(settings) or not path.exists():
        return key_ring(settings)
    return key_ring(load_settings(archive_keys_file=path))
