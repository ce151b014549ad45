-- Statements about roles take no parameters. These make them, with each name quoted by the server.

-- name: role_statement
select format('create role %I nologin', $1::text) as statement
where not exists (select from pg_roles where rolname = $1)

-- name: take_statement
-- Who hands something over to a role has to be in it; a superuser is in every role.
select format('grant %I to current_user', $1::text) as statement
where not pg_has_role(current_user, $1, 'member')

-- name: owner_statements
-- The schema and what is in it goes to the role that migrates. Sequences go with their tables.
select statement
from (
  select 1 as step, format('alter schema %I owner to %I', nspname, $1::text) as statement
  from pg_namespace where nspname = current_schema() and pg_get_userbyid(nspowner) <> $1
  union all
  select 2, format('alter %s %I.%I owner to %I',
                   case c.relkind when 'v' then 'view' else 'table' end, nspname, relname, $1::text)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where nspname = current_schema() and c.relkind in ('r', 'p', 'v')
    and pg_get_userbyid(c.relowner) <> $1
  union all
  select 3, format('alter function %s owner to %I', p.oid::regprocedure, $1::text)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where nspname = current_schema() and pg_get_userbyid(p.proowner) <> $1
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
) as steps
order by step, statement

-- name: door_statements
-- Who may come in at all, and what will be there of tables that are made later: reading alone. What
-- is written is granted after each migration (`grant_statements`).
select statement
from (values
  (1, format('revoke all on database %I from public', current_database())),
  (2, format('grant connect on database %I to %I, %I, %I', current_database(), $1::text, $2::text, $3::text)),
  (3, format('revoke all on schema %I from public', current_schema())),
  (4, format('grant usage on schema %I to %I, %I', current_schema(), $2::text, $3::text)),
  (5, format('alter default privileges for role %I in schema %I grant select on tables to %I, %I',
             $1::text, current_schema(), $2::text, $3::text)),
  (6, format('alter default privileges for role %I in schema %I grant select on sequences to %I, %I',
             $1::text, current_schema(), $2::text, $3::text)),
  (7, format('alter default privileges for role %I revoke execute on functions from public', $1::text))
) as steps (step, statement)
order by step

-- name: grant_statements
-- Everything is read by both ($1, $2). $1 writes: what $3 says of a table, else all but its making. A
-- partition is written through its table alone, and one that was set aside (`set_aside_day`) by nobody.
with tables as (
  select relname, format('%I.%I', nspname, relname) as name, $3::jsonb ->> relname as said,
         relispartition
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where nspname = current_schema() and c.relkind in ('r', 'p')
)
select statement
from (
  select 1 as step, format('revoke all on all tables in schema %I from %I, %I',
                           current_schema(), $1::text, $2::text) as statement
  union all
  select 2, format('grant select on all tables in schema %I to %I, %I',
                   current_schema(), $1::text, $2::text)
  union all
  select 3, format('grant %s on %s to %I', coalesce(said, 'insert, update, delete'), name, $1::text)
  from tables where not relispartition and coalesce(said, 'all') <> ''
    and relname !~ '^going_(deliveries|translations)_\d{8}$'
  union all
  select 4, format('grant select on all sequences in schema %I to %I', current_schema(), $2::text)
  union all
  select 5, format('grant select, usage on all sequences in schema %I to %I', current_schema(), $1::text)
  union all
  select 6, format('grant execute on function %s to %I', p.oid::regprocedure, $1::text)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where nspname = current_schema()
    and proname in ('make_partition', 'set_aside_day', 'drop_day', 'forget_archived', 'forget_acts')
) as steps
order by step, statement

-- name: login_statements
-- A login that is in one of the roles and in no other of them. The password is given as its verifier.
select statement
from (
  select 1 as step, format('%s role %I login password %L',
                           case when exists (select from pg_roles where rolname = $1)
                                then 'alter' else 'create' end, $1::text, $2::text) as statement
  union all
  select 2, format('revoke %I from %I', rolname, $1::text)
  from pg_roles where rolname = any($4::text[]) and rolname <> $3
    and exists (select from pg_auth_members m join pg_roles l on l.oid = m.member
                where m.roleid = pg_roles.oid and l.rolname = $1)
  union all
  select 3, format('grant %I to %I', $3::text, $1::text)
) as steps
order by step, statement

-- name: login_known
select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication as mighty
from pg_roles where rolname = $1

-- name: roles_known
select count(*) = cardinality($1::text[]) as known from pg_roles where rolname = any($1)

-- name: schema_owner
select pg_get_userbyid(nspowner) as owner from pg_namespace where nspname = current_schema()

-- name: become
select set_config('role', $1, false)

-- name: take_schema
select pg_try_advisory_lock($1)
