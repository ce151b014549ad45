-- name: filed_last
-- When something came on file for the last time, of the last $1 hours.
select max(archived_at) as at from deliveries
where archived_at > now() - make_interval(hours => $1::integer)

-- name: forget_events_of
delete from outbox where object_id = any($1::bigint[])
returning id
