"""An object of which nothing is known any more may have the number of the last event that told of it.

After a backup was restored, that is all that is left of some. They are held, with no state: the next
that is said of one is told under the next number, and not under one that consumers know already.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let it; an older release goes on with such a row as this one does, and makes none."""
    op.execute(
        "alter table objects drop constraint objects_told_before_published,"
        " add constraint objects_told_before_published"
        " check (sequence = 0 or state is not null or held) not valid"
    )


def downgrade() -> None:
    """Refuse: numbers that were told would be used again."""
    raise NotImplementedError("numbers that were told would be used again")
