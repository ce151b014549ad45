-- name: parked_groups
select provider, field, value, reason, count(*) as count,
       min(received_at) as first_seen, max(received_at) as last_seen,
       (array_agg(delivery_id order by received_at desc, id desc))[1] as sample
from parked
where ($1::text is null or source = $1)
  and ($2::text is null or provider = $2)
  and ($3::text is null or reason = $3)
  and ($4::text is null or coalesce(field, '') = $4)
  and ($5::text is null or coalesce(value, '') = $5)
  and ($6::uuid[] is null or delivery_id = any($6))
  and ($7::boolean is null or (discarded_at is not null) = $7)
group by provider, field, value, reason
order by count(*) desc, max(received_at) desc, provider, field, value, reason

-- name: parked_deliveries
select delivery_id, min(received_at) as received_at
from parked
where ($1::text is null or source = $1)
  and ($2::text is null or provider = $2)
  and ($3::text is null or reason = $3)
  and ($4::text is null or coalesce(field, '') = $4)
  and ($5::text is null or coalesce(value, '') = $5)
  and ($6::uuid[] is null or delivery_id = any($6))
  and ($7::boolean is null or (discarded_at is not null) = $7)
group by delivery_id
order by min(received_at), delivery_id

-- name: discard_parked
update parked
set discarded_at = now(), discard_reason = $8
where ($1::text is null or source = $1)
  and ($2::text is null or provider = $2)
  and ($3::text is null or reason = $3)
  and ($4::text is null or coalesce(field, '') = $4)
  and ($5::text is null or coalesce(value, '') = $5)
  and ($6::uuid[] is null or delivery_id = any($6))
  and ($7::boolean is null or (discarded_at is not null) = $7)
returning id

-- name: parked_copies
select distinct on (delivery_id) delivery_id, source, provider, origin, received_at, body
from parked
where delivery_id = any($1::uuid[]) and body is not null
order by delivery_id, ordinal

-- name: deliveries_by_key
select d.id, d.received_at, d.source, d.provider, d.origin, d.authority, d.content_type, d.headers,
       d.route_event, d.traceparent, d.sha256, d.body, d.replay_of
from unnest($1::uuid[], $2::timestamptz[]) as wanted (id, received_at)
join deliveries d on d.id = wanted.id and d.received_at = wanted.received_at
where d.id = any($1::uuid[])
  and d.received_at >= (select min(at) from unnest($2::timestamptz[]) as at)
  and d.received_at <= (select max(at) from unnest($2::timestamptz[]) as at)
