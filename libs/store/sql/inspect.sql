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
