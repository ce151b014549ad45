-- name: filed_last
-- When something came on file for the last time, of the last $1 hours.
select max(archived_at) as at from deliveries
where archived_at > now() - make_interval(hours => $1::integer)

-- name: forget_events_of
delete from outbox where object_id = any($1::bigint[])
returning id

-- name: told_and_not_known
-- Objects of which an event named a delivery ($2) that did not say it here. One that was not the last ($3)
-- may also have been put right since: then it is on record what became of it.
with absent as materialized (
  select w.object_id, w.delivery_id, w.last
  from unnest($1::bigint[], $2::uuid[], $3::boolean[]) as w (object_id, delivery_id, last)
  where not exists (
      select from observations o where o.object_id = w.object_id and o.delivery_id = w.delivery_id
    )
    and not exists (
      select from repeats r where r.object_id = w.object_id and r.delivery_id = w.delivery_id
    )
), on_record as materialized (
  select delivery_id from translations
  where delivery_id = any(array(select delivery_id from absent where not last))
)
select distinct object_id from absent
where last or delivery_id not in (select delivery_id from on_record)

-- name: keep_relay_away
select pg_try_advisory_lock($1)

-- name: relay_is_away
select exists (
  select from pg_locks
  where locktype = 'advisory' and pid = pg_backend_pid() and granted
    and (classid::bigint << 32) + objid::bigint = $1::bigint and objsubid = 1
) as away

-- name: let_relay
select pg_advisory_unlock($1)
