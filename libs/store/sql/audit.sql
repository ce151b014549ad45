-- name: filed_with_mark
-- What the archive holds whose body has a mark in it, and what became of each; what begins with $3 is
-- not plain, and to be looked into by who can open it.
select d.id, d.source, d.origin, d.body, t.outcome,
       array(select p.reason from parked p where p.delivery_id = d.id) as parked,
       (select count(*) from observations o where o.delivery_id = d.id) as observations
from deliveries d
left join translations t on t.delivery_id = d.id and t.received_at = d.received_at
where d.received_at >= $2
  and (position($1::bytea in d.body) > 0 or substring(d.body from 1 for 4) = $3::bytea)

-- name: named_objects
-- Objects by their keys, with how often something was said about them, and said again. What was
-- asked for, and what a report or an operator said, is counted beside.
select o.*,
       (select count(*) from observations b where b.object_id = o.id) as observations,
       (select count(*) from observations b join deliveries d on d.id = b.delivery_id
        where b.object_id = o.id and d.origin = 'poll') as polled,
       (select count(*) from observations b join deliveries d on d.id = b.delivery_id
        where b.object_id = o.id and d.origin in ('report', 'operator')) as reported,
       (select count(*) from repeats r where r.object_id = o.id) as repeats
from unnest($1::text[], $2::text[], $3::text[]) as wanted (source, kind, provider_ref)
join objects o using (source, kind, provider_ref)
