-- name: take_arrivals
select pg_try_advisory_xact_lock($1) as taken

-- name: arrivals_clock
-- How far was counted and learnt, and now; $1 seconds before now everything is committed that came on
-- file until then.
select (select until from arrival_marks where of = 'counted') as counted,
       (select until from arrival_marks where of = 'learnt') as learnt,
       now() - make_interval(secs => $1) as settled,
       now() as now

-- name: move_arrivals_mark
insert into arrival_marks (of, until) values ($1, $2)
on conflict (of) do update set until = excluded.until

-- name: count_arrivals
-- What came on file from $1 to $2, both at five minutes: the same rows give the same counts, however
-- often. What lay in a spool for two weeks says nothing of what is usual; the bound spares the
-- partitions before.
with found as materialized (
  select source,
         date_bin('5 minutes', received_at, '1970-01-01 00:00:00+00') as arrived,
         date_bin('5 minutes', archived_at, '1970-01-01 00:00:00+00') as filed,
         min(provider) as provider, count(*)::integer as deliveries,
         min(received_at) as first_at, max(received_at) as last_at
  from deliveries
  where archived_at >= $1 and archived_at < $2
    and received_at >= $1::timestamptz - interval '14 days'
    and received_at < $2::timestamptz + interval '1 day'
    and origin = 'webhook'
  group by 1, 2, 3
), counted as (
  insert into arrivals (source, arrived, filed, deliveries)
  select source, arrived, filed, deliveries from found
  on conflict (source, arrived, filed) do update set deliveries = excluded.deliveries
)
insert into arrival_sources as known (source, provider, first_at, last_at)
select source, min(provider), min(first_at), max(last_at) from found group by source
on conflict (source) do update
set first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at)

-- name: arrivals_of
select arrived, sum(deliveries) as deliveries
from arrivals
where source = $1 and arrived >= $2 and arrived < $3
group by arrived

-- name: learn_usual
insert into arrival_usual (source, hour, weeks, heard, low, median)
select * from unnest(
  $1::text[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::integer[]
)
on conflict (source, hour) do update
set weeks = excluded.weeks, heard = excluded.heard, low = excluded.low, median = excluded.median

-- name: learn_gap
update arrival_sources set weeks = $2, gap = $3 where source = $1

-- name: usual_arrivals
select source, hour, weeks, heard, low, median from arrival_usual

-- name: arrival_sources
-- With how many arrived from $1 to $2.
select s.source, s.provider, s.first_at, s.last_at, s.weeks, s.gap,
       coalesce((
         select sum(a.deliveries) from arrivals a
         where a.source = s.source and a.arrived >= $1 and a.arrived < $2
       ), 0) as recent
from arrival_sources s
order by s.source

-- name: forget_arrivals
-- What was before $1 is not learnt from any more.
delete from arrivals a using arrival_sources s where a.source = s.source and a.arrived < $1

-- name: forget_not_let_in
delete from not_let_in where at < $1

-- name: forget_notices
delete from notices where noted_at < $1

-- name: add_not_let_in
-- A notice that was counted before counts no more.
with told as materialized (
  select * from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[])
    as t (id, at, source, kind, requests)
), fresh as (
  insert into notices (id) select distinct id from told order by id
  on conflict do nothing
  returning id
)
insert into not_let_in as known (source, at, kind, requests)
select source, at, kind, sum(requests)::bigint
from told join fresh using (id)
group by source, at, kind
order by source, at, kind
on conflict (source, at, kind) do update set requests = known.requests + excluded.requests

-- name: add_lost
-- What requests that were not let in looked like; a notice that comes twice adds nothing.
insert into lost_and_found (notice, number, at, source, failure, rule, why, size, sha256, headers)
select * from unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::bigint[], $9::bytea[], $10::text[])
on conflict (notice, number) do nothing

-- name: forget_lost
-- All but the last $2 of one source.
delete from lost_and_found where source = $1 and (at, notice, number) in (
  select at, notice, number from lost_and_found where source = $1
  order by at desc, notice, number offset $2
)

-- name: lost_and_found
select source, at, failure, rule, why, size, sha256, headers
from lost_and_found where $1::text is null or source = $1
order by at desc, notice, number
