"""What a delivery repeated is found when it is translated again."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.execute("create index repeats_delivery on repeats (delivery_id)")


def downgrade() -> None:
    """Remove it."""
    op.execute("drop index repeats_delivery")
