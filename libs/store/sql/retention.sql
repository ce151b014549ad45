-- name: take_retention
select pg_try_advisory_xact_lock($1) as turn

-- name: wait_no_longer
-- For locks, in this transaction.
select set_config('lock_timeout', $1, true)

-- name: archive_days
-- Each day that has a partition, of either table, with what it takes and how many rows the server thinks
-- it has; those that were set aside as well.
select to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD') as day,
       sum(pg_total_relation_size(c.oid))::bigint as bytes,
       max(c.reltuples) filter (where c.relname like '%deliveries\_%')::bigint as deliveries,
       bool_or(c.relname like 'going\_%') as set_aside
from pg_class c
where c.relnamespace = (select relnamespace from pg_class where oid = 'deliveries'::regclass)
  and c.relkind = 'r' and c.relname ~ '^(going_)?(deliveries|translations)_\d{8}$'
group by 1
order by 1

-- name: due_days
-- Days with partitions of which everything is older than $1 days; and those that were set aside.
select to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD') as day,
       bool_or(c.relname like 'going\_%') as set_aside
from pg_class c
where c.relnamespace = (select relnamespace from pg_class where oid = 'deliveries'::regclass)
  and c.relkind = 'r' and c.relname ~ '^(going_)?(deliveries|translations)_\d{8}$'
  and (c.relname like 'going\_%'
       or to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD')
          < (now() at time zone 'UTC')::date - $1::integer)
group by 1
order by 1

-- name: set_aside_day
select set_aside_day($1)

-- name: drop_day
select deliveries, kept, bytes from drop_day($1)

-- name: forget_archived
-- Whole days, as those that have a partition.
select forget_archived(
  ((now() at time zone 'UTC')::date - $1::integer)::timestamp at time zone 'UTC', $2
) as count

-- name: forget_acts
select forget_acts(now() - make_interval(days => $1), $2) as count

-- name: forget_discarded
delete from parked where id in (
  select id from parked where discarded_at < now() - make_interval(days => $1) order by id limit $2
)
returning id

-- name: move_retention_mark
insert into retention_marks (of, at) values ('done', now())
on conflict (of) do update set at = excluded.at

-- name: retention_status
-- `waiting` counts up to 10,000 and no further.
select now() as now,
       (select at from retention_marks where of = 'done') as done_at,
       (select count(*) from (select from deliveries_default limit 10000) as few) as waiting,
       (select count(*) from archive_dropped) as days,
       (select coalesce(sum(deliveries), 0)::bigint from archive_dropped) as deliveries,
       (select coalesce(sum(bytes), 0)::bigint from archive_dropped) as bytes,
       (select max(day) from archive_dropped) as latest

-- name: archive_reach
-- The first day of both tables that has a partition, and how many days from today on have one without
-- a gap.
with days as (
  select to_date(substring(c.relname from '\d{8}$'), 'YYYYMMDD') as day
  from pg_inherits join pg_class c on c.oid = inhrelid
  where inhparent in ('deliveries'::regclass, 'translations'::regclass)
    and c.relname ~ '_\d{8}$'
  group by 1
  having count(*) = 2
)
select (select min(day) from days) as oldest,
       (select count(*) from (
          select row_number() over (order by day) - 1 as n, day from days
          where day >= (now() at time zone 'UTC')::date
        ) as ahead
        where day = (now() at time zone 'UTC')::date + n::integer) as ahead

-- name: gone_from_archive
-- Those of deliveries (id, time of receipt) that are not on file, of days of which something was dropped.
select w.id::text as id, w.received_at, a.dropped_at
from unnest($1::uuid[], $2::timestamptz[]) as w (id, received_at)
join archive_dropped a on a.day = (w.received_at at time zone 'UTC')::date
where not exists (
  select from deliveries d where d.id = w.id and d.received_at = w.received_at
)

-- name: dropped_between
-- What is gone of the days that a stretch of time touches.
select count(*) as days, coalesce(sum(deliveries), 0)::bigint as deliveries,
       min(day) as first, max(day) as last, max(dropped_at) as dropped_at
from archive_dropped
where deliveries > 0
  and day >= ($1::timestamptz at time zone 'UTC')::date
  and day <= ($2::timestamptz at time zone 'UTC')::date
