-- The hot reads under row-level security and without it, in turns. Run by `script/explain --compare` on fixtures/scale.sql, as
-- the cluster's superuser; `server` is how to reach this very database.
--
-- Two sessions call the same functions with the same parameters and the same settings: one as postil_app, whom the policies
-- bind, one as the superuser, whom none does. Both read the server's clock around the call, so that the way to it counts for
-- neither. Everyone's call is made once unmeasured, so that both find the same pages in memory, then five times measured, the
-- first turn going to one and to the other; the best of the five counts, because what else the machine does is no policy's
-- cost. Then: the median and the 99th percentile over people, and how many times the one is the other.
--
-- Under the policies each transaction works out once who asks and what they may (app.remember()), whatever it reads then. For a
-- page that hardly shows; for a count that takes a tenth of a millisecond it is most of it. So that "verdict" is measured by
-- itself, too. Held: the median of each read to three times beyond it, that of each page (inbox, conversation, thread) to three
-- times with it, the 99th percentile of each page to three times beyond it. (That of a count is one person's hidden messages.)

\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS dblink;
DROP SCHEMA IF EXISTS compare CASCADE;
CREATE SCHEMA compare;

-- One call of one read by one person.
CREATE TABLE compare.cases (
    n integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, read text NOT NULL, company_id uuid NOT NULL, user_id uuid NOT NULL,
    id uuid, position bigint, kind text, record_id text
);
CREATE TABLE compare.results (n integer NOT NULL, side text NOT NULL, rows bigint NOT NULL, micros double precision NOT NULL);

-- What a person could look at, chosen with their own eyes: a talk, a thread in it and a record that they see.
CREATE FUNCTION compare.pick(p_company uuid, p_user uuid) RETURNS SETOF compare.cases LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_talk record;
    v_root uuid;
    v_record record;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT c.id, c.last_seq INTO STRICT v_talk FROM conversations c
    WHERE c.company_id = p_company AND c.kind = 'group' ORDER BY md5(c.id::text || p_user::text) LIMIT 1;
    -- A thread is opened when it has more replies than come with its conversation's page (THREAD_PREVIEW_REPLIES).
    SELECT t.root_id INTO v_root FROM threads t WHERE t.company_id = p_company AND t.reply_count > 12 ORDER BY md5(t.root_id::text || p_user::text) LIMIT 1;
    SELECT r.kind, r.id INTO v_record FROM linked_records r
    WHERE r.company_id = p_company AND EXISTS (
        SELECT 1 FROM messages m WHERE m.company_id = r.company_id AND m.link_kind = r.kind AND m.link_id = r.id
    ) ORDER BY md5(r.id || p_user::text) LIMIT 1;
    RETURN QUERY VALUES
        (0, 'inbox', p_company, p_user, NULL::uuid, NULL::bigint, NULL::text, NULL::text),
        (0, 'message page', p_company, p_user, v_talk.id, v_talk.last_seq + 1, NULL, NULL),
        (0, 'unread in one', p_company, p_user, v_talk.id, greatest(v_talk.last_seq - 150, 0), NULL, NULL),
        (0, 'unread in all', p_company, p_user, NULL, NULL, NULL, NULL),
        (0, 'verdict', p_company, p_user, v_talk.id, NULL, NULL, NULL);
    IF v_root IS NOT NULL THEN
        RETURN QUERY VALUES (0, 'thread page', p_company, p_user, v_root, NULL::bigint, NULL::text, NULL::text);
    END IF;
    IF v_record.id IS NOT NULL THEN
        RETURN QUERY VALUES (0, 'linked record', p_company, p_user, NULL::uuid, NULL::bigint, v_record.kind, v_record.id);
    END IF;
END $$;

-- Static statements, so that their plans are kept as the service's are.
CREATE FUNCTION compare.timed(p_n integer, OUT rows bigint, OUT micros double precision) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    c compare.cases;
    v_begin timestamptz;
BEGIN
    SELECT * INTO STRICT c FROM compare.cases x WHERE x.n = p_n;
    v_begin := clock_timestamp();
    CASE c.read
    WHEN 'inbox' THEN
        SELECT count(*) INTO rows FROM app.inbox(c.user_id, c.company_id, NULL, NULL, NULL, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 31, 100);
    WHEN 'thread page' THEN
        SELECT count(*) INTO rows FROM app.thread_page(c.user_id, c.company_id, c.id, '{}', 31);
    WHEN 'message page' THEN
        SELECT count(*) INTO rows FROM app.message_page(c.user_id, c.company_id, c.id, c.position, 31, 12);
    WHEN 'unread in one' THEN
        PERFORM app.enter(c.user_id, c.company_id);
        rows := app.unread(c.company_id, c.id, c.position, 100);
    WHEN 'unread in all' THEN
        rows := app.unread_total(c.user_id, c.company_id, 100);
    WHEN 'linked record' THEN
        SELECT count(*) INTO rows FROM app.record_page(c.user_id, c.company_id, c.kind, c.record_id, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 31);
    WHEN 'verdict' THEN
        -- Which conversation it is about, and a message in it: nothing is read.
        PERFORM app.enter(c.user_id, c.company_id);
        rows := (app.is_member() AND app.sees_conversation(c.id) AND app.sees_message(c.id, NULL, NULL))::integer;
    END CASE;
    micros := extract(epoch FROM clock_timestamp() - v_begin) * 1e6;
END $$;

GRANT USAGE ON SCHEMA compare TO postil_app;
GRANT SELECT ON compare.cases TO postil_app;
GRANT EXECUTE ON FUNCTION compare.pick(uuid, uuid), compare.timed(integer) TO postil_app;

SELECT dblink_connect(side, :'server') FROM unnest(ARRAY['bound', 'free']) AS side \g /dev/null
-- What script/sql/roles.sql sets for the application.
SELECT dblink_exec(side, 'SET plan_cache_mode = force_generic_plan') FROM unnest(ARRAY['bound', 'free']) AS side \g /dev/null
SELECT dblink_exec('bound', 'SET SESSION AUTHORIZATION postil_app') \g /dev/null

DO $$
DECLARE
    v record;
BEGIN
    FOR v IN
        SELECT m.company_id, m.user_id FROM memberships m WHERE m.status = 'active' AND m.role_key <> 'integration'
        ORDER BY md5(m.user_id::text) LIMIT 250
    LOOP
        INSERT INTO compare.cases (read, company_id, user_id, id, position, kind, record_id)
        SELECT p.read, p.company_id, p.user_id, p.id, p.position, p.kind, p.record_id
        FROM dblink('bound', format('SELECT read, company_id, user_id, id, position, kind, record_id FROM compare.pick(%L, %L)', v.company_id, v.user_id))
            AS p (read text, company_id uuid, user_id uuid, id uuid, position bigint, kind text, record_id text);
    END LOOP;
END $$;
DO $$
DECLARE
    v record;
    v_round integer;
    v_side text;
    v_answer record;
BEGIN
    FOR v IN SELECT * FROM compare.cases ORDER BY n LOOP
        FOR v_round IN 0..5 LOOP
            FOREACH v_side IN ARRAY CASE WHEN (v.n + v_round) % 2 = 0 THEN ARRAY['bound', 'free'] ELSE ARRAY['free', 'bound'] END LOOP
                SELECT * INTO STRICT v_answer FROM dblink(v_side, format('SELECT rows, micros FROM compare.timed(%s)', v.n))
                    AS a (rows bigint, micros double precision);
                IF v_round > 0 THEN INSERT INTO compare.results VALUES (v.n, v_side, v_answer.rows, v_answer.micros); END IF;
            END LOOP;
        END LOOP;
    END LOOP;
END $$;

CREATE TABLE compare.verdict AS
WITH best AS (
    SELECT c.read, c.company_id, c.user_id, r.side, min(r.micros) AS micros, min(r.rows) AS rows
    FROM compare.results r JOIN compare.cases c USING (n) GROUP BY c.read, c.company_id, c.user_id, r.side
), pair AS (
    SELECT b.read, b.rows AS rows_bound, f.rows AS rows_free, b.micros AS bound, f.micros AS free,
        b.micros - v.micros AS beyond, b.micros / f.micros AS times
    FROM best b JOIN best f USING (read, company_id, user_id) JOIN best v USING (company_id, user_id)
    WHERE b.side = 'bound' AND f.side = 'free' AND v.side = 'bound' AND v.read = 'verdict'
)
SELECT read, count(*) AS people, read IN ('inbox', 'message page', 'thread page') AS is_page,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY rows_bound) AS rows_bound, percentile_disc(0.5) WITHIN GROUP (ORDER BY rows_free) AS rows_free,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY bound) AS p50_bound, percentile_cont(0.5) WITHIN GROUP (ORDER BY free) AS p50_free,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY bound) AS p99_bound, percentile_cont(0.99) WITHIN GROUP (ORDER BY free) AS p99_free,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY beyond) AS p50_beyond, percentile_cont(0.99) WITHIN GROUP (ORDER BY beyond) AS p99_beyond
FROM pair GROUP BY read;

\echo 'Microseconds in the server, with row-level security / without it. "beyond": without the verdict of the transaction.'
SELECT read, people, rows_bound || ' / ' || rows_free AS "rows", p50_bound::integer || ' / ' || p50_free::integer AS median,
    to_char(p50_bound / p50_free, '0.00') AS times, CASE WHEN read <> 'verdict' THEN to_char(p50_beyond / p50_free, '0.00') END AS beyond,
    p99_bound::integer || ' / ' || p99_free::integer AS p99, to_char(p99_bound / p99_free, '0.00') AS times,
    CASE WHEN read <> 'verdict' THEN to_char(p99_beyond / p99_free, '0.00') END AS beyond
FROM compare.verdict ORDER BY read = 'verdict', read;

DO $$
DECLARE
    v text;
BEGIN
    SELECT string_agg(read || ': fewer than 200 people', '; ') INTO v FROM compare.verdict WHERE people < 200;
    IF v IS NOT NULL OR (SELECT count(*) FROM compare.verdict) <> 7 THEN RAISE EXCEPTION 'too little was measured: %', v; END IF;
    -- What nobody sees is quickly answered: a read that came back empty for most says nothing.
    SELECT string_agg(read, ', ') INTO v FROM compare.verdict WHERE rows_bound = 0;
    IF v IS NOT NULL THEN RAISE EXCEPTION 'nothing to see in: %', v; END IF;
    SELECT string_agg(read, ', ') INTO v FROM compare.verdict WHERE read <> 'verdict'
        AND (p50_beyond > 3 * p50_free OR (is_page AND (p50_bound > 3 * p50_free OR p99_beyond > 3 * p99_free)));
    IF v IS NOT NULL THEN RAISE EXCEPTION 'more than three times slower under row-level security: %', v; END IF;
END $$;
