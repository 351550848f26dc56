-- Full-text search. What a person may not read, they must not find, count or time:
--   * the words of a message stand beside it (message_search), kept by a trigger: what is deleted, hidden or edited away leaves no word;
--   * a policy in front of a table keeps operators that are not leakproof, as @@ is, from its indexes. So one function,
--     app.search_candidates(), reads the words as a role that has no policy there but says "all", and reads nothing else. It judges
--     each place by the same verdict as row-level security before it answers, and answers with ids alone, as many as fit on a page:
--     a bound counts what the person may read, so that no number tells of what they may not;
--   * what is shown is read again under row-level security (app.search()).
--
-- Only adds. The words of older messages are filled in by a job for each company (search_fill), in batches: one INSERT over all
-- messages would hold the rows that it writes until its end. Until it is done, search finds newer messages only.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'postil_search') THEN
        RAISE EXCEPTION 'the role postil_search is missing: run script/sql/roles.sql first';
    END IF;
END $$;
GRANT USAGE ON SCHEMA public, app TO postil_search;
GRANT CREATE ON SCHEMA app TO postil_definer, postil_search;

-- -------------------------------------------------------------------------------------------------------------------- words

-- Small letters without accents, vowel points and the Arabic line that stretches words, in the form that all ways of typing them
-- share. The collation is named: what lower() and [[:alnum:]] do must not depend on how the database was made.
CREATE FUNCTION app.search_fold(p_text text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT normalize(regexp_replace(
        normalize(replace(lower(p_text COLLATE "und-x-icu"), 'ß', 'ss'), NFKD),
        '[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]',
        '', 'g'
    ), NFKC)
$$;
COMMENT ON FUNCTION app.search_fold(text) IS 'A text as search compares it: small letters, no accents. src/backend/excerpt.rs does the same to mark what was found.';

-- In the order of the text. Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without blanks: a run of them is one word
-- here. The vowel signs of India's scripts belong to their words, though they are no letters.
CREATE FUNCTION app.search_words(p_text text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(array_agg(x.m[1] ORDER BY x.n), '{}') FROM regexp_matches(
        regexp_replace(app.search_fold(p_text), '([\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+)', ' \1 ', 'g') COLLATE "und-x-icu",
        '([\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[[:alnum:]\u0900-\u0963\u0966-\u0dff]+)', 'g'
    ) WITH ORDINALITY AS x (m, n)
$$;
COMMENT ON FUNCTION app.search_words(text) IS 'The words of a text, folded, in order; a run of what is written without blanks is one.';

-- Each company has terms of its own: a search reads no other company's part of the index, and how long it takes tells nothing of it.
CREATE FUNCTION app.search_prefix(p_company uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT right(p_company::text, 12) $$;
COMMENT ON FUNCTION app.search_prefix(uuid) IS 'What the terms of a company begin with.';

-- The readable parts of a parsed text: runs of text, names of people mentioned, ids of records. Not where links lead.
CREATE FUNCTION app.search_terms(p_company uuid, p_text jsonb) RETURNS tsvector LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce(array_to_tsvector(array_agg(DISTINCT app.search_prefix(p_company) || t.term)), '') FROM (
        SELECT unnest(app.search_words(string_agg(x.part #>> '{}', ' '))) AS word FROM jsonb_path_query(
            p_text, 'strict $.** ? (@.type() == "object").keyvalue() ? (@.key == "text" || @.key == "name" || @.key == "id").value ? (@.type() == "string")'
        ) AS x (part)
    ) AS w
    CROSS JOIN LATERAL (
        -- Pairs of characters, and the last one alone.
        SELECT substr(w.word, i, 2) AS term FROM generate_series(1, char_length(w.word)) AS i WHERE w.word ~ '^[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]'
        UNION ALL
        SELECT left(w.word, 40) WHERE w.word !~ '^[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]'
    ) AS t
$$;
COMMENT ON FUNCTION app.search_terms(uuid, jsonb) IS 'What a parsed text can be found by: its words (40 characters of each); what is written without blanks by pairs of characters.';

-- All words must be there; of the last one the beginning is enough, because it may still be being typed.
CREATE FUNCTION app.search_query(p_company uuid, p_text text) RETURNS tsquery LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT string_agg('''' || app.search_prefix(p_company) || t.term || '''' || CASE WHEN t.open THEN ':*' ELSE '' END, ' & ')::tsquery
    FROM (SELECT app.search_words(p_text) AS words) AS w
    CROSS JOIN LATERAL unnest(w.words) WITH ORDINALITY AS x (word, n)
    CROSS JOIN LATERAL (
        SELECT substr(x.word, i, 2) AS term, char_length(x.word) = 1 AS open
        FROM generate_series(1, greatest(1, char_length(x.word) - 1)) AS i WHERE x.word ~ '^[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]'
        UNION ALL
        SELECT left(x.word, 40), x.n = cardinality(w.words) AND char_length(x.word) > 1
        WHERE x.word !~ '^[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u1049\u1780-\u17d3\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]'
    ) AS t
$$;
COMMENT ON FUNCTION app.search_query(uuid, text) IS 'What a person typed, as a query over app.search_terms(): every word, the last one by its beginning. Null: there is no word in it.';

-- -------------------------------------------------------------------------------------------------------------------- table

CREATE TABLE message_search (
    company_id      uuid NOT NULL,
    message_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    author_id       uuid NOT NULL,
    link_kind       text,
    link_id         text,
    created_at      timestamptz NOT NULL,
    terms           tsvector NOT NULL,
    PRIMARY KEY (company_id, message_id),
    FOREIGN KEY (company_id, conversation_id, message_id) REFERENCES messages (company_id, conversation_id, id)
);
COMMENT ON TABLE message_search IS 'The words of messages, for search. One row a message, kept by a trigger; read by app.search_candidates() alone.';
COMMENT ON COLUMN message_search.company_id IS 'The company.';
COMMENT ON COLUMN message_search.message_id IS 'The message.';
COMMENT ON COLUMN message_search.conversation_id IS 'Where it stands. Never changes.';
COMMENT ON COLUMN message_search.author_id IS 'Who wrote it. Never changes.';
COMMENT ON COLUMN message_search.link_kind IS 'Kind of the record that governs it; null: none does. Never changes.';
COMMENT ON COLUMN message_search.link_id IS 'That record; null: none. Never changes.';
COMMENT ON COLUMN message_search.created_at IS 'When it was written. Never changes.';
COMMENT ON COLUMN message_search.terms IS 'app.search_terms() of its present text; empty while it is hidden, and once it is deleted.';
ALTER TABLE message_search ALTER COLUMN terms SET STATISTICS 0;
-- Without a list of what waits to be sorted in: every search would read that list, of all companies, and now and then a send would
-- have to sort it.
CREATE INDEX message_search_terms ON message_search USING gin (terms) WITH (fastupdate = off);

ALTER TABLE message_search ENABLE ROW LEVEL SECURITY;
ALTER TABLE message_search FORCE ROW LEVEL SECURITY;
CREATE POLICY message_search_tenant ON message_search AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
    USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()));
CREATE POLICY message_search_members ON message_search AS RESTRICTIVE TO postil_app
    USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()));
CREATE POLICY message_search_house ON message_search TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true);
CREATE POLICY message_search_find ON message_search FOR SELECT TO postil_search USING (true);
GRANT SELECT, INSERT ON message_search TO postil_definer;
GRANT UPDATE (terms) ON message_search TO postil_definer;
GRANT SELECT ON message_search TO postil_search;
GRANT EXECUTE ON FUNCTION app.search_fold(text), app.search_words(text), app.search_prefix(uuid), app.search_terms(uuid, jsonb) TO postil_definer;
GRANT EXECUTE ON FUNCTION app.search_fold(text), app.search_words(text), app.search_prefix(uuid), app.search_query(uuid, text) TO postil_search;

CREATE FUNCTION app.message_search_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.message_search AS s (company_id, message_id, conversation_id, author_id, link_kind, link_id, created_at, terms)
    VALUES (
        NEW.company_id, NEW.id, NEW.conversation_id, NEW.author_id, NEW.link_kind, NEW.link_id, NEW.created_at,
        CASE WHEN NEW.deleted_at IS NULL AND NEW.hidden_at IS NULL THEN app.search_terms(NEW.company_id, NEW.text_ast) ELSE '' END
    )
    ON CONFLICT (company_id, message_id) DO UPDATE SET terms = excluded.terms;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.message_search_keep() IS 'Trigger: the words of a message follow its text, whoever changes it.';
ALTER FUNCTION app.message_search_keep() OWNER TO postil_definer;
CREATE TRIGGER messages_search AFTER INSERT OR UPDATE OF text_ast, deleted_at, hidden_at ON messages
    FOR EACH ROW EXECUTE FUNCTION app.message_search_keep();

-- Words of messages from before the trigger, one batch in the order of ids. What the trigger has written stays.
CREATE FUNCTION app.search_fill(p_after uuid, p_limit integer) RETURNS uuid LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_last uuid;
BEGIN
    WITH batch AS MATERIALIZED (
        SELECT m.company_id, m.id, m.conversation_id, m.author_id, m.link_kind, m.link_id, m.created_at, m.text_ast, m.deleted_at, m.hidden_at
        FROM public.messages m WHERE m.company_id = app.company_id() AND m.id > p_after ORDER BY m.id LIMIT p_limit
    ), written AS (
        INSERT INTO public.message_search (company_id, message_id, conversation_id, author_id, link_kind, link_id, created_at, terms)
        SELECT b.company_id, b.id, b.conversation_id, b.author_id, b.link_kind, b.link_id, b.created_at,
            CASE WHEN b.deleted_at IS NULL AND b.hidden_at IS NULL THEN app.search_terms(b.company_id, b.text_ast) ELSE '' END
        FROM batch b ON CONFLICT (company_id, message_id) DO NOTHING
    )
    SELECT b.id INTO v_last FROM batch b ORDER BY b.id DESC LIMIT 1;
    RETURN v_last;
END $$;
COMMENT ON FUNCTION app.search_fill(uuid, integer) IS 'Fills in the words of the next messages after an id, in the company at hand; the last id looked at, null at the end.';
ALTER FUNCTION app.search_fill(uuid, integer) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.search_fill(uuid, integer) TO postil_worker;

-- -------------------------------------------------------------------------------------------------------------------- doors

-- The verdict of row-level security on messages (app.sees_message()), for many places at once: one by one they take a twentieth of a
-- second for each thousand. What is found is read under row-level security afterwards all the same.
CREATE FUNCTION app.readable_places(p_conversations uuid[], p_kinds text[], p_ids text[]) RETURNS boolean[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_company uuid := app.company_id();
    v_user uuid := app.user_id();
    v_member boolean := app.is_member();
    v_threads text[] := app.allowed('thread:read');
    v_no_threads text[] := app.denied('thread:read');
    v_reads text[] := app.allowed('message:read');
    v_no_reads text[] := app.denied('message:read');
    v_talks boolean := app.may('thread:read', NULL, NULL);
    v_talk_reads boolean := app.may('message:read', NULL, NULL);
BEGIN
    RETURN ARRAY(
        SELECT v_member AND coalesce(
            CASE WHEN c.kind = 'record' THEN r.scope_tokens && v_threads AND NOT r.scope_tokens && v_no_threads
                ELSE v_talks AND EXISTS (
                    SELECT 1 FROM public.participants p
                    WHERE p.company_id = v_company AND p.conversation_id = c.id AND p.user_id = v_user AND p.deleted_at IS NULL
                ) END
            AND CASE WHEN x.kind IS NULL THEN v_talk_reads
                ELSE g.scope_tokens && v_threads AND NOT g.scope_tokens && v_no_threads AND g.scope_tokens && v_reads AND NOT g.scope_tokens && v_no_reads END,
            false)
        FROM unnest(p_conversations, p_kinds, p_ids) WITH ORDINALITY AS x (conversation_id, kind, id, n)
        LEFT JOIN public.conversations c ON c.company_id = v_company AND c.id = x.conversation_id AND c.deleted_at IS NULL
        LEFT JOIN public.linked_records r ON r.company_id = v_company AND r.kind = c.link_kind AND r.id = c.link_id AND r.deleted_at IS NULL
        LEFT JOIN public.linked_records g ON g.company_id = v_company AND g.kind = x.kind AND g.id = x.id AND g.deleted_at IS NULL
        ORDER BY x.n
    );
END $$;
COMMENT ON FUNCTION app.readable_places(uuid[], text[], text[]) IS 'Whether the person at hand reads messages in each conversation that the record of the same number governs (null: none does).';
ALTER FUNCTION app.readable_places(uuid[], text[], text[]) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.readable_places(uuid[], text[], text[]) TO postil_search;

-- The only eyes of postil_search. Whoever calls it by hand learns no more than by searching: each place is judged before anything
-- is answered, and there is no number of what was found.
CREATE FUNCTION app.search_candidates(
    p_text text, p_conversation uuid, p_kind text, p_id text, p_author uuid, p_from timestamptz, p_to timestamptz, p_folded uuid[],
    p_before_at timestamptz, p_before_id uuid, p_limit integer
) RETURNS TABLE (message_id uuid) LANGUAGE plpgsql STABLE ROWS 31 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_company uuid := app.company_id();
    v_query tsquery;
BEGIN
    IF NOT app.is_member() THEN RETURN; END IF;
    v_query := app.search_query(v_company, p_text);
    RETURN QUERY
    WITH place AS MATERIALIZED (
        SELECT row_number() OVER () AS n, g.* FROM (
            SELECT s.conversation_id, s.link_kind, s.link_id, array_agg(s.message_id) AS ids, array_agg(s.created_at) AS times
            FROM public.message_search s
            -- Not "=": the terms are the company's own, and its other index would list all of its messages only to find the same ones.
            WHERE s.terms @@ v_query AND s.company_id IS NOT DISTINCT FROM v_company
            AND (p_conversation IS NULL OR s.conversation_id = p_conversation)
            AND (p_kind IS NULL OR (s.link_kind = p_kind AND s.link_id = p_id))
            AND (p_author IS NULL OR s.author_id = p_author)
            AND (p_from IS NULL OR s.created_at >= p_from) AND (p_to IS NULL OR s.created_at < p_to)
            -- What a block folds is not quoted, here as little as in lists.
            AND (s.link_kind IS NOT NULL OR s.author_id <> ALL (p_folded))
            AND (s.created_at, s.message_id) < (p_before_at, p_before_id)
            GROUP BY s.conversation_id, s.link_kind, s.link_id
        ) AS g
    ), readable AS MATERIALIZED (
        SELECT app.readable_places(array_agg(p.conversation_id ORDER BY p.n), array_agg(p.link_kind ORDER BY p.n), array_agg(p.link_id ORDER BY p.n)) AS ns
        FROM place p
    )
    SELECT x.message_id FROM readable
    CROSS JOIN place
    CROSS JOIN LATERAL unnest(place.ids, place.times) AS x (message_id, created_at)
    WHERE readable.ns[place.n]
    ORDER BY x.created_at DESC, x.message_id DESC LIMIT p_limit;
END $$;
COMMENT ON FUNCTION app.search_candidates(text, uuid, text, text, uuid, timestamptz, timestamptz, uuid[], timestamptz, uuid, integer)
    IS 'Ids of messages that the person at hand may read and whose words match, newest first, before a position. No more than asked for, no count.';
ALTER FUNCTION app.search_candidates(text, uuid, text, text, uuid, timestamptz, timestamptz, uuid[], timestamptz, uuid, integer) OWNER TO postil_search;
GRANT EXECUTE ON FUNCTION app.search_candidates(text, uuid, text, text, uuid, timestamptz, timestamptz, uuid[], timestamptz, uuid, integer) TO postil_app;
GRANT EXECUTE ON FUNCTION app.company_id(), app.caller(), app.remember(), app.is_member() TO postil_search;

CREATE FUNCTION app.search(
    p_user uuid, p_company uuid, p_text text, p_conversation uuid, p_kind text, p_id text, p_author uuid, p_from timestamptz, p_to timestamptz,
    p_before_at timestamptz, p_before_id uuid, p_limit integer
) RETURNS TABLE (
    id uuid, conversation_id uuid, root_id uuid, seq bigint, author_id uuid, author_name text, author_kind text, author_job_title text,
    text_ast jsonb, link_kind text, link_id text, link_source text, link_title text, link_amount_minor bigint, link_currency text,
    link_status text, created_at timestamptz, edited_at timestamptz,
    place_kind text, place_title text, place_link_kind text, place_link_id text
) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    PERFORM app.enter(p_user, p_company);
    RETURN QUERY
    SELECT r.id, r.conversation_id, r.root_id, r.seq, r.author_id, r.author_name, r.author_kind, r.author_job_title,
        r.text_ast, r.link_kind, r.link_id, r.link_source, r.link_title, r.link_amount_minor, r.link_currency, r.link_status, r.created_at, r.edited_at,
        c.kind,
        CASE c.kind
            WHEN 'group' THEN c.title
            WHEN 'record' THEN (SELECT l.title FROM public.linked_records l WHERE l.company_id = p_company AND l.kind = c.link_kind AND l.id = c.link_id)
            ELSE (
                SELECT u.name FROM public.participants x JOIN public.users u ON u.id = x.user_id
                WHERE x.company_id = p_company AND x.conversation_id = c.id AND x.user_id <> p_user LIMIT 1
            )
        END,
        c.link_kind, c.link_id
    FROM app.search_candidates(
        p_text, p_conversation, p_kind, p_id, p_author, p_from, p_to, app.my_blocked_ids(), p_before_at, p_before_id, p_limit
    ) AS f
    -- LIMIT 1 keeps the look-ups look-ups.
    CROSS JOIN LATERAL (SELECT x.* FROM public.message_rows x WHERE x.company_id = p_company AND x.id = f.message_id LIMIT 1) AS r
    CROSS JOIN LATERAL (SELECT x.* FROM public.conversations x WHERE x.company_id = p_company AND x.id = r.conversation_id LIMIT 1) AS c
    WHERE r.deleted_at IS NULL AND r.hidden_at IS NULL
    ORDER BY r.created_at DESC, r.id DESC;
END $$;
COMMENT ON FUNCTION app.search(uuid, uuid, text, uuid, text, text, uuid, timestamptz, timestamptz, timestamptz, uuid, integer)
    IS 'A page of messages whose words match, newest first, each with where it stands; read under row-level security.';
GRANT EXECUTE ON FUNCTION app.search(uuid, uuid, text, uuid, text, text, uuid, timestamptz, timestamptz, timestamptz, uuid, integer) TO postil_app;

-- ----------------------------------------------------------------------------------------------------------- what was before

DO $$
DECLARE
    v_companies uuid[];
    v_company uuid;
BEGIN
    -- Nobody may read all companies but sign-in.
    SET LOCAL ROLE postil_auth;
    v_companies := ARRAY(SELECT s.company_id FROM public.company_stream s ORDER BY s.company_id);
    SET LOCAL ROLE postil_owner;
    FOREACH v_company IN ARRAY v_companies LOOP
        PERFORM app.enter(NULL, v_company);
        INSERT INTO public.jobs (company_id, id, kind, run_at, created_at, updated_at)
        VALUES (v_company, gen_random_uuid(), 'search_fill', now(), now(), now());
    END LOOP;
    PERFORM app.enter(NULL, NULL);
END $$;

REVOKE CREATE ON SCHEMA app FROM postil_definer, postil_search;
