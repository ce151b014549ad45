"""What a private RabbitMQ node consists of before it runs: programs, files, environment.

It shares nothing with any other node: own name, ports (AMQP, distribution, epmd; loopback only),
data, logs, cookie, user, and no plugins. Nothing of RABBITMQ_* or ERL_* around us reaches it.
"""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from libs.embedded import datadir, ports
from libs.embedded.errors import RabbitMqMissingError

USER = "caudal"
PLACES = (
    Path("/usr/lib/rabbitmq/bin"),  # Debian, Ubuntu, Red Hat: behind the user-switching wrapper
    Path("/opt/homebrew/opt/rabbitmq/sbin"),
    Path("/usr/local/opt/rabbitmq/sbin"),
)
CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
default_user = {user}
default_pass = {password}
default_vhost = /
loopback_users = none
heartbeat = 10
disk_free_limit.absolute = 100MB
consumer_timeout = 300000
raft.wal_max_size_bytes = 8000000
channel_max = 128
max_message_size = 16777216
"""
"""`max_message_size` is the default of 4.x, so that 3.x behaves like it.

The write-ahead log of quorum queues is emptied into segments whenever it is so full, and confirms
wait meanwhile. Of webhooks at half of what one ingress takes, the slowest hundredth was answered
after 16 to 35 ms with 64 MB, 9 to 25 ms with 8 MB, for 5 % more CPU of the broker; the default of 512 MB
stalls seldom, for up to 2.5 s.
"""


def find_rabbitmq_server() -> Path:
    """Find the script that runs as whoever calls it. Raises RabbitMqMissingError."""
    for place in PLACES:
        if (place / "rabbitmq-server").exists():
            return place / "rabbitmq-server"
    found = shutil.which("rabbitmq-server")
    if found is not None:
        return Path(found).resolve()
    raise RabbitMqMissingError(
        "RabbitMQ is not installed. Install the package `rabbitmq-server` "
        "(`apt-get install --no-install-recommends rabbitmq-server`, or `brew install rabbitmq`), "
        "start Docker, or set CAUDAL_AMQP_URL."
    )


def find_epmd() -> Path:
    """Find Erlang's port mapper. Raises RabbitMqMissingError."""
    found = shutil.which("epmd")
    if found is not None:
        return Path(found)
    erl = shutil.which("erl")
    if erl is not None:
        root = Path(erl).resolve().parent.parent
        for pattern in ("erts-*/bin/epmd", "lib/erlang/erts-*/bin/epmd", "bin/epmd"):
            for epmd in sorted(root.glob(pattern)):
                return epmd
    raise RabbitMqMissingError("rabbitmq-server is there, but Erlang's `epmd` is not on the PATH.")


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The node's directory. Name, cookie and password are made once, ports are kept if free."""

    here: Path
    more: str = ""
    """Lines of the configuration beside ours."""

    @property
    def home(self) -> Path:
        """The node's HOME; also what tells its process from others in the process table."""
        return self.here / "home"

    @property
    def url(self) -> str:
        return f"amqp://{USER}:{self._password}@{ports.LOOPBACK}:{self.port('amqp')}/"

    def port(self, name: str) -> int:
        """Return the port of `amqp`, `dist` or `epmd`."""
        return int((self.here / f"{name}.port").read_text())

    def prepare(self, *, fresh_ports: bool) -> None:
        """Write everything that the node reads at its start."""
        for name in ("", "home", "mnesia", "logs", "schema"):
            (self.here / name).mkdir(parents=True, exist_ok=True)
        for name in ("amqp", "dist", "epmd"):
            ports.kept_port(self.here / f"{name}.port", fresh=fresh_ports)
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            datadir.write_private(cookie, secrets.token_hex(20))
            cookie.chmod(0o400)
        if not self._name_file.exists():
            self._name_file.write_text(f"caudal-{secrets.token_hex(4)}@localhost")
        (self.here / "enabled_plugins").write_text("[].\n")
        (self.here / "rabbitmq-env.conf").write_text("# read instead of the machine's own\n")
        datadir.write_private(self.here / "rabbitmq.conf", self._configuration())

    def environment(self) -> dict[str, str]:
        """Return all that the node, epmd and rabbitmqctl see."""
        here = self.here
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "RABBITMQ_NODENAME": self._name_file.read_text().strip(),
            "RABBITMQ_BASE": str(here),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(here / "advanced"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_SCHEMA_DIR": str(here / "schema"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(here / "schema"),
            "RABBITMQ_PID_FILE": str(here / "node.pid"),
            "RABBITMQ_DIST_PORT": str(self.port("dist")),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_ALLOW_INPUT": "1",
            "ERL_EPMD_PORT": str(self.port("epmd")),
            "ERL_EPMD_ADDRESS": ports.LOOPBACK,
        }

    def note_pid(self, pid: int) -> None:
        (self.here / "pid").write_text(f"{pid}\n")

    def in_use(self) -> bool:
        """Whether the node noted last still runs; never where there is no /proc."""
        try:
            pid = (self.here / "pid").read_text().strip()
            command = Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            return False
        return str(self.home).encode() in command

    @property
    def _name_file(self) -> Path:
        return self.here / "node-name"

    @property
    def _password(self) -> str:
        return datadir.kept_secret(self.here / "password")

    def _configuration(self) -> str:
        ours = CONFIGURATION.format(
            host=ports.LOOPBACK, port=self.port("amqp"), user=USER, password=self._password
        )
        return ours + self.more
