"""What requests that were not let in looked like, so that a rotated secret is seen."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # `headers` has their names alone, with a space between two. No value of a sender is kept.
    """
    create table lost_and_found (
      notice  uuid        not null,
      number  integer     not null,
      at      timestamptz not null,
      source  text        not null,
      failure text        not null,
      rule    text        not null,
      why     text        not null,
      size    bigint      not null check (size >= 0),
      sha256  bytea       check (length(sha256) = 32),
      headers text        not null,
      primary key (notice, number)
    )
    """,
    "create index lost_and_found_latest on lost_and_found (source, at desc)",
)


def upgrade() -> None:
    """Make the table; nobody who runs an older release has to know of it."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove it; it is rebuilt by what comes."""
    op.execute("drop table lost_and_found")
