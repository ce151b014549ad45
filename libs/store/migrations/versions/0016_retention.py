"""Days of the archive go by functions of the owner's, which take none that is young.

Who files deliveries need not own the archive, and may delete nothing of it. A day goes in two steps: its
partitions are set aside, which is a change of the catalogue alone and holds everybody up for some
milliseconds; and then they are dropped, which nobody else waits for. In between, what is still needed
of the day goes back to where everybody sees it: deliveries that were never translated, and
those of which something is parked.

A partition cannot be detached concurrently where there is a default partition; therefore who calls
`set_aside_day` sets a short `lock_timeout`, and tries again.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_FUNCTIONS = (
    "set_aside_day(date)",
    "drop_day(date)",
    "forget_archived(timestamptz, integer)",
    "forget_acts(timestamptz, integer)",
)

_STATEMENTS = (
    # How much of each day (UTC) is gone, and since when.
    """
    create table archive_dropped (
      day        date        primary key,
      deliveries bigint      not null check (deliveries >= 0),
      bytes      bigint      not null check (bytes >= 0),
      dropped_at timestamptz not null default now()
    )
    """,
    "create table retention_marks (of text primary key, at timestamptz not null)",
    """
    create function set_aside_day(day date) returns void
    language plpgsql security definer as $$
    declare
      parent text;
      part text;
    begin
      if day is null or day >= (now() at time zone 'UTC')::date - 15 then
        raise exception 'no day is dropped that is not older than 15 days'
          using errcode = 'invalid_parameter_value';
      end if;
      lock table only deliveries, only translations in access exclusive mode;
      foreach parent in array array['deliveries', 'translations'] loop
        part := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
        if exists (select from pg_inherits
                   where inhrelid = to_regclass(part) and inhparent = parent::regclass) then
          execute format('alter table %I detach partition %I', parent, part);
          execute format('alter table %I rename to %I', part, 'going_' || part);
        end if;
      end loop;
    end $$
    """,
    # Gives nothing where nothing of the day was set aside.
    """
    create function drop_day(day date)
    returns table (deliveries bigint, kept bigint, bytes bigint)
    language plpgsql security definer as $$
    #variable_conflict use_column
    declare
      going text := 'going_deliveries_' || to_char(day, 'YYYYMMDD');
      told text := 'going_translations_' || to_char(day, 'YYYYMMDD');
      first timestamptz := day::timestamp at time zone 'UTC';
      after timestamptz := (day + 1)::timestamp at time zone 'UTC';
      total bigint := 0;
      needed bigint := 0;
      size bigint;
    begin
      if day is null or day >= (now() at time zone 'UTC')::date - 15 then
        raise exception 'no day is dropped that is not older than 15 days'
          using errcode = 'invalid_parameter_value';
      end if;
      if to_regclass(going) is null and to_regclass(told) is null then
        return;
      end if;
      size := coalesce(pg_total_relation_size(to_regclass(going)), 0)
            + coalesce(pg_total_relation_size(to_regclass(told)), 0);
      if to_regclass(told) is not null then
        execute format('lock table %I in access exclusive mode', told);
        if to_regclass(going) is not null then
          execute format('lock table %I in access exclusive mode', going);
          execute format('select count(*) from %I', going) into total;
          execute format(
            'insert into deliveries select d.* from %I d '
            'where not exists (select from %I t '
            '                  where t.delivery_id = d.id and t.received_at = d.received_at) '
            '  and not exists (select from translations t '
            '                  where t.delivery_id = d.id and t.received_at = d.received_at '
            '                    and t.received_at >= %L and t.received_at < %L) '
            '   or exists (select from parked p '
            '              where p.delivery_id = d.id and p.discarded_at is null) '
            'on conflict do nothing', going, told, first, after);
          get diagnostics needed = row_count;
        end if;
        execute format(
          'insert into translations select t.* from %I t '
          'where exists (select from deliveries d '
          '              where d.id = t.delivery_id and d.received_at = t.received_at '
          '                and d.received_at >= %L and d.received_at < %L) '
          'on conflict do nothing', told, first, after);
        execute format('drop table %I', told);
      else
        execute format('select count(*) from %I', going) into total;
        execute format('insert into deliveries select * from %I on conflict do nothing', going);
        get diagnostics needed = row_count;
      end if;
      if to_regclass(going) is not null then
        execute format('drop table %I', going);
      end if;
      insert into archive_dropped as known (day, deliveries, bytes)
      values (drop_day.day, total - needed, size)
      on conflict (day) do update
      set deliveries = known.deliveries + excluded.deliveries,
          bytes = known.bytes + excluded.bytes,
          dropped_at = now();
      return query select total - needed, needed, size;
    end $$
    """,
    # What lies in the default partition: kept back when its day went, or filed when it had none.
    """
    create function forget_archived(before timestamptz, most integer) returns bigint
    language plpgsql security definer as $$
    declare
      gone bigint;
      more bigint;
    begin
      if before is null or before > now() - interval '15 days' then
        raise exception 'nothing is forgotten that is not older than 15 days'
          using errcode = 'invalid_parameter_value';
      end if;
      with due as materialized (
        select d.id, d.received_at from deliveries_default d
        where d.received_at < before
          and exists (select from translations t
                      where t.delivery_id = d.id and t.received_at = d.received_at)
          and not exists (select from parked p
                          where p.delivery_id = d.id and p.discarded_at is null)
        limit most
      ), forgotten as (
        delete from deliveries_default d using due
        where d.id = due.id and d.received_at = due.received_at
        returning (d.received_at at time zone 'UTC')::date as day, octet_length(d.body) as size
      ), noted as (
        insert into archive_dropped as known (day, deliveries, bytes)
        select day, count(*), sum(size) from forgotten group by day
        on conflict (day) do update
        set deliveries = known.deliveries + excluded.deliveries,
            bytes = known.bytes + excluded.bytes,
            dropped_at = now()
      )
      select count(*) into gone from forgotten;
      delete from translations_default t
      where (t.delivery_id, t.received_at) in (
        select o.delivery_id, o.received_at from translations_default o
        where o.received_at < before
          and not exists (select from deliveries d
                          where d.id = o.delivery_id and d.received_at = o.received_at)
        limit most
      );
      get diagnostics more = row_count;
      return greatest(gone, more);
    end $$
    """,
    """
    create function forget_acts(before timestamptz, most integer) returns bigint
    language plpgsql security definer as $$
    declare
      gone bigint;
    begin
      if before is null or before > now() - interval '365 days' then
        raise exception 'no act is forgotten that is not older than 365 days'
          using errcode = 'invalid_parameter_value';
      end if;
      delete from acts where id in (select id from acts where at < before order by id limit most);
      get diagnostics gone = row_count;
      return gone;
    end $$
    """,
    # Names in them mean ours, whoever calls them. A session of the reconcilers' goes by indexes alone,
    # which is slow where a whole day is looked through.
    *(
        f"""
        do $$ begin
          execute format('alter function {function} set search_path = %I, pg_temp', current_schema());
        end $$
        """
        for function in _FUNCTIONS
    ),
    *(f"alter function {function} set enable_seqscan = on" for function in _FUNCTIONS),
    *(f"alter function {function} set plan_cache_mode = auto" for function in _FUNCTIONS),
    *(f"revoke all on function {function} from public" for function in _FUNCTIONS),
)


def upgrade() -> None:
    """Make them; nobody who runs an older release has to know of them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: since when something is gone would be forgotten."""
    raise NotImplementedError("since when something is gone would be forgotten")
