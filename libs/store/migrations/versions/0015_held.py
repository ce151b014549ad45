"""Money that only an unsigned notice has told may be held back from the events, by source."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column; what an older release writes meanwhile is held no more, and told with the next event."""
    op.execute("alter table objects add column held boolean not null default false")


def downgrade() -> None:
    """Remove it; what was held is told with the next event of its object."""
    op.execute("alter table objects drop column held")
