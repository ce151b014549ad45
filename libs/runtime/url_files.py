"""Addresses of the broker and the database that stand in files: `CAUDAL_AMQP_URL_FILE`, `…_DSN_FILE`.

Each has a password in it. A file can be given to one process alone, as Docker and Kubernetes mount
secrets, where a variable is inherited by every child and shown to whoever may inspect a container.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from libs.runtime.secret_files import read_secret

SUFFIX: Final = "_FILE"


def read_url_file(path: Path, variable: str) -> str:
    """Return the URL that a file holds, without the white space around it.

    Raises `ConfigurationError` under `variable`, which names the file and quotes none of it.
    """
    return read_secret(path, variable).strip()


def without_url_files(environment: Mapping[str, str], variables: tuple[str, ...]) -> dict[str, str]:
    """Return an environment in which these variables say themselves what their files would.

    For who hands an environment on. Raises `ConfigurationError` as `read_url_file` does.
    """
    told = dict(environment)
    for variable in variables:
        path = told.pop(f"{variable}{SUFFIX}", "")
        if path:
            told[variable] = read_url_file(Path(path), f"{variable}{SUFFIX}")
    return told
