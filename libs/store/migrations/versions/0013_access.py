"""Partitions by a function of the owner's, and a record of what people did.

Who files deliveries need not own the archive: the function makes the partition of one day, of the
two tables that have them, and nothing else. It does what reconcilers did by themselves before, and
those of an older release, which own the tables, still may.
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_STATEMENTS = (
    # Rows of the day may lie in the default partition, and with them there Postgres refuses a new
    # one: they move. Who inserts waits at the table; further in, it would be refused by the partition
    # that it had chosen.
    """
    create function make_partition(parent text, day date) returns void
    language plpgsql security definer as $$
    declare
      made text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
      first timestamptz := day::timestamp at time zone 'UTC';
      after timestamptz := (day + 1)::timestamp at time zone 'UTC';
    begin
      if parent is null or day is null or parent not in ('deliveries', 'translations') then
        raise exception 'no partitions of this table are made by day'
          using errcode = 'invalid_parameter_value';
      end if;
      execute format('lock table %I in share row exclusive mode', parent);
      execute format('create table %I (like %I including all)', made, parent);
      if parent = 'deliveries' then
        execute format('alter index %I set (autosummarize = on)', made || '_archived_at_idx');
      end if;
      execute format(
        'with moved as (delete from %I where received_at >= %L and received_at < %L returning *) '
        'insert into %I select * from moved',
        parent || '_default', first, after, made);
      execute format(
        'alter table %I attach partition %I for values from (%L) to (%L)',
        parent, made, first, after);
    end $$
    """,
    # Names in it mean ours, whoever calls it and whatever else they have made.
    """
    do $$ begin
      execute format(
        'alter function make_partition(text, date) set search_path = %I, pg_temp',
        current_schema());
    end $$
    """,
    "revoke all on function make_partition(text, date) from public",
    # What a person did, why, and to what. Two rows have the same `act`: before it was begun, and
    # with the outcome. Rows are added and never changed.
    """
    create table acts (
      id      bigint      generated always as identity primary key,
      act     uuid        not null,
      at      timestamptz not null default clock_timestamp(),
      who     text        not null check (who <> ''),
      via     text        not null check (via <> ''),
      action  text        not null check (action <> ''),
      why     text        not null,
      subject jsonb       not null,
      outcome jsonb,
      constraint acts_over_http_have_a_reason check (via <> 'http' or why <> '')
    )
    """,
    "create unique index acts_begin_and_end on acts (act, (outcome is null))",
)


def upgrade() -> None:
    """Make both; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what people did would be forgotten."""
    raise NotImplementedError("what people did would be forgotten")
