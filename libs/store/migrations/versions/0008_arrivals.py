"""How many came when: arrivals by source, what is usual for it, and senders that were not let in.

They are counted by `archived_at`, every few minutes. Its BRIN index knew nothing of what came since the
last vacuum, which is a fifth of a day's partition for ever; from now on it learns by itself. A
partitioned index takes no such setting, so each of its parts has it (and new ones get it when made).
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Deliveries by the five minutes in which they were received, and those in which they came on
    # file: what is counted again, by these, gives the same.
    """
    create table arrivals (
      source     text        not null,
      arrived    timestamptz not null,
      filed      timestamptz not null,
      deliveries integer     not null check (deliveries > 0),
      primary key (source, arrived, filed)
    )
    """,
    # `weeks` and `gap` are what was learnt beside the hours of the week: over how many weeks, and how
    # surprising the second largest gap was.
    """
    create table arrival_sources (
      source   text             primary key,
      provider text             not null,
      first_at timestamptz      not null,
      last_at  timestamptz      not null,
      weeks    integer          not null default 0,
      gap      double precision not null default 0
    )
    """,
    """
    create table arrival_usual (
      source text    not null,
      hour   integer not null check (hour between 0 and 167),
      weeks  integer not null,
      heard  integer not null,
      low    integer not null,
      median integer not null,
      primary key (source, hour)
    )
    """,
    # How far was counted, and learnt.
    """
    create table arrival_marks (
      of    text        primary key,
      until timestamptz not null
    )
    """,
    """
    create table not_let_in (
      source   text        not null,
      at       timestamptz not null,
      kind     text        not null,
      requests bigint      not null check (requests > 0),
      primary key (source, at, kind)
    )
    """,
    """
    do $$
    declare part regclass;
    begin
      for part in
        select inhrelid from pg_inherits where inhparent = 'deliveries_archived'::regclass
      loop
        execute format('alter index %s set (autosummarize = on)', part);
        perform brin_summarize_new_values(part);
      end loop;
    end $$
    """,
    # Which notices of an ingress were counted: one may come twice.
    """
    create table notices (
      id       uuid        primary key,
      noted_at timestamptz not null default now()
    )
    """,
)


def upgrade() -> None:
    """Make the tables; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them; the next count begins eight weeks ago."""
    op.execute(
        "drop table arrivals, arrival_sources, arrival_usual, arrival_marks, not_let_in, notices"
    )
