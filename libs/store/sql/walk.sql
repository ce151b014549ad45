-- name: take_mark
-- Null where another reconciler walks just now.
select upto from poll_marks where of = $1 for update skip locked

-- name: walk_objects
-- By id, and nothing else: it ends after so many, however young they are.
select o.*, now() as now from objects o where o.id > $1 order by o.id limit $2

-- name: move_mark
update poll_marks set upto = greatest(upto, $2) where of = any($1::text[])

-- name: add_polls
insert into polls (
  source, kind, provider_ref, provider, why, look_at, due_at, ask_at, base_at, seen_at
)
select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
  $8::timestamptz[], $9::timestamptz[], $10::timestamptz[]
) as n (source, kind, provider_ref, provider, why, look_at, due_at, ask_at, base_at, seen_at)
order by source collate "C", kind collate "C", provider_ref collate "C"
on conflict do nothing
