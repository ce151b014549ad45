"""Draw what is missing, take over what somebody gave, and write what each service sees.

What was drawn once stays: doing it again changes nothing, and no value is ever shown.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from libs.bus.permissions import same_definitions
from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_files import read_secret_text
from services.secrets.plan import (
    DEFINITIONS,
    DRAWN,
    KEYS,
    OPEN,
    Place,
    passwords,
    read_given,
    seen,
    services,
)

KEPT: Final = "kept"
BEFORE: Final = f"{KEYS}.before"
"""Where keys go that others took the place of: without them, old bodies could not be read."""
_PRIVATE: Final = (0o700, 0o400)  # a folder, a file
_SHARED: Final = (0o755, 0o444)


@dataclass(slots=True)
class Made:
    """Names of secrets by what became of them, and the files that were written; no value."""

    drawn: list[str] = field(default_factory=list)
    taken_over: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)


def make_secrets(folder: Path, given: Path | None, place: Place) -> Made:
    """Bring all secrets in `folder` up to date: `kept/` has them, `<service>/` what each one sees.

    What stands in `given` wins over what is kept; what it has not is kept or drawn. Everything is
    looked at before anything is written. Raises `ConfigurationError` with the name of a file that
    cannot be used or written.
    """
    made = Made()
    try:
        with _alone(folder):
            kept = _decide(folder / KEPT, _given(given), made)
            for name, word in kept.items():
                _write(folder, f"{KEPT}/{name}", word, made)
            for service in services():
                _make_folder(folder / service, _modes(service)[0])
            for name, text in seen(kept, place).items():
                if name != DEFINITIONS or not _still(folder / name, kept):
                    _write(folder, name, text, made)
    except OSError as error:
        raise ConfigurationError(
            str(error.filename or folder), f"cannot be used: {error.strerror}"
        ) from None
    return made


def _given(folder: Path | None) -> dict[str, str]:
    """Read what somebody gave: `<group>/<name>` below the folder; other files there say so."""
    if folder is None:
        return {}
    found = {}
    for group in sorted(each for each in folder.iterdir() if each.is_dir()):
        for path in sorted(group.iterdir()):
            if not path.name.startswith("."):
                found[f"{group.name}/{path.name}"] = read_given(path, f"{group.name}/{path.name}")
    return found


def _decide(folder: Path, given: Mapping[str, str], made: Made) -> dict[str, str]:
    """Return every secret by its name, and note where it is from."""
    before = _kept(folder)
    found: dict[str, str] = {}
    for name in sorted({*DRAWN, *given, *before} - {BEFORE}):
        if name in given and given[name] != before.get(name):
            found[name] = given[name]
            made.taken_over.append(name)
        elif name in before:
            found[name] = before[name]
            made.kept.append(name)
        else:
            found[name] = DRAWN[name]()
            made.drawn.append(name)
    retired = [before[each] for each in (BEFORE,) if each in before]
    if KEYS in before and found[KEYS] != before[KEYS]:
        retired.append(before[KEYS])
    return found | ({BEFORE: "\n".join(retired)} if retired else {})


def _kept(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): read_secret_text(path, str(path))
        for path in sorted(folder.glob("*/*"))
        if not path.name.startswith(".")
    }


def _still(path: Path, kept: Mapping[str, str]) -> bool:
    """Tell whether these definitions are of the same passwords, which salts do not show."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and same_definitions(told, passwords(kept, "rabbitmq"))


def _modes(service: str) -> tuple[int, int]:
    return _SHARED if service in OPEN else _PRIVATE


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir(mode=mode, exist_ok=True)
    if path.stat().st_uid == os.geteuid():
        path.chmod(mode)  # whatever the umask, or the image that a volume began with


def _write(folder: Path, name: str, text: str, made: Made) -> None:
    """Write a file whole or not at all; one that has this content already is left alone."""
    path = folder / name
    folder_mode, mode = _modes(name.partition("/")[0])
    for above in [*path.relative_to(folder).parents][-2::-1]:
        _make_folder(folder / above, folder_mode)
    content = text.encode()
    if path.exists() and path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
        return
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)
    made.written.append(name)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one who makes secrets there; a second one waits."""
    kept = folder / KEPT
    kept.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(kept / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
