-- The hot paths, one round trip each. All run with the caller's rights (SECURITY INVOKER): row-level security judges every
-- row they touch. Each begins by entering (user, company) for its own transaction.

-- A message as it travels. security_invoker: the reader's policies apply, not the view owner's.
CREATE VIEW message_rows WITH (security_invoker = true) AS
SELECT
    m.company_id, m.id, m.conversation_id, m.seq, m.parent_id, m.root_id, m.depth, m.path,
    m.author_id, u.name AS author_name, a.kind AS author_kind, a.job_title AS author_job_title,
    m.client_key, m.body, m.text_ast, m.link_kind, m.link_id, m.link_source,
    l.title AS link_title, l.amount_minor AS link_amount_minor, l.currency AS link_currency, l.status AS link_status,
    m.version, m.created_at, m.edited_at, m.deleted_at,
    CASE WHEN t.is_mixed THEN (
        SELECT count(*)::integer FROM messages x WHERE x.company_id = m.company_id AND x.root_id = m.id AND x.parent_id IS NOT NULL
    ) ELSE coalesce(t.reply_count, 0) END AS reply_count,
    CASE WHEN t.is_mixed THEN (
        SELECT max(x.created_at) FROM messages x WHERE x.company_id = m.company_id AND x.root_id = m.id AND x.parent_id IS NOT NULL
    ) ELSE t.last_reply_at END AS last_reply_at
FROM messages m
JOIN users u ON u.id = m.author_id
JOIN memberships a ON a.company_id = m.company_id AND a.user_id = m.author_id
LEFT JOIN message_links l ON l.company_id = m.company_id AND l.message_id = m.id
LEFT JOIN threads t ON m.parent_id IS NULL AND t.company_id = m.company_id AND t.root_id = m.id;
GRANT SELECT ON message_rows TO postil_app, postil_worker;

-- What a verdict needs to know about a conversation, a message and a record to be linked, as far as the caller may see them.
CREATE FUNCTION app.facts(p_user uuid, p_company uuid, p_conversation uuid, p_message uuid, p_kind text, p_id text)
RETURNS TABLE (
    conversation_id uuid, conversation_kind text, conversation_last_seq bigint, conversation_link_kind text, conversation_link_id text,
    message_id uuid, root_id uuid, author_id uuid, depth smallint, version integer, created_at timestamptz, deleted_at timestamptz,
    message_link_kind text, message_link_id text, message_link_source text,
    record_kind text, record_id text, owner_id uuid, department_id uuid, project_id uuid
) LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c record;
    m record;
    r record;
    v_conversation uuid := p_conversation;
    v_kind text := p_kind;
    v_id text := p_id;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT NULL::uuid AS id, NULL::uuid AS conversation_id, NULL::uuid AS root_id, NULL::uuid AS author_id, NULL::smallint AS depth,
        NULL::integer AS version, NULL::timestamptz AS created_at, NULL::timestamptz AS deleted_at,
        NULL::text AS link_kind, NULL::text AS link_id, NULL::text AS link_source INTO m;
    IF p_message IS NOT NULL THEN
        SELECT x.id, x.conversation_id, x.root_id, x.author_id, x.depth, x.version, x.created_at, x.deleted_at, x.link_kind, x.link_id, x.link_source
        INTO m FROM public.messages x WHERE x.company_id = p_company AND x.id = p_message;
        IF NOT FOUND OR (p_conversation IS NOT NULL AND m.conversation_id <> p_conversation) THEN RETURN; END IF;
        v_conversation := m.conversation_id;
    END IF;
    IF v_conversation IS NOT NULL THEN
        SELECT x.id, x.kind, x.last_seq, x.link_kind, x.link_id INTO c FROM public.conversations x WHERE x.company_id = p_company AND x.id = v_conversation;
    ELSE
        SELECT x.id, x.kind, x.last_seq, x.link_kind, x.link_id INTO c FROM public.conversations x
        WHERE x.company_id = p_company AND x.kind = 'record' AND x.link_kind = p_kind AND x.link_id = p_id;
    END IF;
    IF NOT FOUND AND v_conversation IS NOT NULL THEN RETURN; END IF;
    -- The governing record: the one to be linked, else the message's, else the conversation's.
    IF v_kind IS NULL THEN
        v_kind := coalesce(m.link_kind, c.link_kind);
        v_id := coalesce(m.link_id, c.link_id);
    END IF;
    SELECT x.kind, x.id, x.owner_id, x.department_id, x.project_id INTO r FROM public.linked_records x
    WHERE x.company_id = p_company AND x.kind = v_kind AND x.id = v_id AND x.deleted_at IS NULL;
    -- A record to be linked that is not visible answers like one that does not exist.
    IF NOT FOUND AND v_kind IS NOT NULL THEN RETURN; END IF;
    RETURN QUERY SELECT c.id, c.kind, c.last_seq, c.link_kind, c.link_id,
        m.id, m.root_id, m.author_id, m.depth, m.version, m.created_at, m.deleted_at, m.link_kind, m.link_id, m.link_source,
        r.kind, r.id, r.owner_id, r.department_id, r.project_id;
END $$;

-- Takes n positions of the company's stream. The last thing a transaction does before its events: its lock is held for one commit.
CREATE FUNCTION app.next_seq(p_company uuid, p_count integer) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_last bigint;
BEGIN
    UPDATE public.company_stream s SET last_seq = s.last_seq + p_count WHERE s.company_id = p_company RETURNING s.last_seq INTO v_last;
    IF NOT FOUND THEN RAISE EXCEPTION 'no stream for this company' USING ERRCODE = 'insufficient_privilege'; END IF;
    RETURN v_last - p_count + 1;
END $$;

CREATE FUNCTION app.audit(p_company uuid, p_actor uuid, p_action text, p_target text, p_detail jsonb, p_correlation uuid, p_at timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_seq bigint;
BEGIN
    UPDATE public.company_stream s SET audit_seq = s.audit_seq + 1 WHERE s.company_id = p_company RETURNING s.audit_seq INTO v_seq;
    INSERT INTO public.audit_log (company_id, seq, action, actor_id, target, detail, correlation_id, at)
    VALUES (p_company, v_seq, p_action, p_actor, p_target, coalesce(p_detail, '{}'), p_correlation, p_at);
END $$;

-- ----------------------------------------------------------------------------------------------------------------- send

-- One send: idempotency, place in the thread, position, message, version, link, reply count, read pointer, event. One commit.
-- outcome: created | replayed | mismatch | not_found | too_deep | parent_deleted | link_conflict
CREATE FUNCTION app.message_send(
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
            -- The deepest ancestor that can still be answered: positions on the path name the ancestors.
            IF v_depth_max > 0 THEN
                SELECT m.id INTO v_legal FROM public.messages m
                WHERE m.company_id = p_company AND m.conversation_id = p_conversation AND m.seq = v_path[v_depth_max];
            END IF;
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

CREATE FUNCTION app.message_replay(p_company uuid, p_stored bytea, p_message uuid, p_hash bytea)
RETURNS TABLE (outcome text, message message_rows) LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_message public.message_rows;
BEGIN
    IF p_stored <> p_hash OR p_message IS NULL THEN
        RETURN QUERY SELECT 'mismatch', NULL::message_rows;
        RETURN;
    END IF;
    SELECT * INTO v_message FROM public.message_rows r WHERE r.company_id = p_company AND r.id = p_message;
    -- Sent, and since withdrawn from the sender's sight: it must not come back through a retry.
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'not_found', NULL::message_rows;
    ELSE
        RETURN QUERY SELECT 'replayed', v_message;
    END IF;
END $$;

-- outcome: updated | not_found | deleted | version | window
CREATE FUNCTION app.message_edit(
    p_user uuid, p_company uuid, p_message uuid, p_version integer, p_body text, p_text jsonb, p_preview text, p_at timestamptz, p_correlation uuid
) RETURNS TABLE (outcome text, event_seq bigint, message message_rows) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v record;
    v_event bigint;
    v_message public.message_rows;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT m.*, c.edit_window_s INTO v FROM public.messages m JOIN public.companies c ON c.id = m.company_id
    WHERE m.company_id = p_company AND m.id = p_message AND m.author_id = p_user FOR NO KEY UPDATE OF m;
    IF NOT FOUND OR NOT app.may('message:edit', v.link_kind, v.link_id) THEN
        RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::message_rows;
        RETURN;
    ELSIF v.deleted_at IS NOT NULL THEN
        RETURN QUERY SELECT 'deleted', NULL::bigint, NULL::message_rows;
        RETURN;
    ELSIF v.version <> p_version THEN
        RETURN QUERY SELECT 'version', NULL::bigint, NULL::message_rows;
        RETURN;
    ELSIF p_at > v.created_at + make_interval(secs => v.edit_window_s) THEN
        RETURN QUERY SELECT 'window', NULL::bigint, NULL::message_rows;
        RETURN;
    END IF;
    UPDATE public.messages m SET body = p_body, text_ast = p_text, preview = p_preview, version = m.version + 1, edited_at = p_at, updated_at = p_at
    WHERE m.company_id = p_company AND m.id = p_message;
    INSERT INTO public.message_versions (company_id, message_id, version, body, text_ast, created_at, created_by)
    VALUES (p_company, p_message, p_version + 1, p_body, p_text, p_at, p_user);
    PERFORM app.audit(p_company, p_user, 'message.edit', p_message::text, jsonb_build_object('version', p_version + 1), p_correlation, p_at);
    SELECT * INTO v_message FROM public.message_rows r WHERE r.company_id = p_company AND r.id = p_message;
    v_event := app.next_seq(p_company, 1);
    INSERT INTO public.event_log (company_id, seq, kind, conversation_id, message_id, link_kind, link_id, user_id, at)
    VALUES (p_company, v_event, 'message.updated', v.conversation_id, p_message, v.link_kind, v.link_id, p_user, p_at);
    RETURN QUERY SELECT 'updated', v_event, v_message;
END $$;

-- outcome: deleted | not_found | already
CREATE FUNCTION app.message_delete(p_user uuid, p_company uuid, p_message uuid, p_at timestamptz, p_correlation uuid)
RETURNS TABLE (outcome text, event_seq bigint, message message_rows) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v record;
    v_event bigint;
    v_message public.message_rows;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT m.* INTO v FROM public.messages m WHERE m.company_id = p_company AND m.id = p_message FOR NO KEY UPDATE OF m;
    IF NOT FOUND OR NOT (
        (v.author_id = p_user AND app.may('message:delete', v.link_kind, v.link_id)) OR app.may('admin:moderate', v.link_kind, v.link_id)
    ) THEN
        RETURN QUERY SELECT 'not_found', NULL::bigint, NULL::message_rows;
        RETURN;
    ELSIF v.deleted_at IS NOT NULL THEN
        RETURN QUERY SELECT 'already', NULL::bigint, NULL::message_rows;
        RETURN;
    END IF;
    UPDATE public.messages m SET body = '', text_ast = '[]', preview = '', deleted_at = p_at, deleted_by = p_user, updated_at = p_at
    WHERE m.company_id = p_company AND m.id = p_message;
    PERFORM app.audit(p_company, p_user, 'message.delete', p_message::text, jsonb_build_object('author', v.author_id), p_correlation, p_at);
    SELECT * INTO v_message FROM public.message_rows r WHERE r.company_id = p_company AND r.id = p_message;
    v_event := app.next_seq(p_company, 1);
    INSERT INTO public.event_log (company_id, seq, kind, conversation_id, message_id, link_kind, link_id, user_id, at)
    VALUES (p_company, v_event, 'message.deleted', v.conversation_id, p_message, v.link_kind, v.link_id, p_user, p_at);
    RETURN QUERY SELECT 'deleted', v_event, v_message;
END $$;

-- ---------------------------------------------------------------------------------------------------------------- pages

-- Threads of one conversation, newest first, each with its first replies.
CREATE FUNCTION app.message_page(p_user uuid, p_company uuid, p_conversation uuid, p_before bigint, p_limit integer, p_replies integer)
RETURNS SETOF message_rows LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM app.enter(p_user, p_company);
    RETURN QUERY
    WITH roots AS MATERIALIZED (
        SELECT r.* FROM public.message_rows r
        WHERE r.company_id = p_company AND r.conversation_id = p_conversation AND r.parent_id IS NULL AND r.seq < p_before
        ORDER BY r.seq DESC LIMIT p_limit
    )
    SELECT * FROM roots
    UNION ALL
    SELECT reply.* FROM (SELECT roots.id FROM roots WHERE roots.reply_count > 0) AS root
    CROSS JOIN LATERAL (
        SELECT r.* FROM public.message_rows r
        WHERE r.company_id = p_company AND r.root_id = root.id AND r.parent_id IS NOT NULL
        ORDER BY r.path LIMIT p_replies
    ) AS reply;
END $$;

-- Everything about one record, in any conversation, newest first.
CREATE FUNCTION app.record_page(p_user uuid, p_company uuid, p_kind text, p_id text, p_before_at timestamptz, p_before_id uuid, p_limit integer)
RETURNS SETOF message_rows LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM app.enter(p_user, p_company);
    RETURN QUERY
    SELECT r.* FROM public.message_rows r
    WHERE r.company_id = p_company AND r.link_kind = p_kind AND r.link_id = p_id AND (r.created_at, r.id) < (p_before_at, p_before_id)
    ORDER BY r.created_at DESC, r.id DESC LIMIT p_limit;
END $$;

-- One thread: its root and a page of replies in thread order. Any message of the thread names it.
CREATE FUNCTION app.thread_page(p_user uuid, p_company uuid, p_root uuid, p_after bigint[], p_limit integer)
RETURNS SETOF message_rows LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM app.enter(p_user, p_company);
    RETURN QUERY SELECT r.* FROM public.message_rows r WHERE r.company_id = p_company AND r.id = p_root;
    RETURN QUERY
    SELECT r.* FROM public.message_rows r
    WHERE r.company_id = p_company AND r.root_id = p_root AND r.parent_id IS NOT NULL AND r.path > p_after
    ORDER BY r.path LIMIT p_limit;
END $$;

-- Unread messages that the caller may see, counted to p_max. The bound is inside: the 101st is never looked at.
CREATE FUNCTION app.unread(p_company uuid, p_conversation uuid, p_after bigint, p_max integer) RETURNS integer LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN (
        SELECT count(*)::integer FROM (
            SELECT 1 FROM public.messages m
            WHERE m.company_id = p_company AND m.conversation_id = p_conversation AND m.seq > p_after
            AND m.author_id <> app.user_id() AND m.deleted_at IS NULL
            LIMIT p_max
        ) AS unread
    );
END $$;

-- The conversations that the caller takes part in (p_conversation and p_kind null), the one named, or those about a record.
CREATE FUNCTION app.inbox(
    p_user uuid, p_company uuid, p_conversation uuid, p_kind text, p_id text, p_before_at timestamptz, p_before_id uuid, p_limit integer, p_unread_max integer
) RETURNS TABLE (
    id uuid, kind text, title text, link_kind text, link_id text, last_seq bigint, activity_at timestamptz,
    record_title text, record_amount_minor bigint, record_currency text, record_status text, record_url text, record_owner_id uuid, record_updated_at timestamptz,
    last_id uuid, last_author_id uuid, last_author_name text, last_preview text, last_created_at timestamptz, last_deleted_at timestamptz,
    read_seq bigint, unread integer, people jsonb, people_count bigint, has_external boolean
) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
BEGIN
    PERFORM app.enter(p_user, p_company);
    -- Which conversations first, by the index that fits; then one query, whose plan is good for any of them and is kept.
    IF p_conversation IS NOT NULL THEN
        v_ids := ARRAY[p_conversation];
    ELSIF p_kind IS NULL THEN
        v_ids := app.my_conversation_ids();
    ELSIF p_id IS NOT NULL THEN
        v_ids := ARRAY(SELECT c.id FROM public.conversations c WHERE c.company_id = p_company AND c.kind = 'record' AND c.link_kind = p_kind AND c.link_id = p_id);
    ELSE
        v_ids := ARRAY(
            SELECT c.id FROM public.conversations c
            WHERE c.company_id = p_company AND c.kind = 'record' AND c.link_kind = p_kind AND (c.activity_at, c.id) < (p_before_at, p_before_id)
            ORDER BY c.activity_at DESC, c.id DESC LIMIT p_limit
        );
    END IF;
    RETURN QUERY
    WITH page AS MATERIALIZED (
        SELECT c.* FROM public.conversations c
        WHERE c.company_id = p_company AND c.id = ANY (v_ids) AND (c.activity_at, c.id) < (p_before_at, p_before_id)
        ORDER BY c.activity_at DESC, c.id DESC LIMIT p_limit
    )
    SELECT
        page.id, page.kind, page.title, page.link_kind, page.link_id, page.last_seq, page.activity_at,
        r.title, r.amount_minor, r.currency, r.status, r.url, r.owner_id, r.updated_at,
        newest.id, newest.author_id, author.name, newest.preview, newest.created_at, newest.deleted_at,
        coalesce(mine.read_seq, 0), app.unread(p_company, page.id, coalesce(mine.read_seq, 0), p_unread_max),
        faces.people, crowd.people_count, crowd.has_external
    FROM page
    LEFT JOIN public.linked_records r ON r.company_id = p_company AND r.kind = page.link_kind AND r.id = page.link_id
    LEFT JOIN public.read_receipts mine ON mine.company_id = p_company AND mine.conversation_id = page.id AND mine.user_id = p_user
    LEFT JOIN LATERAL (
        SELECT m.id, m.author_id, m.preview, m.created_at, m.deleted_at FROM public.messages m
        WHERE m.company_id = p_company AND m.conversation_id = page.id ORDER BY m.seq DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN public.users author ON author.id = newest.author_id
    -- LIMIT 1 keeps the look-ups look-ups: a handful of people is not worth reading the company's directory for.
    CROSS JOIN LATERAL (
        SELECT count(*) AS people_count, coalesce(bool_or(m.kind = 'external'), false) AS has_external
        FROM public.participants x
        CROSS JOIN LATERAL (SELECT a.kind FROM public.memberships a WHERE a.company_id = p_company AND a.user_id = x.user_id LIMIT 1) AS m
        WHERE x.company_id = p_company AND x.conversation_id = page.id AND x.deleted_at IS NULL
    ) AS crowd
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', f.user_id, 'name', u.name, 'kind', m.kind, 'job_title', m.job_title)
            ORDER BY (f.user_id = p_user), u.name), '[]') AS people
        FROM (
            SELECT x.user_id FROM public.participants x
            WHERE x.company_id = p_company AND x.conversation_id = page.id AND x.deleted_at IS NULL
            ORDER BY (x.user_id = p_user), x.created_at, x.user_id LIMIT 5
        ) AS f
        CROSS JOIN LATERAL (SELECT a.name FROM public.users a WHERE a.id = f.user_id LIMIT 1) AS u
        CROSS JOIN LATERAL (
            SELECT a.kind, a.job_title FROM public.memberships a WHERE a.company_id = p_company AND a.user_id = f.user_id LIMIT 1
        ) AS m
    ) AS faces
    ORDER BY page.activity_at DESC, page.id DESC;
END $$;

-- Unread in everything that the caller takes part in, counted to p_max.
CREATE FUNCTION app.unread_total(p_user uuid, p_company uuid, p_max integer) RETURNS integer LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_total integer := 0;
    v record;
BEGIN
    PERFORM app.enter(p_user, p_company);
    FOR v IN
        SELECT c.id, coalesce(r.read_seq, 0) AS read_seq FROM public.conversations c
        LEFT JOIN public.read_receipts r ON r.company_id = c.company_id AND r.conversation_id = c.id AND r.user_id = p_user
        WHERE c.company_id = p_company AND c.id = ANY ((SELECT app.my_conversation_ids())::uuid[]) AND c.last_seq > coalesce(r.read_seq, 0)
        ORDER BY c.activity_at DESC
    LOOP
        v_total := v_total + app.unread(p_company, v.id, v.read_seq, p_max - v_total);
        EXIT WHEN v_total >= p_max;
    END LOOP;
    RETURN v_total;
END $$;

-- Moves the caller's read pointer forward, never past the end. Null when the conversation is not visible.
CREATE FUNCTION app.mark_read(p_user uuid, p_company uuid, p_conversation uuid, p_seq bigint, p_at timestamptz, p_unread_max integer)
RETURNS TABLE (read_seq bigint, unread integer, moved boolean) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_last bigint;
    v_before bigint;
    v_now bigint;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT c.last_seq INTO v_last FROM public.conversations c WHERE c.company_id = p_company AND c.id = p_conversation;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT r.read_seq INTO v_before FROM public.read_receipts r
    WHERE r.company_id = p_company AND r.conversation_id = p_conversation AND r.user_id = p_user;
    v_now := greatest(coalesce(v_before, 0), least(p_seq, v_last));
    IF v_now > coalesce(v_before, 0) THEN
        INSERT INTO public.read_receipts AS r (company_id, conversation_id, user_id, read_seq, read_at)
        VALUES (p_company, p_conversation, p_user, v_now, p_at)
        ON CONFLICT (company_id, conversation_id, user_id) DO UPDATE SET read_seq = greatest(r.read_seq, excluded.read_seq), read_at = p_at;
    END IF;
    RETURN QUERY SELECT v_now, app.unread(p_company, p_conversation, v_now, p_unread_max), v_now > coalesce(v_before, 0);
END $$;

-- ------------------------------------------------------------------------------------------------------- conversations

-- outcome: created | existing | replayed | mismatch | not_found
CREATE FUNCTION app.conversation_create(
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
        SELECT k.request_hash, k.conversation_id INTO v_done FROM public.idempotency_keys k
        WHERE k.company_id = p_company AND k.user_id = p_user AND k.key = p_key;
        IF FOUND THEN
            RETURN QUERY SELECT CASE WHEN v_done.request_hash <> p_hash OR v_done.conversation_id IS NULL THEN 'mismatch' ELSE 'replayed' END,
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

-- ------------------------------------------------------------------------------------------------------------- records

-- The ERP states what a record is now.
CREATE FUNCTION app.record_upsert(
    p_user uuid, p_company uuid, p_kind text, p_id text, p_title text, p_amount bigint, p_currency text, p_status text, p_url text,
    p_owner uuid, p_department uuid, p_project uuid, p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_event bigint;
BEGIN
    PERFORM app.enter(p_user, p_company);
    INSERT INTO public.linked_records AS r (
        company_id, kind, id, title, amount_minor, currency, status, url, owner_id, department_id, project_id, created_at, created_by, updated_at
    ) VALUES (
        p_company, p_kind, p_id, p_title, p_amount, p_currency, p_status, p_url, p_owner, p_department, p_project, p_at, p_user, p_at
    )
    ON CONFLICT (company_id, kind, id) DO UPDATE SET
        title = excluded.title, amount_minor = excluded.amount_minor, currency = excluded.currency, status = excluded.status, url = excluded.url,
        owner_id = excluded.owner_id, department_id = excluded.department_id, project_id = excluded.project_id, updated_at = excluded.updated_at;
    v_event := app.next_seq(p_company, 1);
    INSERT INTO public.event_log (company_id, seq, kind, link_kind, link_id, user_id, at)
    VALUES (p_company, v_event, 'record.updated', p_kind, p_id, p_user, p_at);
    RETURN v_event;
END $$;

GRANT EXECUTE ON FUNCTION
    app.facts(uuid, uuid, uuid, uuid, text, text), app.next_seq(uuid, integer), app.audit(uuid, uuid, text, text, jsonb, uuid, timestamptz),
    app.message_send(uuid, uuid, text, bytea, uuid, uuid, uuid, text, text, text, jsonb, text, uuid[], timestamptz),
    app.message_replay(uuid, bytea, uuid, bytea),
    app.message_edit(uuid, uuid, uuid, integer, text, jsonb, text, timestamptz, uuid), app.message_delete(uuid, uuid, uuid, timestamptz, uuid),
    app.message_page(uuid, uuid, uuid, bigint, integer, integer), app.record_page(uuid, uuid, text, text, timestamptz, uuid, integer),
    app.thread_page(uuid, uuid, uuid, bigint[], integer), app.unread(uuid, uuid, bigint, integer),
    app.inbox(uuid, uuid, uuid, text, text, timestamptz, uuid, integer, integer), app.unread_total(uuid, uuid, integer),
    app.mark_read(uuid, uuid, uuid, bigint, timestamptz, integer),
    app.conversation_create(uuid, uuid, text, bytea, uuid, text, text, uuid[], text, text, timestamptz),
    app.record_upsert(uuid, uuid, text, text, text, bigint, text, text, text, uuid, uuid, uuid, timestamptz)
TO postil_app;
