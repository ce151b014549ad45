-- name: events_wait
select exists (select from outbox)

-- name: take_relay
select pg_try_advisory_xact_lock($1)

-- name: next_events
select id, object_id, sequence, routing_key, body from outbox order by id limit $1

-- name: next_traced_events
select id, object_id, sequence, routing_key, body, traceparent from outbox order by id limit $1

-- name: forget_events
delete from outbox where id = any($1::bigint[])
