"""An event remembers the trace of the delivery that made it, until it is published."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; an older release neither writes nor reads it, and its events begin no trace."""
    op.execute("alter table outbox add column traceparent text")


def downgrade() -> None:
    """Remove it; what waits then leaves without its trace."""
    op.execute("alter table outbox drop column traceparent")
