"""Draws the passwords of a new installation, and writes its secrets as files, one folder for each Secret.

    .venv/bin/python deploy/kubernetes/make_secrets.py SECRETS
    deploy/kubernetes/apply-secrets SECRETS

Without options they are for the overlay `single-node`, whose servers take them at their first start. For servers
elsewhere name them, and the CA that signed their certificates: an administrator then makes the logins with the
passwords of `caudal-administrator` and imports `caudal-broker/definitions.json`. Nothing is printed but names, and
what is there already is never written over: exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote

from libs.bus.permissions import RIGHTS, definitions
from libs.runtime.archive_keys import fresh_key

CA = "/run/secrets/caudal/ca.pem"
SENDERS = ("clip", "payu", "mobbex", "conectados", "safe2pay")
LOGINS = ("caudal-migrate", "caudal-reconciler", "caudal-operator", "caudal-people")


def main() -> int:
    """Write them, or say why not."""
    told = _arguments()
    folder: Path = told.folder
    if folder.exists() and any(folder.iterdir()):
        sys.stderr.write(f"make_secrets: {folder} is not empty; nothing was written\n")
        return 1
    ca = told.ca.read_text(encoding="utf-8") if told.ca else None
    os.umask(0o077)
    for name, files in secrets_of(told.broker, told.database, ca).items():
        (folder / name).mkdir(parents=True)
        for key, value in files.items():
            (folder / name / key).write_text(value, encoding="utf-8")
        sys.stdout.write(f"{folder / name}: {', '.join(files)}\n")
    return 0


def secrets_of(broker: str, database: str, ca: str | None) -> dict[str, dict[str, str]]:
    """Return each Secret with its files; the servers are `host:port`, and reached over TLS where there is a CA."""
    users = {rights.service: secrets.token_urlsafe(24) for rights in RIGHTS}
    logins = {name: secrets.token_urlsafe(24) for name in ("postgres", *LOGINS)}
    archive_keys = fresh_key()
    scheme, cafile = ("amqps", f"?cafile={CA}") if ca else ("amqp", "")
    checked = f"?sslmode=verify-full&sslrootcert={CA}" if ca else ""

    def amqp_url(service: str) -> str:
        return f"{scheme}://caudal-{service}:{quote(users[service])}@{broker}/{cafile}"

    def postgres_dsn(login: str) -> str:
        return f"postgresql://{login}:{quote(logins[login])}@{database}/caudal{checked}"

    found = {
        "caudal-ingress": {"amqp-url": amqp_url("ingress"), "archive-keys": archive_keys},
        "caudal-normalizer": {"amqp-url": amqp_url("normalizer")},
        "caudal-reconciler": {
            "amqp-url": amqp_url("reconciler"),
            "postgres-dsn": postgres_dsn("caudal-reconciler"),
            "archive-keys": archive_keys,
        },
        "caudal-topology": {"amqp-url": amqp_url("topology")},
        "caudal-migrate": {"postgres-dsn": postgres_dsn("caudal-migrate")},
        "caudal-senders": {name: secrets.token_urlsafe(24) for name in SENDERS},
        "caudal-operator": {
            "amqp-url": amqp_url("operator"),
            "postgres-dsn": postgres_dsn("caudal-operator"),
            "archive-keys": archive_keys,
        },
        "caudal-dead": {"amqp-url": amqp_url("dead")},
        "caudal-restore": {"amqp-url": amqp_url("restore")},
        "caudal-events": {"amqp-url": amqp_url("events")},
        "caudal-monitoring": {"password": users["monitoring"]},
        "caudal-broker": {
            # on a broker that is new, nothing else makes the virtual host
            "definitions.json": json.dumps({"vhosts": [{"name": "/"}], **definitions(users)})
        },
        "caudal-database": {"postgres-password": logins["postgres"]},
        "caudal-administrator": {
            "postgres-dsn": postgres_dsn("postgres"),
            **{name: logins[name] for name in LOGINS},
        },
    }
    if ca:
        for files in found.values():
            if files.keys() & {"amqp-url", "postgres-dsn"}:
                files["ca.pem"] = ca
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="a folder that is empty or not there")
    parser.add_argument("--broker", default="rabbitmq:5672", metavar="HOST:PORT")
    parser.add_argument("--database", default="postgres:5432", metavar="HOST:PORT")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM; both servers are reached over TLS then"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
