-- name: file_deliveries
-- The digest is that of the body as it rests here. Where bodies are sealed, one of the plain body would
-- tell which deliveries are alike, and let guesses at one be tried.
insert into deliveries (
  id, received_at, source, provider, origin, authority, content_type, headers, route_event,
  traceparent, sha256, body, replay_of
)
select n.id, n.received_at, n.source, n.provider, n.origin, n.authority, n.content_type, n.headers,
       n.route_event, n.traceparent, sha256(n.body), n.body, n.replay_of
from unnest(
  $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::jsonb[], $9::text[], $10::text[], $11::bytea[], $12::uuid[]
) as n (
  id, received_at, source, provider, origin, authority, content_type, headers, route_event,
  traceparent, body, replay_of
)
on conflict do nothing

-- name: delivery_by_id
select id, received_at, source, provider, origin, authority, content_type, headers, route_event,
       traceparent, sha256, body, replay_of
from deliveries where id = $1

-- name: lock_partitions
select pg_advisory_xact_lock($1)

-- name: keep_retention_away
-- False where it has its turn. Shared, so that makers of partitions are not in each other's way: what a
-- transaction held is given back one by one, and the next maker may come in between.
select pg_try_advisory_xact_lock_shared($1) as away

-- name: days_with_partition
select substring(child.relname from '\d{8}$') as day
from pg_inherits
join pg_class child on child.oid = inhrelid
join pg_class parent on parent.oid = inhparent
where parent.relname = $1 and child.relname ~ '_\d{8}$'

-- name: make_partition
-- Its rows move from the default partition. What came on file lately is looked for by a BRIN index:
-- pages that it knows nothing of yet are read, whatever is looked for; it learns of them when they
-- are full, and not at the next vacuum.
select make_partition($1, $2)
