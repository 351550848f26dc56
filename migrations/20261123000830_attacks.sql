-- What the attacks of server/tests/it/attacks found: nothing that a request could use, two walls that were one wall thick.

-- Temporary types and tables are looked for before all others where a path does not name pg_temp. postil_app may not make
-- any (script/sql/database.sql), and these functions name every table with its schema; but they cast, and a temporary
-- domain called "text" would run its check with the owner's rights. So each of them looks there last.
DO $$
DECLARE
    f record;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure::text AS signature FROM pg_proc p
        WHERE p.prosecdef AND p.pronamespace IN ('app'::regnamespace, 'auth'::regnamespace)
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', f.signature);
    END LOOP;
END $$;

-- Row-level security hides no statistics from the planner: for a text that many hidden rows have, EXPLAIN expects many rows,
-- whoever asks. No plan needs to know how often people write what, so nothing is kept of it.
ALTER TABLE messages ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN text_ast SET STATISTICS 0, ALTER COLUMN preview SET STATISTICS 0;
ALTER TABLE message_versions ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN text_ast SET STATISTICS 0;
ALTER TABLE conversations ALTER COLUMN title SET STATISTICS 0;
ALTER TABLE linked_records ALTER COLUMN title SET STATISTICS 0, ALTER COLUMN amount_minor SET STATISTICS 0, ALTER COLUMN status SET STATISTICS 0;
ALTER TABLE message_links ALTER COLUMN title SET STATISTICS 0, ALTER COLUMN amount_minor SET STATISTICS 0, ALTER COLUMN status SET STATISTICS 0;
