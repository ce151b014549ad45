-- name: lock_payout_requests
-- Two who record requests of one source: the second sees what the first has recorded.
select pg_advisory_xact_lock(hashtext('payout_requests'), hashtext($1))

-- name: open_payout_requests
-- A row without an environment is older than the column, and counts as of both.
select * from payout_requests
where source = $1 and state in ('recorded', 'unknown') and (environment is null or environment = $4)
  and (digest = any($2::bytea[]) or key_name <> $3)
order by created_at, item

-- name: done_payout_requests
-- What was paid since $5, as far as is known: by itself, or because somebody or a report says so.
select * from payout_requests
where source = $1 and (state = 'succeeded' or (state = 'resolved' and resolution = 'sent'))
  and (environment is null or environment = $4)
  and coalesce(resolved_at, answered_at) > $5
  and (digest = any($2::bytea[]) or key_name <> $3)
order by created_at, item

-- name: free_payout_batch
update payout_requests set batch = $3
where source = $1 and batch = $2 and (environment is null or environment = $4)

-- name: add_payout_requests
insert into payout_requests
  (id, source, batch, item, value, currency, description, bank_account_id, digest, key_name, created_at,
   environment)
select *
from unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::numeric[], $6::text[], $7::text[],
            $8::text[], $9::bytea[], $10::text[], $11::timestamptz[], $12::text[])

-- name: send_payout_requests
update payout_requests set state = 'unknown', sent_at = $2
where id = any($1::uuid[]) and state = 'recorded'
returning id

-- name: settle_payout_request
-- What was resolved meanwhile stays, unless PayU names an order: then the order is what there is.
update payout_requests
set state = $2, payment_order_id = $3, failures = $4, answered_at = $5, delivery_id = $6,
    sent_at = case when $7 then sent_at end
where id = $1 and (state in ('recorded', 'unknown') or ($2 = 'succeeded' and state = 'resolved'))

-- name: resolve_payout_request
update payout_requests
set state = 'resolved', resolution = $2, payment_order_id = $3, resolved_by = $4, reason = $5,
    resolved_at = $6, delivery_id = $7
where id = $1 and state in ('recorded', 'unknown')
returning *

-- name: list_payout_requests
select * from payout_requests
where ($1::text is null or source = $1)
  and ($2::text[] is null or state = any($2))
  and ($3::text is null or batch = $3)
  and ($4::text is null or environment is null or environment = $4)
order by created_at, batch, item

-- name: payout_requests_by_id
select * from payout_requests where id = any($1::uuid[])
order by created_at, batch, item

-- name: payout_request
select * from payout_requests where id = $1

-- name: payment_orders_known
select id, payment_order_id from payout_requests
where source = $1 and payment_order_id = any($2::text[])

-- name: payouts_seen_before
select provider_ref from objects
where source = $1 and kind = 'payout' and provider_ref = any($2::text[]) and created_at < $3
union
select alias from object_aliases join objects on objects.id = object_id
where source = $1 and kind = 'payout' and alias = any($2::text[]) and created_at < $3

-- name: add_to_be_told
insert into to_be_told
  (delivery_id, source, provider, origin, authority, route_event, body, received_at, tell_after)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (delivery_id) do nothing

-- name: take_telling
select pg_try_advisory_xact_lock($1)

-- name: to_be_told
select * from to_be_told
where (tell_after is null or tell_after <= now()) and delivery_id <> all($2::uuid[])
order by received_at, delivery_id
limit $1

-- name: told
delete from to_be_told where delivery_id = any($1::uuid[])

-- name: tell_now
update to_be_told set tell_after = null where delivery_id = $1

-- name: waiting_to_be_told
select delivery_id, body from to_be_told
where source = $1 and route_event = $2 and (tell_after is null or tell_after <= now())
for update

-- name: count_to_be_told
select count(*) from to_be_told
where tell_after is null or tell_after <= now()
