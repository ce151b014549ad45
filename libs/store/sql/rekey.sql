-- What rests sealed begins with a mark of 4 bytes; the first 13 tell under which key.
-- (`libs.runtime.key_ring`)

-- name: deliveries_by_head
select case when substring(body from 1 for 4) = $1::bytea then substring(body from 1 for 13) end as head,
       count(*) as count
from deliveries group by 1

-- name: parked_by_head
select case when substring(body from 1 for 4) = $1::bytea then substring(body from 1 for 13) end as head,
       count(*) as count
from parked where body is not null group by 1

-- name: to_be_told_by_head
select case when substring(body from 1 for 4) = $1::bytea then substring(body from 1 for 13) end as head,
       count(*) as count
from to_be_told group by 1

-- name: lock_for_rekey
-- Before any row is: who makes a partition moves rows under a lock of the table, and would wait for
-- ours while we wait for his.
lock table deliveries, parked, to_be_told in row exclusive mode

-- name: next_deliveries_to_rekey
-- The next ones after ($1, $2) that do not begin with $3, by their sizes.
select id, received_at, octet_length(body) as size
from deliveries
where (id, received_at) > ($1::uuid, $2::timestamptz)
  and substring(body from 1 for 13) is distinct from $3::bytea
order by id, received_at
limit $4

-- name: take_deliveries_to_rekey
-- Those of them that nobody holds. The bounds leave out the partitions of other days.
select d.id, d.received_at, d.id as delivery_id, d.body
from unnest($1::uuid[], $2::timestamptz[]) as wanted (id, received_at)
join deliveries d on d.id = wanted.id and d.received_at = wanted.received_at
where d.received_at >= (select min(at) from unnest($2::timestamptz[]) as at)
  and d.received_at <= (select max(at) from unnest($2::timestamptz[]) as at)
  and substring(d.body from 1 for 13) is distinct from $3::bytea
for update of d skip locked

-- name: rekey_deliveries
update deliveries d
set body = n.body, sha256 = sha256(n.body)
from unnest($1::uuid[], $2::timestamptz[], $3::bytea[]) as n (id, received_at, body)
where d.id = n.id and d.received_at = n.received_at
  and d.received_at >= (select min(at) from unnest($2::timestamptz[]) as at)
  and d.received_at <= (select max(at) from unnest($2::timestamptz[]) as at)

-- name: next_parked_to_rekey
select id, octet_length(body) as size
from parked
where id > $1 and substring(body from 1 for 13) <> $2::bytea
order by id
limit $3

-- name: take_parked_to_rekey
select p.id, p.delivery_id, p.body
from unnest($1::bigint[]) as wanted (id)
join parked p using (id)
where substring(p.body from 1 for 13) <> $2::bytea
for update of p skip locked

-- name: rekey_parked
update parked p set body = n.body
from unnest($1::bigint[], $2::bytea[]) as n (id, body)
where p.id = n.id

-- name: next_to_be_told_to_rekey
select delivery_id, octet_length(body) as size
from to_be_told
where delivery_id > $1::uuid and substring(body from 1 for 13) is distinct from $2::bytea
order by delivery_id
limit $3

-- name: take_to_be_told_to_rekey
select t.delivery_id, t.body
from unnest($1::uuid[]) as wanted (delivery_id)
join to_be_told t using (delivery_id)
where substring(t.body from 1 for 13) is distinct from $2::bytea
for update of t skip locked

-- name: rekey_to_be_told
update to_be_told t set body = n.body
from unnest($1::uuid[], $2::bytea[]) as n (delivery_id, body)
where t.delivery_id = n.delivery_id
