-- What a second look at the first schema found: functions, policies and triggers; no table is touched, old servers don't notice.

GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

-- A no is remembered as well as a yes: unread counts pass over thousands of hidden messages, and nobody is let in while they
-- count. (Remembered for one transaction, one person and one company, like everything that app.remember() knows.)
CREATE OR REPLACE FUNCTION app.judge_message(p_conversation uuid, p_kind text, p_id text) RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_yes boolean := app.sees_conversation(p_conversation) AND app.may('message:read', p_kind, p_id);
    v_done text;
BEGIN
    v_done := set_config(CASE WHEN v_yes THEN 'app.reads' ELSE 'app.hides' END,
        app.caller() || '/' || p_conversation::text || coalesce('/' || p_kind || '/' || p_id, ''), true);
    RETURN v_yes;
END $$;
COMMENT ON FUNCTION app.judge_message(uuid, text, text) IS 'app.sees_message(), from the tables; remembers its answer.';

CREATE OR REPLACE FUNCTION app.sees_message(p_conversation uuid, p_kind text, p_id text) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN current_setting('app.reads', true) = app.caller() || '/' || p_conversation::text || coalesce('/' || p_kind || '/' || p_id, '') THEN true
        WHEN current_setting('app.hides', true) = app.caller() || '/' || p_conversation::text || coalesce('/' || p_kind || '/' || p_id, '') THEN false
        ELSE app.judge_message(p_conversation, p_kind, p_id)
    END
$$;

-- A record that is gone is nobody's to see, like the talk about it: app.facts() and the hub say so already.
CREATE OR REPLACE FUNCTION app.judge_record(p_action text, p_kind text, p_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_yes boolean;
    v_done text;
BEGIN
    SELECT r.scope_tokens && app.allowed('thread:read') AND NOT r.scope_tokens && app.denied('thread:read')
        AND r.scope_tokens && app.allowed(p_action) AND NOT r.scope_tokens && app.denied(p_action)
    INTO v_yes FROM public.linked_records r WHERE r.company_id = app.company_id() AND r.kind = p_kind AND r.id = p_id AND r.deleted_at IS NULL;
    IF v_yes THEN
        v_done := set_config('app.may_' || replace(p_action, ':', '_'), app.caller() || '/' || p_kind || '/' || p_id, true);
    END IF;
    RETURN coalesce(v_yes, false);
END $$;

-- Both must be writable: the record that the message names, and the one that its conversation is about. Without the second,
-- who may only answer in a record's conversation could begin threads there by naming a record of their own.
ALTER POLICY messages_insert ON messages
    WITH CHECK (
        author_id = (SELECT app.user_id()) AND created_by = (SELECT app.user_id())
        AND EXISTS (
            SELECT 1 FROM conversations c
            WHERE c.company_id = messages.company_id AND c.id = messages.conversation_id
            -- Talk in a record's conversation names a record: without one, message:read on the record would not be asked.
            AND (c.kind <> 'record' OR messages.link_kind IS NOT NULL)
            AND (messages.link_source IS DISTINCT FROM 'conversation' OR (messages.link_kind, messages.link_id) = (c.link_kind, c.link_id))
            AND app.may(CASE WHEN messages.parent_id IS NULL THEN 'message:create' ELSE 'message:reply' END, c.link_kind, c.link_id)
        )
        AND app.may(CASE WHEN parent_id IS NULL THEN 'message:create' ELSE 'message:reply' END, link_kind, link_id)
    );

-- One send: idempotency, place in the thread, position, message, version, link, reply count, read pointer, event. One commit.
-- outcome: created | replayed | mismatch | not_found | too_deep | parent_deleted | link_conflict
CREATE OR REPLACE FUNCTION app.message_send(
    p_user uuid, p_company uuid, p_key text, p_hash bytea, p_message uuid, p_conversation uuid, p_parent uuid,
    p_kind text, p_id text, p_body text, p_text jsonb, p_preview text, p_mentions uuid[], p_at timestamptz
) RETURNS TABLE (outcome text, event_seq bigint, legal_parent_id uuid, message message_rows) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_entered text;
    v_done record;
    v_parent record;
    v_conversation record;
    v_link public.message_links;
    v_kind text := p_kind;
    v_id text := p_id;
    v_source text := CASE WHEN p_kind IS NULL THEN NULL ELSE 'own' END;
    v_depth smallint := 0;
    v_root uuid := p_message;
    v_path bigint[] := '{}';
    v_depth_max smallint;
    v_seq bigint;
    v_event bigint;
    v_legal uuid;
    v_message public.message_rows;
BEGIN
    v_entered := app.enter(p_user, p_company);

    SELECT k.request_hash, k.message_id INTO v_done FROM public.idempotency_keys k
    WHERE k.company_id = p_company AND k.user_id = p_user AND k.key = p_key;
    IF FOUND THEN
        RETURN QUERY SELECT x.outcome, NULL::bigint, NULL::uuid, x.message FROM app.message_replay(p_company, v_done.request_hash, v_done.message_id, p_hash) x;
        RETURN;
    END IF;

    -- A parent is seen only where its conversation is: what is wrong with it is told before anything is locked.
    IF p_parent IS NOT NULL THEN
        SELECT m.depth, m.root_id, m.path, m.deleted_at, m.link_kind, m.link_id, m.link_source INTO v_parent FROM public.messages m
        WHERE m.company_id = p_company AND m.conversation_id = p_conversation AND m.id = p_parent;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::uuid, NULL::message_rows;
            RETURN;
        ELSIF v_parent.deleted_at IS NOT NULL THEN
            RETURN QUERY SELECT 'parent_deleted', NULL::bigint, NULL::uuid, NULL::message_rows;
            RETURN;
        END IF;
        SELECT c.reply_depth_max INTO v_depth_max FROM public.companies c WHERE c.id = p_company;
        v_depth := v_parent.depth + 1;
        v_root := v_parent.root_id;
        v_path := v_parent.path;
        IF v_depth > v_depth_max THEN
            -- The deepest ancestor that can still be answered: positions on the path name the ancestors, tombstones take no answer.
            SELECT m.id INTO v_legal FROM public.messages m
            WHERE m.company_id = p_company AND m.conversation_id = p_conversation AND m.seq = ANY (v_path[1:v_depth_max]) AND m.deleted_at IS NULL
            ORDER BY m.depth DESC LIMIT 1;
            RETURN QUERY SELECT 'too_deep', NULL::bigint, v_legal, NULL::message_rows;
            RETURN;
        END IF;
        IF v_parent.link_source IN ('own', 'parent') THEN
            IF p_kind IS NOT NULL AND (p_kind, p_id) IS DISTINCT FROM (v_parent.link_kind, v_parent.link_id) THEN
                RETURN QUERY SELECT 'link_conflict', NULL::bigint, NULL::uuid, NULL::message_rows;
                RETURN;
            END IF;
            v_kind := v_parent.link_kind;
            v_id := v_parent.link_id;
            v_source := 'parent';
        END IF;
    END IF;
    IF NOT app.sees_conversation(p_conversation) THEN
        RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::uuid, NULL::message_rows;
        RETURN;
    END IF;
    -- The row lock of the conversation comes first, the company's stream last: no two sends wait for each other in a circle.
    UPDATE public.conversations c SET last_seq = c.last_seq + 1, activity_at = greatest(c.activity_at, p_at), updated_at = p_at
    WHERE c.company_id = p_company AND c.id = p_conversation
    RETURNING c.last_seq, c.kind, c.link_kind, c.link_id INTO v_conversation;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::uuid, NULL::message_rows;
        RETURN;
    END IF;
    v_seq := v_conversation.last_seq;
    IF v_kind IS NULL AND v_conversation.link_kind IS NOT NULL THEN
        v_kind := v_conversation.link_kind;
        v_id := v_conversation.link_id;
        v_source := 'conversation';
    END IF;

    INSERT INTO public.messages (
        company_id, id, conversation_id, seq, parent_id, root_id, path, depth, author_id, client_key, body, text_ast, preview,
        link_kind, link_id, link_source, version, created_at, created_by, updated_at
    ) VALUES (
        p_company, p_message, p_conversation, v_seq, p_parent, v_root, v_path || v_seq, v_depth, p_user, p_key, p_body, p_text, p_preview,
        v_kind, v_id, v_source, 1, p_at, p_user, p_at
    );
    WITH version AS (
        INSERT INTO public.message_versions (company_id, message_id, version, body, text_ast, created_at, created_by)
        VALUES (p_company, p_message, 1, p_body, p_text, p_at, p_user)
    )
    INSERT INTO public.idempotency_keys (company_id, user_id, key, request_hash, message_id, created_at)
    VALUES (p_company, p_user, p_key, p_hash, p_message, p_at)
    ON CONFLICT DO NOTHING;
    -- A racing twin with the same key has committed meanwhile: nothing of this send stays, the next try is a replay.
    IF NOT FOUND THEN RAISE EXCEPTION 'racing twin' USING ERRCODE = 'PT409'; END IF;
    IF v_kind IS NOT NULL THEN
        INSERT INTO public.message_links (company_id, message_id, kind, record_id, title, amount_minor, currency, status, created_at, created_by)
        SELECT p_company, p_message, r.kind, r.id, r.title, r.amount_minor, r.currency, r.status, p_at, p_user
        FROM public.linked_records r WHERE r.company_id = p_company AND r.kind = v_kind AND r.id = v_id
        RETURNING title, amount_minor, currency, status INTO v_link.title, v_link.amount_minor, v_link.currency, v_link.status;
    END IF;
    IF p_parent IS NOT NULL THEN
        INSERT INTO public.threads AS t (company_id, root_id, conversation_id, reply_count, last_reply_at, is_mixed, updated_at)
        VALUES (p_company, v_root, p_conversation, 1, p_at, v_source IS NOT DISTINCT FROM 'own', p_at)
        ON CONFLICT (company_id, root_id) DO UPDATE
            SET reply_count = t.reply_count + 1, last_reply_at = p_at, is_mixed = t.is_mixed OR excluded.is_mixed, updated_at = p_at;
    END IF;
    -- Whoever writes or is mentioned in a record's conversation follows it from then on; seeing it is still judged live.
    IF v_conversation.kind = 'record' THEN
        INSERT INTO public.participants (company_id, conversation_id, user_id, created_at, created_by, updated_at)
        SELECT p_company, p_conversation, m.user_id, p_at, p_user, p_at FROM public.memberships m
        WHERE m.company_id = p_company AND m.status = 'active' AND (m.user_id = p_user OR (m.user_id = ANY (p_mentions)
            -- A guest draws nobody in: it would make strangers meet.
            AND EXISTS (SELECT 1 FROM public.memberships me WHERE me.company_id = p_company AND me.user_id = p_user AND me.kind = 'internal')))
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(p_mentions) > 0 THEN
        INSERT INTO public.notification_queue (company_id, id, user_id, kind, message_id, created_at)
        SELECT p_company, gen_random_uuid(), p.user_id, 'mention', p_message, p_at FROM public.participants p
        WHERE p.company_id = p_company AND p.conversation_id = p_conversation AND p.user_id = ANY (p_mentions) AND p.user_id <> p_user AND p.deleted_at IS NULL
        ON CONFLICT DO NOTHING;
    END IF;
    -- One's own message read does not make the ones before it read: the pointer moves only where it stood right before, which
    -- without a pointer is before the first.
    UPDATE public.read_receipts r SET read_seq = v_seq, read_at = p_at
    WHERE r.company_id = p_company AND r.conversation_id = p_conversation AND r.user_id = p_user AND r.read_seq = v_seq - 1;
    IF NOT FOUND AND v_seq = 1 THEN
        INSERT INTO public.read_receipts (company_id, conversation_id, user_id, read_seq, read_at)
        VALUES (p_company, p_conversation, p_user, 1, p_at) ON CONFLICT DO NOTHING;
    END IF;

    IF NOT app.sees_message(p_conversation, v_kind, v_id) THEN
        RAISE EXCEPTION 'a sender sees what they send' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What message_rows would show, column by column: nothing of it but the author and the record is not known here already.
    SELECT p_company, p_message, p_conversation, v_seq, p_parent, v_root, v_depth, v_path || v_seq,
        p_user, u.name, a.kind, a.job_title, p_key, p_body, p_text, v_kind, v_id, v_source,
        v_link.title, v_link.amount_minor, v_link.currency, v_link.status, 1, p_at, NULL::timestamptz, NULL::timestamptz, 0, NULL::timestamptz
    INTO v_message
    FROM public.users u JOIN public.memberships a ON a.company_id = p_company AND a.user_id = u.id WHERE u.id = p_user;
    UPDATE public.company_stream s SET last_seq = s.last_seq + 1 WHERE s.company_id = p_company RETURNING s.last_seq INTO v_event;
    IF NOT FOUND THEN RAISE EXCEPTION 'no stream for this company' USING ERRCODE = 'insufficient_privilege'; END IF;
    INSERT INTO public.event_log (company_id, seq, kind, conversation_id, message_id, link_kind, link_id, user_id, at)
    VALUES (p_company, v_event, CASE WHEN p_parent IS NULL THEN 'message.created' ELSE 'thread.reply.created' END,
        p_conversation, p_message, v_kind, v_id, p_user, p_at);
    RETURN QUERY SELECT 'created', v_event, NULL::uuid, v_message;
END $$;

-- outcome: created | existing | replayed (what this key made) | found_again (what this key found) | mismatch | not_found
CREATE OR REPLACE FUNCTION app.conversation_create(
    p_user uuid, p_company uuid, p_key text, p_hash bytea, p_conversation uuid, p_kind text, p_title text, p_people uuid[],
    p_link_kind text, p_link_id text, p_at timestamptz
) RETURNS TABLE (outcome text, event_seq bigint, conversation_id uuid) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_done record;
    v_direct text;
    v_id uuid;
    v_owner uuid;
    v_event bigint;
    v_count integer;
BEGIN
    PERFORM app.enter(p_user, p_company);
    IF p_key IS NOT NULL THEN
        SELECT k.request_hash, k.conversation_id, k.created_at, c.created_at AS made_at INTO v_done FROM public.idempotency_keys k
        LEFT JOIN public.conversations c ON c.company_id = k.company_id AND c.id = k.conversation_id
        WHERE k.company_id = p_company AND k.user_id = p_user AND k.key = p_key;
        IF FOUND THEN
            RETURN QUERY SELECT CASE
                WHEN v_done.request_hash <> p_hash OR v_done.conversation_id IS NULL THEN 'mismatch'
                -- Withdrawn from their sight meanwhile: it must not come back through a retry.
                WHEN v_done.made_at IS NULL THEN 'not_found'
                WHEN v_done.made_at = v_done.created_at THEN 'replayed' ELSE 'found_again' END,
                NULL::bigint, v_done.conversation_id;
            RETURN;
        END IF;
    END IF;
    IF p_kind = 'record' THEN
        SELECT r.owner_id INTO v_owner FROM public.linked_records r
        WHERE r.company_id = p_company AND r.kind = p_link_kind AND r.id = p_link_id AND r.deleted_at IS NULL;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::uuid;
            RETURN;
        END IF;
    ELSE
        SELECT count(*) INTO v_count FROM public.memberships m
        WHERE m.company_id = p_company AND m.user_id = ANY (p_people) AND m.status = 'active' AND m.user_id <> p_user;
        IF v_count <> cardinality(p_people) OR v_count = 0 THEN
            RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::uuid;
            RETURN;
        END IF;
    END IF;
    IF p_kind = 'direct' THEN
        v_direct := least(p_user::text, p_people[1]::text) || ':' || greatest(p_user::text, p_people[1]::text);
    END IF;
    INSERT INTO public.conversations (company_id, id, kind, title, direct_key, link_kind, link_id, activity_at, created_at, created_by, updated_at)
    VALUES (p_company, p_conversation, p_kind, p_title, v_direct, p_link_kind, p_link_id, p_at, p_at, p_user, p_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT c.id INTO v_id FROM public.conversations c
        WHERE c.company_id = p_company AND ((p_kind = 'direct' AND c.kind = 'direct' AND c.direct_key = v_direct)
            OR (p_kind = 'record' AND c.kind = 'record' AND c.link_kind = p_link_kind AND c.link_id = p_link_id));
        -- The key is taken by this answer, too: with another request it is a mismatch.
        IF v_id IS NOT NULL AND p_key IS NOT NULL THEN
            INSERT INTO public.idempotency_keys (company_id, user_id, key, request_hash, conversation_id, created_at)
            VALUES (p_company, p_user, p_key, p_hash, v_id, p_at);
        END IF;
        RETURN QUERY SELECT CASE WHEN v_id IS NULL THEN 'not_found' ELSE 'existing' END, NULL::bigint, v_id;
        RETURN;
    END IF;
    INSERT INTO public.participants (company_id, conversation_id, user_id, created_at, created_by, updated_at)
    VALUES (p_company, p_conversation, p_user, p_at, p_user, p_at);
    INSERT INTO public.participants (company_id, conversation_id, user_id, created_at, created_by, updated_at)
    SELECT p_company, p_conversation, x.id, p_at, p_user, p_at FROM unnest(p_people || v_owner) AS x (id)
    WHERE x.id IS NOT NULL AND x.id <> p_user ON CONFLICT DO NOTHING;
    IF p_key IS NOT NULL THEN
        INSERT INTO public.idempotency_keys (company_id, user_id, key, request_hash, conversation_id, created_at)
        VALUES (p_company, p_user, p_key, p_hash, p_conversation, p_at);
    END IF;
    v_event := app.next_seq(p_company, 1);
    INSERT INTO public.event_log (company_id, seq, kind, conversation_id, user_id, at)
    VALUES (p_company, v_event, 'conversation.updated', p_conversation, p_user, p_at);
    RETURN QUERY SELECT 'created', v_event, p_conversation;
END $$;

-- A company that is gone has no members: requests said so already (auth.session_open), now open sockets do. (Row-level security
-- says so with the next migration, whose app.remember() is another anyway.)
CREATE OR REPLACE FUNCTION auth.sessions_alive(p_sessions uuid[], p_at timestamptz) RETURNS TABLE (session_id uuid, company_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT s.id, s.company_id FROM public.sessions s
    JOIN public.users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
    JOIN public.memberships m ON m.company_id = s.company_id AND m.user_id = s.user_id AND m.status = 'active' AND m.deleted_at IS NULL
    JOIN public.companies c ON c.id = s.company_id AND c.deleted_at IS NULL
    WHERE s.id = ANY (p_sessions) AND s.revoked_at IS NULL AND s.expires_at > p_at
$$;

CREATE TRIGGER companies_gone AFTER UPDATE OF deleted_at ON companies
    FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION app.access_changed();

-- How long a browser's session lasts at most, however much it is used: a stolen cookie must not live for ever by being used.
-- limits.rs has the same figure (SESSION_LIFE_S), and a test compares.
CREATE FUNCTION auth.session_life() RETURNS interval LANGUAGE sql IMMUTABLE
AS $$ SELECT interval '30 days' $$;
COMMENT ON FUNCTION auth.session_life() IS 'How long a browser''s session lasts at most, however much it is used.';

CREATE OR REPLACE FUNCTION auth.session_open(p_hash bytea, p_at timestamptz) RETURNS TABLE (
    session_id uuid, user_id uuid, company_id uuid, session_kind text, context_epoch integer, expires_at timestamptz,
    role_key text, member_kind text, department_id uuid, projects uuid[], policy_version integer, reply_depth_max smallint, edit_window_s integer
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    -- Use prolongs a browser's session, at most once a minute and never beyond its life; an embedded one ends when its token said.
    UPDATE public.sessions s SET seen_at = p_at,
        expires_at = CASE s.kind WHEN 'browser' THEN least(p_at + (s.expires_at - s.seen_at), s.created_at + auth.session_life()) ELSE s.expires_at END
    WHERE s.token_hash = p_hash AND s.revoked_at IS NULL AND s.expires_at > p_at AND s.seen_at < p_at - interval '1 minute';
    RETURN QUERY
    SELECT s.id, s.user_id, s.company_id, s.kind, s.context_epoch, s.expires_at, m.role_key, m.kind, m.department_id,
        ARRAY(SELECT pm.project_id FROM public.project_members pm
            WHERE pm.company_id = m.company_id AND pm.user_id = m.user_id AND pm.deleted_at IS NULL),
        c.policy_version, c.reply_depth_max, c.edit_window_s
    FROM public.sessions s
    JOIN public.users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
    JOIN public.memberships m ON m.company_id = s.company_id AND m.user_id = s.user_id AND m.status = 'active' AND m.deleted_at IS NULL
    JOIN public.companies c ON c.id = s.company_id AND c.deleted_at IS NULL
    WHERE s.token_hash = p_hash AND s.revoked_at IS NULL AND s.expires_at > p_at;
END $$;

ALTER FUNCTION auth.session_life() OWNER TO postil_auth;
GRANT EXECUTE ON FUNCTION auth.session_life() TO postil_app;
REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
