"""Who is to be asked about: objects that are not settled, with what became of asking.

`look_at` is when a row is looked at next, `ask_at` when its provider is asked (null: a person has to),
`due_at` since when it counts as overdue. `base_at` is the last news that no poll of ours brought, and
`seen_at` the object's `updated_at` when the row was last looked at. The marks say how far the walk over
the objects has come; the second goes the same way two minutes later, for what was committed late.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    create table polls (
      source        text        not null,
      kind          text        not null,
      provider_ref  text        not null,
      provider      text        not null,
      why           text        not null
        check (why in ('poked', 'overdue', 'verify', 'uncorroborated', 'check')),
      note          text,
      entered_at    timestamptz not null default now(),
      look_at       timestamptz not null default now(),
      due_at        timestamptz,
      ask_at        timestamptz,
      poked_at      timestamptz,
      base_at       timestamptz,
      seen_at       timestamptz,
      tried_at      timestamptz,
      asked_at      timestamptz,
      asked         integer     not null default 0,
      failures      integer     not null default 0,
      outcome       text,
      answer        bytea,
      claimed_by    text,
      claimed_until timestamptz,
      primary key (source, kind, provider_ref)
    ) with (
      fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000
    )
    """,
    "create index polls_look on polls (provider, look_at)",
    # so that a poke does not wait behind thousands of last looks
    """
    create index polls_urgent on polls (provider, look_at)
      where why in ('poked', 'verify', 'uncorroborated')
    """,
    "create index polls_due on polls (provider, due_at)",
    "create table poll_marks (of text primary key, upto bigint not null)",
    "insert into poll_marks (of, upto) values ('first', 0), ('again', 0)",
)


def upgrade() -> None:
    """Make the tables; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them; the next walk begins from the beginning."""
    op.execute("drop table polls, poll_marks")
