"""What can keep the servers from coming up. Every message says what to do next."""


class EmbeddedError(Exception):
    """The servers cannot be brought up; the message is meant for the person at the terminal."""


class DataDirInUseError(EmbeddedError):
    """Another stack runs on this data directory."""


class RabbitMqMissingError(EmbeddedError):
    """There is no rabbitmq-server on this machine."""


class PostgresMissingError(EmbeddedError):
    """There are no Postgres binaries for this machine."""


class NoEngineError(EmbeddedError):
    """No container engine answers."""


class StartFailedError(EmbeddedError):
    """A server ended, or did not answer in time, while it was starting; shows the end of its log."""
