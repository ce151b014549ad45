"""How a provider is asked: the `api` table of a source, and the tables of the providers.

    [sources.clip.api]
    base_url = "https://…"            # else the provider's production address
    credentials = { api_key = "env:CLIP_API_KEY", secret_key = "env:CLIP_SECRET_KEY" }

    [providers.clip]                  # the budget of all sources of that provider together
    requests_per_second = 5
    concurrency = 2
    timeout = "10s"

    [providers.clip.overdue]          # per method of the object, else `default`: when to ask
    card = ["10m", "1h", "1d"]
    finished = ["1d"]                 # and a finished object once more; [] is never

Which credentials a provider needs its client knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
)

from libs.runtime.authentication.secrets import Reference
from libs.runtime.configuration import ConfigurationError
from libs.runtime.durations import Duration

FINISHED: Final = "finished"
DEFAULT_METHOD: Final = "default"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME: Final = r"^[a-z][a-z0-9_]{0,62}$"
_DIGITS: Final = "^[0-9]{1,20}$"  # what stands in a URL's path; `\d` takes digits of every script
ReadOne = Callable[[str, str], SecretStr | None]


class Environment(StrEnum):
    """Which of a provider's worlds is asked."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """How one source's provider is asked. `base_url` is None for the provider's own address.

    `merchant_id`, `account_id` and `callback_url` are PayU's: whose payouts, and where it shall post.
    """

    credentials: Mapping[str, SecretStr] = field(repr=False)
    base_url: str | None = None
    environment: Environment | None = None
    merchant_id: str | None = None
    account_id: str | None = None
    callback_url: str | None = None

    @property
    def here(self) -> bool:
        """Whether `base_url` is this machine: a sandbox of one's own, or a tunnel."""
        return self.base_url is not None and urlsplit(self.base_url).hostname in _LOOPBACK

    def credential(self, name: str, source: str) -> str:
        """Return one of them in the clear. Raises `ConfigurationError` where it is not told."""
        found = self.credentials.get(name)
        if found is None:
            raise ConfigurationError(
                f"sources.{source}.api.credentials.{name}", "is missing or empty"
            )
        return found.get_secret_value()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a provider may be asked, whatever the source: its budget, and its schedule.

    `overdue` has, by lower-case method, the spans after the last news at which it is asked; what is
    not in it is the provider's default (`libs.providers`).
    """

    requests_per_second: float | None = None
    concurrency: int | None = None
    timeout: timedelta | None = None
    overdue: Mapping[str, tuple[timedelta, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL that begins with https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "must have no user, query or fragment; credentials stand under `credentials`"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must be https, since credentials travel; http is for loopback alone")
    return value.rstrip("/")


def _callback(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise ValueError("must be a URL")
    return value


def _growing(value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
    if list(value) != sorted(set(value)):
        raise ValueError("must grow from each to the next")
    return value


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WrittenApi(_Written):
    """The table as it is written."""

    base_url: Annotated[str, AfterValidator(_base_url)] | None = None
    environment: Environment | None = None
    merchant_id: Annotated[str, StringConstraints(pattern=_DIGITS)] | None = None
    account_id: Annotated[str, StringConstraints(pattern=_DIGITS)] | None = None
    callback_url: Annotated[str, AfterValidator(_callback)] | None = None
    credentials: dict[Annotated[str, StringConstraints(pattern=_NAME)], Reference] = Field(
        default_factory=dict
    )

    def resolve(self, read: ReadOne) -> Api:
        """Read the secrets; `read` takes a reference and the name under `credentials`."""
        found = {name: read(reference, name) for name, reference in self.credentials.items()}
        return Api(
            credentials=MappingProxyType({k: v for k, v in found.items() if v is not None}),
            base_url=self.base_url,
            environment=self.environment,
            merchant_id=self.merchant_id,
            account_id=self.account_id,
            callback_url=self.callback_url,
        )


class WrittenAsking(_Written):
    """The table of a provider as it is written."""

    requests_per_second: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=100)] | None = None
    timeout: Duration | None = None
    overdue: dict[
        Annotated[str, StringConstraints(pattern=_NAME)],
        Annotated[tuple[Duration, ...], AfterValidator(_growing)],
    ] = Field(default_factory=dict)

    def resolve(self) -> Asking:
        return Asking(
            requests_per_second=self.requests_per_second,
            concurrency=self.concurrency,
            timeout=self.timeout,
            overdue=MappingProxyType(self.overdue),
        )
