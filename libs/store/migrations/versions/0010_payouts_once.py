"""The same payout is not sent twice by mistake, and a cancel is on record before it is sent.

`tell_after` holds a delivery of ours back while the call that it tells of is under way: until then it
may turn out that there is nothing to tell.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "alter table to_be_told add column tell_after timestamptz",
    # What was done lately: looked through before each batch.
    """
    create index payout_requests_done on payout_requests (source, (coalesce(resolved_at, answered_at)))
    where state in ('succeeded', 'resolved')
    """,
)


def upgrade() -> None:
    """Add a column and an index; an older release tells what is held back a little early."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what is held back would be told."""
    raise NotImplementedError("what is held back would be told")
