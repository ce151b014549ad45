-- name: observations_wait
select exists (select from parked where reading is not null and discarded_at is null)

-- name: found_after_waiting
-- Parked observations whose object, named by the merchant's reference, is known by now and the
-- only one of that name. A discarded one waits no longer.
select p.id, p.source, p.reading ->> 'kind' as kind, p.provider, p.reading, found.provider_ref
from parked p
cross join lateral (
  select min(o.provider_ref) as provider_ref from objects o
  where o.merchant_ref = p.value and o.source = p.source and o.kind = p.reading ->> 'kind'
  having count(*) = 1
) as found
where p.reading is not null and p.discarded_at is null
order by p.id
limit 100
for update of p skip locked

-- name: unpark
delete from parked where id = any($1::bigint[])

-- name: give_up_waiting
update parked set reason = $2, detail = $3, reading = null where id = $1
