"""Who asks a provider just now, and which polls are overdue.

One reconciler at a time asks a provider, until `until` unless it renews its turn: the budget is then the
provider's, however many run. `name` is what the reconciler is called, `holder` the very process.

`polls_with_objects` is what both the list and the metrics of overdue objects count by.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table poll_turns (
      provider text        primary key,
      name     text        not null,
      holder   text        not null,
      until    timestamptz not null
    )
    """,
    # Overdue: due, and nothing was heard of it since it was last looked at.
    """
    create view polls_with_objects as
    select p.*, o.state, o.flags, o.merchant_ref, o.updated_at,
           p.due_at <= now()
             and (o.updated_at is null or p.seen_at is null or o.updated_at <= p.seen_at) as overdue
    from polls p
    left join objects o
      on o.source = p.source and o.kind = p.kind and o.provider_ref = p.provider_ref
    """,
)


def upgrade() -> None:
    """Make them; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them; then each reconciler asks as much as the budget allows."""
    op.execute("drop view polls_with_objects")
    op.execute("drop table poll_turns")
