"""Replays, discarded readings, and what the sweep for lost translations needs.

`archived_at` is when a delivery came on file (a spooled one long after it was received, a replay
long after the delivery that it repeats); a BRIN index over it costs next to nothing.
`observations_delivery` finds what a delivery said when it is translated again.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    alter table deliveries
      add column replay_of uuid,
      add column archived_at timestamptz not null default now()
    """,
    "create index deliveries_archived on deliveries using brin (archived_at)",
    "create index observations_delivery on observations (delivery_id)",
    """
    alter table parked
      add column attempts       integer not null default 1 check (attempts > 0),
      add column replays        integer not null default 0 check (replays >= 0),
      add column replayed_at    timestamptz,
      add column discarded_at   timestamptz,
      add column discard_reason text,
      add constraint parked_discarded_with_reason
        check ((discarded_at is null) = (discard_reason is null))
    """,
)


def upgrade() -> None:
    """Add the columns and indexes."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them; what was discarded would come back as parked."""
    raise NotImplementedError("what was discarded would come back")
