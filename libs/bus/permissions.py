"""Who may do what on the broker: one user for each service, as data beside the topology.

A user declares (`configure`), publishes to an exchange or binds a queue (`write`), consumes or binds
to an exchange (`read`) what its patterns match, and nothing else: an empty pattern matches nothing.
Acknowledging, confirms and asking how deep a queue is (a passive declaration) need none of them. At
`caudal.webhooks` the routing key is looked at as well: whoever gets hold of the ingress can bring
deliveries in, and cannot say what they mean.
https://www.rabbitmq.com/docs/access-control
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from libs.bus.kept import KEPT_EVENTS, KEPT_WEBHOOKS
from libs.bus.topology import (
    ARCHIVE_QUEUE,
    DEAD,
    DEAD_QUEUE,
    DELAYS,
    EVENTS,
    EVENTS_QUEUE,
    NORMALIZER_QUEUE,
    NOTICED,
    NOTICES_QUEUE,
    RECEIVED,
    RECONCILER_QUEUE,
    RETRY,
    TO_ARCHIVE,
    TRANSLATED,
    WEBHOOKS,
    delay,
)

NOTHING: Final = "^$"
OURS: Final = r"^caudal\."
PRIVATE: Final = r"^amq\.gen-"  # names that the broker gives to queues of one connection
_SALT: Final = 4  # bytes, as the broker has it
_STEPS: Final = tuple(delay(step) for step in DELAYS)


def only(names: Iterable[str]) -> str:
    """Return the pattern that matches these names and no other."""
    return f"^({'|'.join(re.escape(name) for name in names)})$"


@dataclass(frozen=True, slots=True)
class Rights:
    """What one service may do: three patterns, and the keys with which it may publish webhooks."""

    service: str
    purpose: str
    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    keys: tuple[str, ...] | None = None
    """Routing keys at `caudal.webhooks`; None where it may not publish there anyway, or any."""
    tags: tuple[str, ...] = ()
    """What it may see in the broker's management."""


RIGHTS: Final = (
    Rights("topology", "caudal topology apply", configure=OURS, write=OURS, read=OURS),
    Rights(
        "ingress",
        "brings deliveries and notices in",
        write=only([WEBHOOKS]),
        keys=(RECEIVED, TO_ARCHIVE, NOTICED),
    ),
    Rights(
        "normalizer",
        "takes deliveries, tells what they say",
        write=only([WEBHOOKS, DEAD, *_STEPS]),
        read=only([NORMALIZER_QUEUE]),
        keys=(TRANSLATED,),
    ),
    Rights(
        "reconciler",
        "takes deliveries, outcomes and notices, tells events, brings answers of providers in",
        write=only([WEBHOOKS, EVENTS, DEAD, *_STEPS]),
        read=only([ARCHIVE_QUEUE, RECONCILER_QUEUE, NOTICES_QUEUE]),
        keys=(RECEIVED, TO_ARCHIVE),
    ),
    Rights(
        "operator",
        "caudal parked replay, caudal poll, caudal admin, caudal events tail",
        configure=PRIVATE,
        write=r"^(caudal\.webhooks$|amq\.gen-)",
        read=r"^(caudal\.events$|amq\.gen-)",
        keys=(RECEIVED, TO_ARCHIVE),
    ),
    # Apart from the operator's: who writes there can say what deliveries mean.
    Rights("dead", "caudal dead", write=only([RETRY]), read=only([DEAD_QUEUE])),
    Rights("restore", "caudal restore", read=only([KEPT_WEBHOOKS, KEPT_EVENTS])),
    Rights("events", "a consumer of the events", read=only([EVENTS_QUEUE])),
    Rights(
        "monitoring",
        "a person who looks at the broker's management, and changes nothing",
        tags=("monitoring",),
    ),
)


def rights_of(services: Collection[str] = ()) -> tuple[Rights, ...]:
    """Return the rights of these services, or of all."""
    return tuple(each for each in RIGHTS if not services or each.service in services)


def definitions(
    passwords: Mapping[str, str], *, vhost: str = "/", prefix: str = "caudal-"
) -> dict[str, list[dict[str, Any]]]:
    """Return what `rabbitmqctl import_definitions` takes: the users with a password, by service.

    It holds a salted hash of each password, and not the password. The virtual host is named as well:
    a broker that begins with definitions (`load_definitions`) makes none by itself.
    """
    users, permissions, topics = [], [], []
    for rights in rights_of(passwords):
        name = f"{prefix}{rights.service}"
        users.append(
            {
                "name": name,
                "password_hash": password_hash(passwords[rights.service]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": list(rights.tags),
            }
        )
        permissions.append({"user": name, "vhost": vhost, **_patterns(rights)})
        if rights.keys is not None:
            topics.append(
                {
                    "user": name,
                    "vhost": vhost,
                    "exchange": WEBHOOKS,
                    "write": only(rights.keys),
                    "read": NOTHING,
                }
            )
    return {
        "vhosts": [{"name": vhost}],
        "users": users,
        "permissions": permissions,
        "topic_permissions": topics,
    }


def commands(
    services: Collection[str] = (), *, vhost: str = "/", prefix: str = "caudal-"
) -> list[str]:
    """Return the same as calls of `rabbitmqctl`; each `add_user` reads the password from stdin."""
    lines = []
    for rights in rights_of(services):
        name, patterns = f"{prefix}{rights.service}", _patterns(rights)
        lines.append(shlex.join(["rabbitmqctl", "add_user", name]))
        lines.append(
            shlex.join(["rabbitmqctl", "set_permissions", "-p", vhost, name, *patterns.values()])
        )
        if rights.tags:
            lines.append(shlex.join(["rabbitmqctl", "set_user_tags", name, *rights.tags]))
        if rights.keys is not None:
            topic = [name, WEBHOOKS, only(rights.keys), NOTHING]
            lines.append(shlex.join(["rabbitmqctl", "set_topic_permissions", "-p", vhost, *topic]))
    return lines


def described() -> list[dict[str, Any]]:
    """Return all rights as plain data, for showing."""
    return [
        {
            "service": rights.service,
            "purpose": rights.purpose,
            **_patterns(rights),
            "webhook_keys": None if rights.keys is None else list(rights.keys),
            "tags": list(rights.tags),
        }
        for rights in RIGHTS
    ]


def same_definitions(
    told: Mapping[str, Any],
    passwords: Mapping[str, str],
    *,
    vhost: str = "/",
    prefix: str = "caudal-",
) -> bool:
    """Tell whether these are the definitions of these passwords, whatever the salts are."""
    wanted = definitions(passwords, vhost=vhost, prefix=prefix)
    kept = {each.get("name"): each.get("password_hash") for each in told.get("users", ())}
    for user, password in zip(wanted["users"], _in_order(passwords), strict=True):
        before = kept.get(user["name"])
        if isinstance(before, str) and _is_of(password, before):
            user["password_hash"] = before
    return wanted == told


def _in_order(passwords: Mapping[str, str]) -> list[str]:
    return [passwords[rights.service] for rights in rights_of(passwords)]


def _is_of(password: str, told: str) -> bool:
    try:
        salt = base64.b64decode(told, validate=True)[:_SALT]
    except ValueError:
        return False
    return password_hash(password, salt=salt) == told


def password_hash(password: str, *, salt: bytes | None = None) -> str:
    """Return the hash as the broker keeps it: salt, and SHA-256 of salt and password, in base64."""
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode("ascii")


def _patterns(rights: Rights) -> dict[str, str]:
    return {"configure": rights.configure, "write": rights.write, "read": rights.read}
