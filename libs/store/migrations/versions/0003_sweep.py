"""What the sweep for lost translations remembers: how far it came, and what it published again.

A delivery is either behind the mark and translated, or among the swept, or still to be looked at.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # One row at most.
    """
    create table sweep_mark (
      of    text        primary key,
      until timestamptz not null
    )
    """,
    """
    create table swept (
      delivery_id uuid        not null,
      received_at timestamptz not null,
      times       integer     not null default 1,
      swept_at    timestamptz not null default now(),
      primary key (delivery_id, received_at)
    )
    """,
)


def upgrade() -> None:
    """Make the two tables."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them; the next sweep begins from the beginning."""
    op.execute("drop table swept, sweep_mark")
