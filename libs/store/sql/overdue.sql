-- name: overdue
-- What is overdue; or, with $4, all that waits.
select *, now() as now from polls_with_objects
where ($1::text is null or source = $1)
  and ($2::text is null or provider = $2)
  and ($4 or overdue)
order by due_at nulls last, source, provider_ref
limit $3

-- name: overdue_counts
select provider, count(*) as count, extract(epoch from now() - min(due_at))::bigint as oldest
from polls_with_objects where overdue group by provider

-- name: poll_of
select p.*, now() as now from polls p
where p.provider_ref = $1 and ($2::text is null or p.source = $2)

-- name: object_now
select o.*, now() as now from objects o
where o.source = $1 and o.kind = $2 and o.provider_ref = $3
