-- name: begin_act
insert into acts (act, who, via, action, why, subject)
values ($1, $2, $3, $4, $5, $6::jsonb)

-- name: end_act
insert into acts (act, who, via, action, why, subject, outcome)
values ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb)

-- name: list_acts
-- What was begun, newest first, with its end where there is one.
select b.act, b.at, b.who, b.via, b.action, b.why, b.subject, e.at as ended_at, e.outcome
from acts b
left join acts e on e.act = b.act and e.outcome is not null
where b.outcome is null
  and ($1::timestamptz is null or b.at >= $1)
  and ($2::text is null or b.who = $2)
  and ($3::text is null or b.action = $3)
order by b.at desc, b.id desc
limit $4
