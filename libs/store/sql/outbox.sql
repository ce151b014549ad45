-- name: events_wait
select exists (select from outbox)

-- name: take_relay
-- In the round trip in which the transaction begins, where nothing is given back: the transaction
-- remembers itself whether it has the turn.
select set_config('caudal.relay', pg_try_advisory_xact_lock($1)::text, true)

-- name: next_events
-- Whether the turn is ours, and of the events none where it is not: at least one row. A statement
-- after the lock, or it would see what whoever had the turn before has published and removed.
select turn.mine, e.*
from (select current_setting('caudal.relay')::boolean as mine) as turn
left join lateral (
  select id, object_id, sequence, routing_key, body, null::text as traceparent
  from outbox where turn.mine order by id limit $1
) as e on true
order by e.id

-- name: next_traced_events
select turn.mine, e.*
from (select current_setting('caudal.relay')::boolean as mine) as turn
left join lateral (
  select id, object_id, sequence, routing_key, body, traceparent
  from outbox where turn.mine order by id limit $1
) as e on true
order by e.id

-- name: forget_events
delete from outbox where id = any($1::bigint[])
