-- name: list_objects
select * from objects
where ($1::text is null or source = $1)
  and ($2::text is null or kind = $2)
  and ($3::text is null or state = $3)
  and ($4::text is null or provider = $4)
order by id
limit $5

-- name: find_objects
-- By the provider's reference, the merchant's, or another name of the object.
select o.* from objects o
where (o.provider_ref = $1 or o.merchant_ref = $1
       or o.id in (select object_id from object_aliases where alias = $1))
  and ($2::text is null or o.source = $2)
  and ($3::text is null or o.kind = $3)
order by (o.provider_ref = $1) desc, o.id
limit 50

-- name: object_observations
select key, received_at, delivery_id, content from observations
where object_id = $1 order by received_at, key

-- name: object_repeats
select key, delivery_id, received_at from repeats where object_id = $1 order by received_at

-- name: list_parked
select id, delivery_id, ordinal, source, provider, origin, reason, field, value, detail,
       received_at, parked_at, attempts, replays, replayed_at, discarded_at, discard_reason
from parked
where ($1::text is null or source = $1)
  and ($2::text is null or provider = $2)
  and ($3::text is null or reason = $3)
  and (discarded_at is not null) = $4
order by parked_at, id
limit $5

-- name: parked_of_delivery
select id, delivery_id, ordinal, source, provider, origin, reason, field, value, detail,
       received_at, parked_at, attempts, replays, replayed_at, discarded_at, discard_reason, body
from parked where delivery_id = $1 order by ordinal

-- name: pokes_of
select source, kind, provider_ref, provider, why, first_at, last_at from pokes
where provider_ref = $1 and ($2::text is null or source = $2)

-- name: counts
select
  (select count(*) from deliveries) as deliveries,
  (select count(*) from translations) as translations,
  (select count(*) from objects) as objects,
  (select count(*) from observations) as observations,
  (select count(*) from repeats) as repeats,
  (select count(*) from parked) as parked,
  (select count(*) from pokes) as pokes,
  (select count(*) from outbox) as outbox

-- name: sighted_sources
-- When a webhook of each source came last, and how many came since $2: what is counted, and what came on
-- file since $1, up to which it was counted.
with fresh as (
  select source, min(provider) as provider, max(received_at) as last_at,
         count(*) filter (where received_at >= $2) as recent
  from deliveries
  where archived_at >= $1 and received_at >= $1::timestamptz - interval '14 days'
    and origin = 'webhook'
  group by source
), counted as (
  select s.source, s.provider, s.last_at,
         coalesce((
           select sum(a.deliveries) from arrivals a where a.source = s.source and a.arrived >= $2
         ), 0) as recent
  from arrival_sources s
)
select source, coalesce(c.provider, f.provider) as provider,
       greatest(c.last_at, f.last_at) as last_at,
       coalesce(c.recent, 0) + coalesce(f.recent, 0) as recent
from counted c full join fresh f using (source)

-- name: not_let_in_since
-- By source and kind since $1, and how many of them since $2.
select source, kind, sum(requests) as requests,
       coalesce(sum(requests) filter (where at >= $2), 0) as recent
from not_let_in where at >= $1
group by source, kind
order by source, kind

-- name: parked_by_source
select source, count(*) as count from parked where discarded_at is null group by source
