"""A payout of the sandbox is none of production: neither in its way nor known by its name.

`environment` is null in rows that are older than this; those count as of both. The name of a batch is
taken once in each world.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    alter table payout_requests add column environment text
      constraint payout_request_of_a_world check (environment in ('sandbox', 'production'))
    """,
    "alter table payout_requests drop constraint payout_requests_source_batch_item_key",
    """
    create unique index payout_requests_named
    on payout_requests (source, batch, item, (coalesce(environment, '')))
    """,
)


def upgrade() -> None:
    """Add a column; what an older release writes meanwhile counts as of both worlds."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a rehearsal would be taken for a payout."""
    raise NotImplementedError("payouts of both worlds would be taken for each other")
