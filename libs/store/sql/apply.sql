-- name: ensure_objects
-- Sorted by key, so that two reconcilers that make the same objects wait for each other in one order.
insert into objects (source, kind, provider_ref, provider)
select source, kind, provider_ref, provider
from unnest($1::text[], $2::text[], $3::text[], $4::text[])
  as wanted (source, kind, provider_ref, provider)
order by source collate "C", kind collate "C", provider_ref collate "C"
on conflict do nothing

-- name: add_objects
-- Sorted as above. Whole at once: an update would leave a dead row and an entry more in each index.
-- The numbers are those that `batch_on_record` gave.
insert into objects (
  id, source, kind, provider_ref, provider, merchant_ref, state, previous_state, provider_status,
  amount, currency, refunded_amount, fees, net, flags, livemode, occurred_at, received_at,
  authority, delivery_id, method, failure_reason, expires_at, sequence, attempts,
  settlement_step, decided_by, held
)
overriding system value
select id, source, kind, provider_ref, provider, merchant_ref, state, previous_state,
       provider_status, amount, currency, refunded_amount, fees, net, string_to_array(flags, ','),
       livemode, occurred_at, received_at, authority, delivery_id, method, failure_reason,
       expires_at, sequence, attempts, settlement_step, decided_by, held
from unnest(
  $1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
  $9::text[], $10::numeric[], $11::text[], $12::numeric[], $13::numeric[], $14::numeric[],
  $15::text[], $16::boolean[], $17::timestamptz[], $18::timestamptz[], $19::text[], $20::uuid[],
  $21::text[], $22::text[], $23::timestamptz[], $24::integer[], $25::integer[], $26::text[],
  $27::text[], $28::boolean[]
) as n (
  id, source, kind, provider_ref, provider, merchant_ref, state, previous_state, provider_status,
  amount, currency, refunded_amount, fees, net, flags, livemode, occurred_at, received_at,
  authority, delivery_id, method, failure_reason, expires_at, sequence, attempts,
  settlement_step, decided_by, held
)
order by source collate "C", kind collate "C", provider_ref collate "C"
on conflict do nothing
returning id

-- name: lock_objects
-- The sort comes before the lock: every reconciler takes its locks in the same order.
select o.id, o.source, o.kind, o.provider_ref, o.provider, o.merchant_ref, o.state,
       o.previous_state, o.provider_status, o.amount, o.currency, o.refunded_amount, o.fees,
       o.net, o.flags, o.livemode, o.occurred_at, o.received_at, o.authority, o.delivery_id,
       o.method, o.failure_reason, o.expires_at, o.sequence, o.attempts, o.settlement_step,
       o.decided_by, o.held, o.xmin::text as version
from unnest($1::text[], $2::text[], $3::text[]) as wanted (source, kind, provider_ref)
join objects o using (source, kind, provider_ref)
order by o.source collate "C", o.kind collate "C", o.provider_ref collate "C"
for update of o

-- name: observations_of
-- Of each object at most $2, or all of them where it is null.
select said.object_id, said.key, said.content
from objects o
cross join lateral (
  select object_id, key, content from observations n where n.object_id = o.id limit $2
) as said
where o.id = any($1::bigint[])

-- name: observations_named
select said.object_id, said.key, said.content
from unnest($1::bigint[], $2::text[]) as wanted (object_id, key)
join observations said using (object_id, key)

-- name: note_crowded
insert into crowded (object_id)
select id from unnest($1::bigint[]) as crowd (id) order by id
on conflict do nothing

-- name: crowded_objects
select o.source, o.kind, o.provider_ref
from crowded c join objects o on o.id = c.object_id
order by c.since, o.id
limit 20

-- name: forget_crowded
delete from crowded where object_id = $1

-- name: add_observations
-- Of two tellings of a key one stands: `libs.domain.observation.precedence`.
insert into observations as known (object_id, key, received_at, delivery_id, content)
select * from unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::uuid[], $5::jsonb[])
on conflict (object_id, key) do update
set received_at = excluded.received_at,
    delivery_id = excluded.delivery_id,
    content = excluded.content
where (excluded.content ->> 'authority' = 'unsigned', excluded.received_at, excluded.delivery_id)
    < (known.content ->> 'authority' = 'unsigned', known.received_at, known.delivery_id)

-- name: add_repeats
insert into repeats (object_id, key, delivery_id, received_at)
select * from unnest($1::bigint[], $2::text[], $3::uuid[], $4::timestamptz[])
on conflict do nothing

-- name: add_aliases
insert into object_aliases (alias, object_id)
select * from unnest($1::text[], $2::bigint[])
on conflict do nothing

-- name: update_objects
-- Those that are still as they were read: who wrote one last stands in its row, as xmin. Who is just
-- writing it is waited for, in the same order by everybody.
with taken as materialized (
  select o.id
  from unnest($1::bigint[], $2::text[]) as n (id, version)
  join objects o on o.id = n.id
  where o.xmin::text = n.version
  order by o.source collate "C", o.kind collate "C", o.provider_ref collate "C"
  for update of o
)
update objects o
set merchant_ref = n.merchant_ref,
    state = n.state,
    previous_state = n.previous_state,
    provider_status = n.provider_status,
    amount = n.amount,
    currency = n.currency,
    refunded_amount = n.refunded_amount,
    fees = n.fees,
    net = n.net,
    flags = string_to_array(n.flags, ','),
    livemode = n.livemode,
    occurred_at = n.occurred_at,
    received_at = n.received_at,
    authority = n.authority,
    delivery_id = n.delivery_id,
    method = n.method,
    failure_reason = n.failure_reason,
    expires_at = n.expires_at,
    sequence = n.sequence,
    attempts = n.attempts,
    settlement_step = n.settlement_step,
    decided_by = n.decided_by,
    held = n.held,
    updated_at = now()
from taken join unnest(
  $1::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::text[],
  $9::numeric[], $10::numeric[], $11::numeric[], $12::text[], $13::boolean[], $14::timestamptz[],
  $15::timestamptz[], $16::text[], $17::uuid[], $18::text[], $19::text[], $20::timestamptz[],
  $21::integer[], $22::integer[], $23::text[], $24::text[], $25::boolean[]
) as n (
  id, merchant_ref, state, previous_state, provider_status, amount, currency,
  refunded_amount, fees, net, flags, livemode, occurred_at,
  received_at, authority, delivery_id, method, failure_reason, expires_at,
  sequence, attempts, settlement_step, decided_by, held
) on taken.id = n.id
where o.id = taken.id
returning o.id

-- name: add_to_outbox
insert into outbox (object_id, sequence, routing_key, body)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::bytea[])

-- name: add_traced_to_outbox
insert into outbox (object_id, sequence, routing_key, body, traceparent)
select * from unnest($1::bigint[], $2::integer[], $3::text[], $4::bytea[], $5::text[])

-- name: enter_in_ledger
insert into dedupe_ledger (name, first_delivery_id, first_received_at)
select * from unnest($1::bytea[], $2::uuid[], $3::timestamptz[])
on conflict do nothing
returning name

-- name: add_translations
insert into translations (delivery_id, received_at, source, outcome, duplicate_of)
select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::uuid[])
on conflict do nothing

-- name: park
insert into parked (
  delivery_id, ordinal, source, provider, origin, reason, field, value, detail, received_at, body,
  reading, attempts
)
select * from unnest(
  $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::text[], $10::timestamptz[], $11::bytea[], $12::jsonb[], $13::integer[]
)
on conflict do nothing

-- name: batch_on_record
-- All that a batch is folded onto, as of one moment. The row with n = 0 tells of its deliveries
-- ($1 to $3): which of them are on record and on file, and the first delivery of each of the names
-- in $4 that the ledger has. Then each object of $5 to $7 in order, with its observations, or where
-- they are more than $8 with none of them, as a crowd; one that is new has a number for it, and
-- nothing else. The bounds leave out the partitions of other days, and the ids lead into the index
-- of those of this one.
with wanted as materialized (
  select * from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as w (id, received_at, source)
), told as (
  select delivery_id as id, received_at, source from translations
  where delivery_id = any(array(select id from wanted))
    and received_at >= (select min(received_at) from wanted)
    and received_at <= (select max(received_at) from wanted)
), filed as (
  select id, received_at from deliveries
  where id = any(array(select id from wanted))
    and received_at >= (select min(received_at) from wanted)
    and received_at <= (select max(received_at) from wanted)
), first as materialized (
  select name, first_delivery_id from dedupe_ledger where name = any($4::bytea[])
)
select w.n,
       coalesce(o.id, case when w.n > 0 then nextval('objects_id_seq') end) as id,
       o.xmin::text as version,
       w.source, w.kind, w.provider_ref, o.provider, o.merchant_ref, o.state, o.previous_state,
       o.provider_status, o.amount, o.currency, o.refunded_amount, o.fees, o.net, o.flags,
       o.livemode, o.occurred_at, o.received_at, o.authority, o.delivery_id, o.method,
       o.failure_reason, o.expires_at, o.sequence, o.attempts, o.settlement_step, o.decided_by,
       o.held,
       case when cardinality(said.keys) <= $8 then said.keys end as keys,
       case when cardinality(said.keys) <= $8 then said.contents end as contents,
       coalesce(cardinality(said.keys) > $8, false) as crowd,
       case when w.n = 0 then array(select id from wanted join told using (id, received_at, source))
         end as told,
       case when w.n = 0 then array(select id from wanted join filed using (id, received_at))
         end as filed,
       case when w.n = 0 then array(select name from first) end as names,
       case when w.n = 0 then array(select first_delivery_id from first) end as firsts
from (
  select null as source, null as kind, null as provider_ref, 0 as n
  union all
  select * from unnest($5::text[], $6::text[], $7::text[]) with ordinality
) as w
left join objects o
  on o.source = w.source and o.kind = w.kind and o.provider_ref = w.provider_ref
left join lateral (
  select array_agg(key) as keys, array_agg(content) as contents
  from (select key, content from observations where object_id = o.id limit $8 + 1) as few
) as said on true
order by w.n

-- name: lock_parked
-- The sort comes before the lock: whoever replaces what is parked takes the rows in one order.
select id, delivery_id, ordinal, origin, reason, field, value, reading, parked_at,
       replays
from parked where delivery_id = any($1::uuid[])
order by delivery_id, ordinal
for update

-- name: park_again
insert into parked (
  delivery_id, ordinal, source, provider, origin, reason, field, value, detail, received_at, body,
  reading, parked_at, attempts, replays, replayed_at
)
select n.delivery_id, n.ordinal, n.source, n.provider, n.origin, n.reason, n.field, n.value,
       n.detail, n.received_at, n.body, n.reading, coalesce(n.parked_at, now()), n.attempts,
       n.replays, now()
from unnest(
  $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::text[], $10::timestamptz[], $11::bytea[], $12::jsonb[], $13::timestamptz[],
  $14::integer[], $15::integer[]
) as n (
  delivery_id, ordinal, source, provider, origin, reason, field, value, detail, received_at, body,
  reading, parked_at, attempts, replays
)
on conflict do nothing

-- name: add_pokes
insert into pokes as known (source, kind, provider_ref, provider, why, first_at, last_at)
select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]
)
on conflict (source, kind, provider_ref) do update
set first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at)

-- name: objects_by_merchant_ref
-- The object of a source and kind with this merchant's reference, where it is the only one.
select wanted.source, wanted.kind, wanted.merchant_ref, min(o.provider_ref) as provider_ref
from unnest($1::text[], $2::text[], $3::text[]) as wanted (source, kind, merchant_ref)
join objects o
  on o.merchant_ref = wanted.merchant_ref and o.source = wanted.source and o.kind = wanted.kind
group by wanted.source, wanted.kind, wanted.merchant_ref
having count(*) = 1
