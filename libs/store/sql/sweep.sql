-- name: take_sweep
select pg_try_advisory_xact_lock($1)

-- name: never_translated
-- On file for longer than $1 seconds, without a word on what became of it, and not swept before.
-- A transaction that filed something may have been committed long after its `archived_at`, and the
-- server's clock may have been behind when it did: therefore $3 seconds before the mark are looked
-- at again.
select d.id, d.received_at, d.source, d.provider, d.origin, d.authority, d.content_type, d.headers,
       d.route_event, d.traceparent, d.sha256, d.body, d.replay_of
from deliveries d
where d.archived_at > coalesce(
    (select m.until from sweep_mark m where m.of = 'deliveries'), '-infinity'
  ) - make_interval(secs => $3)
  and d.archived_at < now() - make_interval(secs => $1)
  and not exists (
    select from translations t where t.delivery_id = d.id and t.received_at = d.received_at
  )
  and not exists (
    select from swept s where s.delivery_id = d.id and s.received_at = d.received_at
  )
order by d.archived_at, d.id
limit $2

-- name: still_untranslated
-- Swept before and still without a translation: again after five minutes, ten, … up to an hour.
select d.id, d.received_at, d.source, d.provider, d.origin, d.authority, d.content_type, d.headers,
       d.route_event, d.traceparent, d.sha256, d.body, d.replay_of
from swept s
join deliveries d on d.id = s.delivery_id and d.received_at = s.received_at
where s.swept_at < now() - least(s.times, 12) * interval '5 minutes'
order by s.swept_at, d.id
limit $1

-- name: forget_translated
delete from swept s using translations t
where t.delivery_id = s.delivery_id and t.received_at = s.received_at

-- name: note_swept
insert into swept as known (delivery_id, received_at)
select * from unnest($1::uuid[], $2::timestamptz[])
on conflict (delivery_id, received_at) do update
set times = known.times + 1, swept_at = now()

-- name: move_sweep_mark
insert into sweep_mark as known (of, until)
values ('deliveries', now() - make_interval(secs => $1))
on conflict (of) do update set until = greatest(known.until, excluded.until)
