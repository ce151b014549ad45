"""Objects of which so much was said that they are folded by themselves, and not in each batch."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; nobody who runs an older release has to know of it."""
    op.execute(
        """
        create table crowded (
          object_id bigint      primary key,
          since     timestamptz not null default now()
        )
        """
    )


def downgrade() -> None:
    """Remove it; what waits in it is folded when next something is said."""
    op.execute("drop table crowded")
