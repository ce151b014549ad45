-- name: take_turn
-- Nothing where it is another's. With $5 it may also be that of one with the same name, who is gone.
insert into poll_turns as held (provider, name, holder, until)
values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
on conflict (provider) do update
set name = excluded.name, holder = excluded.holder, until = excluded.until
where held.holder = excluded.holder or held.until < clock_timestamp()
  or ($5::boolean and held.name = excluded.name)
returning provider

-- name: give_turn_back
delete from poll_turns where provider = $1 and holder = $2
