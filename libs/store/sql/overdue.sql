-- name: overdue
-- Due, and nothing was heard of it since it was last looked at; or, with $4, all that waits.
select p.*, now() as now, o.state, o.flags, o.merchant_ref, o.updated_at
from polls p
left join objects o
  on o.source = p.source and o.kind = p.kind and o.provider_ref = p.provider_ref
where ($1::text is null or p.source = $1)
  and ($2::text is null or p.provider = $2)
  and ($4 or (p.due_at <= now()
       and (o.updated_at is null or p.seen_at is null or o.updated_at <= p.seen_at)))
order by p.due_at nulls last, p.source, p.provider_ref
limit $3

-- name: overdue_counts
select provider, count(*) as count, extract(epoch from now() - min(due_at))::bigint as oldest
from polls where due_at <= now() group by provider

-- name: poll_of
select p.*, now() as now from polls p
where p.provider_ref = $1 and ($2::text is null or p.source = $2)

-- name: object_now
select o.*, now() as now from objects o
where o.source = $1 and o.kind = $2 and o.provider_ref = $3
