"""What the ingress takes of a stranger, and of one source: the settings that bound it.

Each has a default that holds. They are part of `Settings`, so `CAUDAL_<NAME>` as well.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngressLimits(BaseSettings):
    """Times are seconds, sizes bytes, rates per second; what is counted is counted by process."""

    model_config = SettingsConfigDict(
        env_prefix="CAUDAL_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    max_headers: int = Field(
        default=64, ge=8, le=1000, description="how many header fields a request may have"
    )
    max_field_bytes: int = Field(
        default=8190,
        ge=256,
        le=65_536,
        description="the longest header field, and the longest request target",
    )
    max_head_bytes: int = Field(
        default=16_384,
        ge=1024,
        le=262_144,
        description="the largest head of a request, all of its fields together",
    )
    head_timeout: float = Field(
        default=10.0,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="how long a sender may take from the first byte of a head to its last",
    )
    write_timeout: float = Field(
        default=10.0,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="how long a sender may leave its answers unread once they no longer fit",
    )
    max_connections: int = Field(
        default=2048, ge=1, le=100_000, description="how many connections are open at once"
    )
    address_connections: int = Field(
        default=512, ge=1, le=100_000, description="how many of them come from one address"
    )
    address_failure_rate: float = Field(
        default=1.0,
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        description="failed requests a second that one address is forgiven",
    )
    address_failure_burst: int = Field(
        default=60, ge=1, le=1_000_000, description="how many of them at once"
    )
    source_failure_rate: float = Field(
        default=20.0,
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        description="failed requests a second to one source that are told 401; the others, 429",
    )
    source_failure_burst: int = Field(
        default=400, ge=1, le=1_000_000, description="how many of them at once"
    )
    source_rate: float = Field(
        default=5000.0,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="deliveries a second that one source may make",
    )
    source_burst: int = Field(
        default=10_000, ge=1, le=1_000_000, description="how many of them at once"
    )
    source_requests: int = Field(
        default=1024, ge=1, le=100_000, description="requests of one source under way at once"
    )
