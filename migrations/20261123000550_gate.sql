-- The gate: what the server asks before it serves. migrations/README.md tells how versions and generations go together.

-- The generation of the schema: the oldest generation of builds that can still live with it. A migration that takes away
-- something an older build uses (contract) replaces this function with the next number, and GENERATION in
-- src/backend/store/migrate.rs follows in the same change. A migration that only adds (expand) leaves it alone.
CREATE FUNCTION app.schema_generation() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 1 $$;
GRANT EXECUTE ON FUNCTION app.schema_generation() TO postil_app, postil_worker;

-- Which migrations were applied is no secret. (By hand, without `postil migrate`, there is no such table, and no server
-- will start on the result.)
DO $$
BEGIN
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        GRANT SELECT ON public._sqlx_migrations TO postil_app, postil_worker;
    END IF;
END $$;
