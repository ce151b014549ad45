"""The two tables, as `ground` makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import MetaData, Table, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.peers.fastapi_faststream.settings import GROUND


class Base(DeclarativeBase):
    """All tables of this peer."""

    metadata = MetaData(schema=GROUND.schema)


class Delivery(Base):
    """A webhook as it came; the same bytes from the same source are there once."""

    __tablename__ = "delivery"

    fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    source: Mapped[str]
    delivery_id: Mapped[str]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes]


class Payment(Base):
    """One object of a provider and how far it got."""

    __tablename__ = "payment"

    source: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    rank: Mapped[int]
    delivery_id: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


# For statements past the ORM, which would put rows together that nobody reads.
DELIVERY: Final = cast("Table", Delivery.__table__)
PAYMENT: Final = cast("Table", Payment.__table__)
