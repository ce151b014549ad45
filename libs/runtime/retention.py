"""How long what is not needed for a state is kept: part of `Settings`, so `CAUDAL_<NAME>` as well.

Nothing goes unless somebody says so: what is dropped are the providers' own words about money.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

# What came in the last two weeks is still counted, swept and looked for; the functions of the database
# (revision 0016) hold the same.
ARCHIVE_DAYS: Final = 15
ACTS_DAYS: Final = 365
LONGEST: Final = 36_500


def _long_enough(value: int, least: int, why: str) -> int:
    if not least <= value <= LONGEST:
        raise ValueError(f"must be a number of days from {least} to {LONGEST}, {why}")
    return value


def _archive(value: int) -> int:
    why = "since younger deliveries are still counted, swept and looked for"
    return _long_enough(value, ARCHIVE_DAYS, why)


def _acts(value: int) -> int:
    return _long_enough(value, ACTS_DAYS, "since an audit asks for a year at least")


class Retention(BaseSettings):
    """Numbers of days; what is not set is kept for ever."""

    model_config = SettingsConfigDict(
        env_prefix="CAUDAL_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    retention_archive_days: Annotated[int, AfterValidator(_archive)] | None = Field(
        default=None,
        description="days that raw deliveries, and what was discarded of the parked, stay on file",
    )
    retention_acts_days: Annotated[int, AfterValidator(_acts)] | None = Field(
        default=None, description="days that the record of what people did is kept"
    )
