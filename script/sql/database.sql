-- One Postil database, owned by postil_owner. After roles.sql; as a cluster superuser; running it again changes nothing.
--
--     psql -X -v ON_ERROR_STOP=1 -v database=postil -f script/sql/database.sql
--
-- The tables come from `postil migrate`.

\set ON_ERROR_STOP on
\if :{?database}
\else
\set database postil
\endif
SET client_min_messages = warning;

SELECT format('CREATE DATABASE %I OWNER postil_owner TEMPLATE template0 ENCODING ''UTF8''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

ALTER DATABASE :"database" OWNER TO postil_owner;
-- PUBLIC may connect to a new database and make temporary tables in it; here only the three that have work may connect.
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO postil_migrator, postil_app, postil_worker;

\connect :"database"
SET client_min_messages = warning;
ALTER SCHEMA public OWNER TO postil_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO postil_app, postil_worker, postil_auth, postil_definer;
