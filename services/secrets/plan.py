"""Which secrets a deployment has, and which files of them each of its services sees.

What is kept has names such as `rabbitmq/ingress`: a group, and whose it is.

    rabbitmq/<service>   the password of the broker's user caudal-<service> (`libs.bus.permissions`)
    postgres/<login>     the password of the login caudal-<login> (`libs.store.roles`); `administrator`
    archive/keys         under which raw bodies rest
    grafana/…            its administrator's password, and the key under which it keeps its own secrets
    senders/<name>       what a provider shows to us; drawn for each that we know
    providers/<name>     what we show to a provider: never drawn, since it is theirs

What a service sees are whole files, made of these: a URL with its own user, and what it reads itself.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from libs.bus.permissions import RIGHTS, definitions
from libs.providers.registry import PROVIDERS
from libs.runtime.archive_keys import fresh_key, read_keys
from libs.runtime.configuration import ConfigurationError
from libs.runtime.secret_files import read_secret, read_secret_text
from libs.store.roles import LOGINS
from libs.store.scram import verifier

ADMINISTRATOR: Final = "administrator"
KEYS: Final = "archive/keys"
DEFINITIONS: Final = "rabbitmq/definitions.json"
# Whose images run as users of their own: their files are readable for all who see them at all.
OPEN: Final = frozenset({"rabbitmq", "grafana"})
# Whose users of the broker have folders of their own; the others' are handed out by the operator.
_PROCESSES: Final = frozenset({"topology", "ingress", "normalizer", "reconciler", "operator"})
_FREE: Final = frozenset({"senders", "providers"})  # groups in which every name is one
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_BYTES: Final = 32  # of chance in a drawn password


@dataclass(frozen=True, slots=True)
class Place:
    """Where the servers answer, and what the superuser of the database is called."""

    broker: str = "rabbitmq:5672"
    database: str = "postgres:5432/caudal"
    administrator: str = "caudal"


def _word() -> str:
    return secrets.token_urlsafe(_BYTES)


# What is drawn by chance where nobody gave it.
DRAWN: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {
        **{f"rabbitmq/{rights.service}": _word for rights in RIGHTS},
        **{f"postgres/{login}": _word for login in (ADMINISTRATOR, *LOGINS)},
        KEYS: fresh_key,
        "grafana/admin_password": _word,
        "grafana/secret_key": _word,
        **{f"senders/{provider}": _word for provider in PROVIDERS},
    }
)


def read_given(path: Path, name: str) -> str:
    """Return what somebody gave under a name. Raises `ConfigurationError`, which quotes none of it."""
    group, _, own = name.partition("/")
    if not _NAME.fullmatch(own) or (group not in _FREE and name not in DRAWN):
        known = sorted({each.partition("/")[0] for each in DRAWN} | _FREE)
        raise ConfigurationError(
            str(path), f"nobody reads a secret of that name; groups are {', '.join(known)}"
        )
    if group in _FREE:
        return read_secret_text(path, str(path))
    try:
        if name == KEYS:
            keys = read_secret_text(path, str(path))
            read_keys(keys)
            return keys
        word = read_secret(path, str(path))
        if group == "postgres":
            verifier(word)
    except ValueError as error:
        raise ConfigurationError(str(path), str(error)) from None
    return word


def passwords(kept: Mapping[str, str], group: str) -> dict[str, str]:
    """Return the secrets of a group by their own names."""
    return {
        name.partition("/")[2]: word for name, word in kept.items() if name.startswith(f"{group}/")
    }


def seen(kept: Mapping[str, str], place: Place) -> dict[str, str]:
    """Return the files of all services, as `<service>/<file>`, with what is in them."""
    return {
        DEFINITIONS: json.dumps(definitions(passwords(kept, "rabbitmq")), indent=2) + "\n",
        f"postgres/{ADMINISTRATOR}_password": kept[f"postgres/{ADMINISTRATOR}"],
        "roles/postgres_dsn": _dsn(kept, ADMINISTRATOR, place),
        **{f"roles/passwords/{login}": kept[f"postgres/{login}"] for login in LOGINS},
        "migrate/postgres_dsn": _dsn(kept, "migrate", place),
        "migrate/archive_keys": kept[KEYS],
        "topology/amqp_url": _url(kept, "topology", place),
        "ingress/amqp_url": _url(kept, "ingress", place),
        "ingress/archive_keys": kept[KEYS],
        **_folder(kept, "ingress", "senders"),
        "normalizer/amqp_url": _url(kept, "normalizer", place),
        "reconciler/amqp_url": _url(kept, "reconciler", place),
        "reconciler/postgres_dsn": _dsn(kept, "reconciler", place),
        "reconciler/archive_keys": kept[KEYS],
        **_folder(kept, "reconciler", "providers"),
        "operator/amqp_url": _url(kept, "operator", place),
        "operator/postgres_dsn": _dsn(kept, "operator", place),
        "operator/archive_keys": kept[KEYS],
        **{
            f"operator/{rights.service}_amqp_url": _url(kept, rights.service, place)
            for rights in RIGHTS
            if rights.service not in _PROCESSES and not rights.tags
        },
        "operator/readonly_postgres_dsn": _dsn(kept, "readonly", place),
        "operator/monitoring_password": kept["rabbitmq/monitoring"],
        **_folder(kept, "operator", "senders"),
        **_folder(kept, "operator", "providers"),
        "grafana/admin_password": kept["grafana/admin_password"],
        "grafana/secret_key": kept["grafana/secret_key"],
    }


def services() -> tuple[str, ...]:
    """Return everybody who sees anything, each of whom has a folder to himself."""
    nothing = dict.fromkeys(DRAWN, "")
    return tuple(dict.fromkeys(name.partition("/")[0] for name in seen(nothing, Place())))


def _folder(kept: Mapping[str, str], service: str, group: str) -> dict[str, str]:
    return {f"{service}/{group}/{name}": word for name, word in passwords(kept, group).items()}


def _url(kept: Mapping[str, str], service: str, place: Place) -> str:
    word = quote(kept[f"rabbitmq/{service}"], safe="")
    return f"amqp://caudal-{service}:{word}@{place.broker}/\n"


def _dsn(kept: Mapping[str, str], login: str, place: Place) -> str:
    name = place.administrator if login == ADMINISTRATOR else f"caudal-{login}"
    word = quote(kept[f"postgres/{login}"], safe="")
    return f"postgresql://{quote(name, safe='')}:{word}@{place.database}\n"
