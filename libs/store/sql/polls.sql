-- name: move_pokes
-- Requests to ask become rows with a claim on now. Whoever looks at one meanwhile looks again: a poke
-- that waited for a claim has to be later than it, so its moment is not the transaction's.
with moved as (
  delete from pokes p
  using (select ctid from pokes limit $1 for update skip locked) as few
  where p.ctid = few.ctid
  returning p.source, p.kind, p.provider_ref, p.provider, p.why
)
insert into polls as known (
  source, kind, provider_ref, provider, why, note, poked_at, due_at, ask_at
)
select source, kind, provider_ref, provider, 'poked', why, now(), now(), now() from moved
order by source collate "C", kind collate "C", provider_ref collate "C"
on conflict (source, kind, provider_ref) do update
set poked_at = clock_timestamp(), why = 'poked', note = excluded.note,
    look_at = least(known.look_at, now())
returning known.provider

-- name: claim_polls
-- Those whose time has come, the longest waiting first, but before them what does not wait behind
-- others; each with its object as it is now. `now` is from before any of them was locked.
with urgent as (
  select source, kind, provider_ref from polls
  where provider = $1 and why in ('poked', 'verify', 'uncorroborated') and look_at <= now()
    and (claimed_until is null or claimed_until < now())
  order by look_at
  limit $2
  for update skip locked
), others as (
  select source, kind, provider_ref from polls
  where provider = $1 and why not in ('poked', 'verify', 'uncorroborated') and look_at <= now()
    and (claimed_until is null or claimed_until < now())
  order by look_at
  limit $2 - (select count(*) from urgent)
  for update skip locked
), claimed as (
  update polls p set claimed_by = $3, claimed_until = now() + make_interval(secs => $4)
  from (table urgent union all table others) as due
  where p.source = due.source and p.kind = due.kind and p.provider_ref = due.provider_ref
  returning p.*
)
select c.*, now() as now, o.id as object_id, o.state, o.flags, o.method, o.expires_at,
       o.merchant_ref, o.updated_at
from claimed c
left join objects o
  on o.source = c.source and o.kind = c.kind and o.provider_ref = c.provider_ref
order by c.why not in ('poked', 'verify', 'uncorroborated'), c.look_at

-- name: providers_due
-- Those of whom a claim would find something.
select told.provider from unnest($1::text[]) as told (provider)
where exists (
  select from polls p
  where p.provider = told.provider and p.look_at <= now()
    and (p.claimed_until is null or p.claimed_until < now())
)

-- name: other_names
-- As everything that was said tells them.
select n.object_id, array_agg(distinct alias) as names
from observations n, jsonb_array_elements_text(n.content -> 'aliases') as alias
where n.object_id = any($1::bigint[]) and jsonb_typeof(n.content -> 'aliases') = 'array'
group by n.object_id

-- name: note_looked
-- Whoever poked since ($11) has the next look at once, and before those that nobody poked.
update polls p
set why = case when p.poked_at > n.claimed_at then p.why else n.why end,
    due_at = n.due_at, ask_at = n.ask_at, base_at = n.base_at, seen_at = n.seen_at,
    look_at = case when p.poked_at > n.claimed_at then now() else n.look_at end,
    claimed_by = null, claimed_until = null
from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
  $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[]
) as n (
  source, kind, provider_ref, claimed_by, why, look_at, due_at, ask_at, base_at, seen_at, claimed_at
)
where p.source = n.source and p.kind = n.kind and p.provider_ref = n.provider_ref
  and p.claimed_by = n.claimed_by

-- name: note_tried
-- What became of asking; `asked_at` is when that began, and null where no answer came.
update polls p
set outcome = $5, tried_at = now(), due_at = $11, base_at = $12, seen_at = $13,
    why = case when p.poked_at > $6::timestamptz then p.why else $10 end,
    claimed_by = null, claimed_until = null,
    asked_at = coalesce($6::timestamptz, p.asked_at),
    asked = p.asked + case when $6::timestamptz is null then 0 else 1 end,
    failures = case when $6::timestamptz is not null then 0 when $7::boolean then p.failures + 1
      else p.failures end,
    answer = coalesce($8::bytea, p.answer),
    look_at = case when p.poked_at > $6::timestamptz then now()
      else now() + make_interval(secs => $9) end
where p.source = $1 and p.kind = $2 and p.provider_ref = $3 and p.claimed_by = $4

-- name: forget_polls
-- What is settled, unless somebody poked since it was claimed.
delete from polls p
using unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  as n (source, kind, provider_ref, claimed_by, claimed_at)
where p.source = n.source and p.kind = n.kind and p.provider_ref = n.provider_ref
  and p.claimed_by = n.claimed_by and (p.poked_at is null or p.poked_at <= n.claimed_at)

-- name: spare_polls
-- What was settled and is not forgotten, since somebody poked meanwhile, is looked at at once.
update polls p set claimed_by = null, claimed_until = null, look_at = least(p.look_at, now())
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  as n (source, kind, provider_ref, claimed_by, claimed_at)
where p.source = n.source and p.kind = n.kind and p.provider_ref = n.provider_ref
  and p.claimed_by = n.claimed_by and p.poked_at > n.claimed_at

-- name: release_predecessors
-- What others claimed of a provider: they asked before us, and ended, or have lost their turn.
update polls set claimed_by = null, claimed_until = null, look_at = least(look_at, now())
where provider = $1 and claimed_by <> $2

-- name: release_polls
update polls set claimed_by = null, claimed_until = null, look_at = least(look_at, now())
where claimed_by = $1
