-- name: archived_between
-- Deliveries on file of which it is on record what became of them; replays only repeat others.
-- Each with what stands under it. As JSON, that is one row for a delivery, and for most deliveries
-- nobody has to take it apart: with that it is 11 µs of the server and the client together.
select d.id::text, d.received_at, d.source, d.provider, d.origin, d.authority, d.content_type,
       d.headers, d.route_event, d.traceparent, d.body,
  (
    select json_agg(json_build_array(o.source, o.kind, o.provider_ref, n.key, n.content))
    from observations n join objects o on o.id = n.object_id
    where n.delivery_id = d.id
  ) as said,
  (
    select json_agg(json_build_array(o.source, o.kind, o.provider_ref, r.key))
    from repeats r join objects o on o.id = r.object_id
    where r.delivery_id = d.id
  ) as repeated,
  exists (select from parked p where p.delivery_id = d.id) as parked
from deliveries d
where d.received_at >= $1 and d.received_at < $2
  and ($3::text[] is null or d.source = any($3))
  and d.replay_of is null
  and exists (
    select from translations t where t.delivery_id = d.id and t.received_at = d.received_at
  )

-- name: said_by
select n.delivery_id, n.key, n.content, o.source, o.kind, o.provider_ref
from observations n join objects o on o.id = n.object_id
where n.delivery_id = any($1::uuid[])

-- name: repeated_by
select r.delivery_id, r.key, o.source, o.kind, o.provider_ref
from repeats r join objects o on o.id = r.object_id
where r.delivery_id = any($1::uuid[])

-- name: parked_by
select id, delivery_id, ordinal, origin, reason, field, value, reading, parked_at,
       replays
from parked where delivery_id = any($1::uuid[])

-- name: objects_by_key
select o.*, o.xmin::text as version from unnest($1::text[], $2::text[], $3::text[]) as wanted (source, kind, provider_ref)
join objects o using (source, kind, provider_ref)

-- name: repeats_of
select r.object_id, r.key, r.delivery_id, r.received_at, d.authority
from repeats r
left join deliveries d on d.id = r.delivery_id and d.received_at = r.received_at
where r.object_id = any($1::bigint[])

-- name: remove_observations
delete from observations n
using unnest($1::bigint[], $2::text[]) as gone (object_id, key)
where n.object_id = gone.object_id and n.key = gone.key

-- name: remove_repeats
delete from repeats r
using unnest($1::bigint[], $2::text[]) as gone (object_id, key)
where r.object_id = gone.object_id and r.key = gone.key

-- name: remove_aliases
delete from object_aliases where object_id = any($1::bigint[])
