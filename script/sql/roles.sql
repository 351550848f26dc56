-- The database roles of Postil: one reviewed file for development, tests and production.
--
-- Run it with psql as a cluster superuser (or any role that may create roles); running it again changes nothing:
--
--     psql -X -v ON_ERROR_STOP=1 -f script/sql/roles.sql
--
-- Passwords are optional and come as psql variables, so that they never appear in this file, in a process list or in
-- the statement log (psql sends the SCRAM verifier's input; set log_statement accordingly):
--
--     \set migrator_password '…'   \set app_password '…'   \set worker_password '…'   then   \ir roles.sql
--
-- Who is who:
--
--     postil_owner     NOLOGIN  owns the database, its schema and every table. Nobody is it at run time.
--     postil_migrator  LOGIN    runs `postil migrate` and `postil seed`; becomes postil_owner when it connects.
--     postil_app       LOGIN    serves requests. Sees rows only through row-level security. Owns nothing.
--     postil_worker    LOGIN    runs jobs. The same walls, with the grants its jobs need. Owns nothing.
--     postil_auth      NOLOGIN  owns the few SECURITY DEFINER functions that must look before a company is known:
--                               sign-in, session and API key lookup.
--     postil_definer   NOLOGIN  owns the SECURITY DEFINER helpers that policies call, and the triggers that log a change
--                               of access. Bound to one company at a time like everyone else.
--     postil_search    NOLOGIN  owns app.search_candidates() and nothing else, and reads the words of messages
--                               (message_search) and nothing else: an index on words works only without a policy before it.
--
-- No role is SUPERUSER and none has BYPASSRLS: with FORCE ROW LEVEL SECURITY not even the owner reads past a policy.
-- The grants on tables and functions belong to the migrations; this file is about identities only.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

-- Inside a DO block psql variables are not replaced, so every conditional statement is made by \gexec.
SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['postil_owner', 'postil_migrator', 'postil_app', 'postil_worker', 'postil_auth', 'postil_definer',
    'postil_search']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- Said again every time: a role that was widened by hand is narrowed by the next run.
ALTER ROLE postil_owner NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_migrator LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_app LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_worker LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_auth NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_definer NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;
ALTER ROLE postil_search NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;

-- The migrator is the owner from its first statement on, so whatever it creates belongs to postil_owner.
GRANT postil_owner TO postil_migrator;
ALTER ROLE postil_migrator SET role = 'postil_owner';

-- ALTER FUNCTION … OWNER TO asks for membership in the new owner (and for CREATE on the schema, which the migration
-- that needs it grants to the new owner and revokes again).
GRANT postil_auth, postil_definer, postil_search TO postil_owner;

-- Development and tests only (`\set dev 1`): the test harness makes a database per test.
\if :{?dev}
ALTER ROLE postil_owner CREATEDB;
\endif

-- The run-time roles give up rather than hold locks: a request has a second or so, a job has minutes.
ALTER ROLE postil_app SET statement_timeout = '5s';
ALTER ROLE postil_app SET lock_timeout = '2s';
ALTER ROLE postil_app SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE postil_worker SET statement_timeout = '5min';
ALTER ROLE postil_worker SET lock_timeout = '5s';
ALTER ROLE postil_worker SET idle_in_transaction_session_timeout = '1min';
-- Every query here is written to have one good plan for all its parameters (docs/reference/explain). By default PostgreSQL
-- plans the first five calls anew on every connection: a connection's first sends took 13 ms each instead of 3.
ALTER ROLE postil_app SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE postil_worker SET plan_cache_mode = 'force_generic_plan';
-- A migration that can't get its lock must not queue the whole application behind it.
ALTER ROLE postil_migrator SET lock_timeout = '5s';

\if :{?migrator_password}
ALTER ROLE postil_migrator PASSWORD :'migrator_password';
\endif
\if :{?app_password}
ALTER ROLE postil_app PASSWORD :'app_password';
\endif
\if :{?worker_password}
ALTER ROLE postil_worker PASSWORD :'worker_password';
\endif
