-- name: outbox_standing
-- By the primary key, in the order in which the relay takes them.
select (select count(*) from (select 1 from outbox limit $1) as counted) as waiting,
       head.id as head,
       coalesce(greatest(extract(epoch from now() - head.created_at), 0), 0)::bigint as age
from (select 1) as one
left join (select id, created_at from outbox order by id limit 1) as head on true

-- name: parked_by_reason
select reason, count(*) as count from parked where discarded_at is null group by reason
