-- Wall 2. Every tenant table gets row-level security, enabled and forced (the owner is bound too), with
--   * one RESTRICTIVE policy: the row's company is the transaction's company. Whatever permissive policy is added later
--     is ANDed with it and can't widen a view across companies;
--   * for postil_app another one: the person is a member there. Nor can a later policy show anything to those who aren't;
--   * PERMISSIVE policies per command for postil_app, which derive the right from user id and company id alone;
--   * one PERMISSIVE policy for the roles that keep house inside one company (owner, definer, worker).
-- Function calls stand in (SELECT …), so that they run once a query and not once a row.

GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

-- ------------------------------------------------------------------------------------------ what policies are made of

-- What the person may do in the company at hand, worked out once a transaction. A statement under these policies asks dozens
-- of times, and the answer takes four tables: so it is kept in transaction-local settings, under the names of person and
-- company, and asked again when those change. Whoever can forge these settings can forge app.user_id as well: they add no power.
-- A change of role or policy takes hold with the next transaction.
--
--   app.known     person/company of what follows          app.allow_…, app.deny_…   tokens, for each action
--   app.member    t | f                                   app.may_…, app.sees, app.reads, app.wrote   the last yes
--
-- Tokens are compared with linked_records.scope_tokens; talk about no record has the tokens * and u. What asks on the way of
-- every row is LANGUAGE sql and one expression, which PostgreSQL inlines; what is asked once is plpgsql, which keeps its plans.

CREATE FUNCTION app.caller() RETURNS text LANGUAGE sql STABLE
AS $$ SELECT coalesce(current_setting('app.user_id', true), '') || '/' || coalesce(current_setting('app.company_id', true), '') $$;

-- Works it out. Returns whether the person is an active member.
CREATE FUNCTION app.remember() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_company uuid := app.company_id();
    v_user uuid := app.user_id();
BEGIN
    -- Another person, earlier in this transaction: nothing of theirs may stay.
    IF current_setting('app.known', true) <> '' THEN
        PERFORM set_config('app.allow_' || replace(p.action, ':', '_'), '', true), set_config('app.deny_' || replace(p.action, ':', '_'), '', true)
        FROM public.permissions p;
    END IF;
    -- What stands for the person's own in policy_grants.token is replaced by its name; no token and no id contains a $.
    PERFORM set_config(x.setting, x.value, true)
    FROM (
        WITH me AS MATERIALIZED (
            SELECT m.role_key, c.policy_version, coalesce('d:' || m.department_id::text, 'd:none') AS department, coalesce((
                SELECT string_agg('p:' || pm.project_id::text, ',') FROM public.project_members pm
                WHERE pm.company_id = v_company AND pm.user_id = v_user AND pm.deleted_at IS NULL
            ), 'p:none') AS projects
            FROM public.memberships m
            JOIN public.users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
            JOIN public.companies c ON c.id = m.company_id
            WHERE m.company_id = v_company AND m.user_id = v_user AND m.status = 'active' AND m.deleted_at IS NULL
        )
        SELECT g.setting, '{' || string_agg(replace(replace(replace(
            g.token, '$department', g.department), '$projects', g.projects), '$records', 'o:' || v_user::text), ',') || '}' AS value
        FROM (
            SELECT r.setting, r.token, me.department, me.projects FROM me JOIN public.policy_grants r
                ON r.company_id = v_company AND r.version = me.policy_version AND r.role_key = me.role_key
            UNION ALL
            SELECT r.setting, r.token, me.department, me.projects FROM me JOIN public.policy_grants r
                ON r.company_id = v_company AND r.version = me.policy_version AND r.user_id = v_user
        ) AS g
        GROUP BY g.setting
        UNION ALL
        SELECT 'app.member', CASE WHEN EXISTS (SELECT 1 FROM me) THEN 't' ELSE 'f' END
        UNION ALL
        SELECT 'app.known', app.caller()
    ) AS x;
    RETURN current_setting('app.member') = 't';
END $$;

-- Whether the person is an active member of the company at hand. Everything below is empty for everyone else.
CREATE FUNCTION app.is_member() RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN current_setting('app.known', true) = app.caller() THEN current_setting('app.member', true) = 't' ELSE app.remember() END
$$;

-- The scopes in which the person's role or name is allowed an action, and those in which it is denied, whatever allows it.
CREATE FUNCTION app.allowed(p_action text) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN current_setting('app.known', true) = app.caller() OR app.remember()
        THEN coalesce(nullif(current_setting('app.allow_' || replace(p_action, ':', '_'), true), ''), '{}')::text[] ELSE '{}' END
$$;
CREATE FUNCTION app.denied(p_action text) RETURNS text[] LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN current_setting('app.known', true) = app.caller() OR app.remember()
        THEN coalesce(nullif(current_setting('app.deny_' || replace(p_action, ':', '_'), true), ''), '{}')::text[] ELSE '{}' END
$$;

-- The direct and group conversations that the person is in.
CREATE FUNCTION app.my_conversation_ids() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN ARRAY(
        SELECT p.conversation_id FROM public.participants p
        WHERE p.company_id = app.company_id() AND p.user_id = app.user_id() AND p.deleted_at IS NULL AND (SELECT app.is_member())
    );
END $$;

-- Whether the person made this conversation and nobody is in it yet: the moment in which its maker may enter.
CREATE FUNCTION app.is_new_conversation(p_conversation uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN app.is_member() AND EXISTS (
        SELECT 1 FROM public.conversations c
        WHERE c.company_id = app.company_id() AND c.id = p_conversation AND c.created_by = app.user_id()
    ) AND NOT EXISTS (
        SELECT 1 FROM public.participants p WHERE p.company_id = app.company_id() AND p.conversation_id = p_conversation
    );
END $$;

-- One action on one record, from the tables. A record that is not visible is not permitted. A yes is remembered (a page is
-- mostly about one record), a no never is: what the person has just been let into must open.
CREATE FUNCTION app.judge_record(p_action text, p_kind text, p_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_yes boolean;
    v_done text;
BEGIN
    SELECT r.scope_tokens && app.allowed('thread:read') AND NOT r.scope_tokens && app.denied('thread:read')
        AND r.scope_tokens && app.allowed(p_action) AND NOT r.scope_tokens && app.denied(p_action)
    INTO v_yes FROM public.linked_records r WHERE r.company_id = app.company_id() AND r.kind = p_kind AND r.id = p_id;
    IF v_yes THEN
        v_done := set_config('app.may_' || replace(p_action, ':', '_'), app.caller() || '/' || p_kind || '/' || p_id, true);
    END IF;
    RETURN coalesce(v_yes, false);
END $$;

-- The verdict for one action on one record, or on talk about none. For single rows; lists use the token arrays directly.
CREATE FUNCTION app.may(p_action text, p_kind text, p_id text) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN p_kind IS NULL THEN '{*,u}'::text[] && app.allowed(p_action) AND NOT '{*,u}'::text[] && app.denied(p_action)
        WHEN current_setting('app.may_' || replace(p_action, ':', '_'), true) = app.caller() || '/' || p_kind || '/' || p_id THEN true
        ELSE app.judge_record(p_action, p_kind, p_id)
    END
$$;

-- Whether the person sees a conversation: talk about a record follows the record, live; the others are their participants'.
CREATE FUNCTION app.judge_conversation(p_conversation uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_yes boolean;
    v_done text;
BEGIN
    SELECT app.may('thread:read', c.link_kind, c.link_id) AND (c.kind = 'record' OR EXISTS (
        SELECT 1 FROM public.participants p
        WHERE p.company_id = c.company_id AND p.conversation_id = c.id AND p.user_id = app.user_id() AND p.deleted_at IS NULL
    ))
    INTO v_yes FROM public.conversations c WHERE c.company_id = app.company_id() AND c.id = p_conversation AND c.deleted_at IS NULL;
    IF v_yes THEN v_done := set_config('app.sees', app.caller() || '/' || p_conversation::text, true); END IF;
    RETURN coalesce(v_yes, false);
END $$;

CREATE FUNCTION app.sees_conversation(p_conversation uuid) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN current_setting('app.sees', true) = app.caller() || '/' || p_conversation::text THEN true
        ELSE app.judge_conversation(p_conversation) END
$$;

-- Whether the person reads a message: where its conversation is visible, if message:read is allowed on the record that governs it.
CREATE FUNCTION app.judge_message(p_conversation uuid, p_kind text, p_id text) RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_done text;
BEGIN
    IF NOT (app.sees_conversation(p_conversation) AND app.may('message:read', p_kind, p_id)) THEN RETURN false; END IF;
    v_done := set_config('app.reads', app.caller() || '/' || p_conversation::text || coalesce('/' || p_kind || '/' || p_id, ''), true);
    RETURN true;
END $$;

CREATE FUNCTION app.sees_message(p_conversation uuid, p_kind text, p_id text) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN current_setting('app.reads', true) = app.caller() || '/' || p_conversation::text || coalesce('/' || p_kind || '/' || p_id, '') THEN true
        ELSE app.judge_message(p_conversation, p_kind, p_id)
    END
$$;

-- Whether the person wrote a message (and still sees it).
CREATE FUNCTION app.judge_author(p_message uuid) RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_yes boolean;
    v_done text;
BEGIN
    SELECT m.author_id = app.user_id() INTO v_yes FROM public.messages m WHERE m.company_id = app.company_id() AND m.id = p_message;
    IF v_yes THEN v_done := set_config('app.wrote', app.caller() || '/' || p_message::text, true); END IF;
    RETURN coalesce(v_yes, false);
END $$;

CREATE FUNCTION app.is_author(p_message uuid) RETURNS boolean LANGUAGE sql STABLE
AS $$
    SELECT CASE WHEN current_setting('app.wrote', true) = app.caller() || '/' || p_message::text THEN true ELSE app.judge_author(p_message) END
$$;

ALTER FUNCTION app.remember() OWNER TO postil_definer;
ALTER FUNCTION app.my_conversation_ids() OWNER TO postil_definer;
ALTER FUNCTION app.is_new_conversation(uuid) OWNER TO postil_definer;
ALTER FUNCTION app.judge_record(text, text, text) OWNER TO postil_definer;
ALTER FUNCTION app.judge_conversation(uuid) OWNER TO postil_definer;

-- ------------------------------------------------------------------------------------- the restrictive wall, for all

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY[
        'roles', 'departments', 'projects', 'memberships', 'project_members', 'policies', 'policy_grants', 'api_keys', 'embed_keys',
        'embed_token_uses', 'linked_records', 'conversations', 'participants', 'messages', 'threads', 'message_versions', 'message_links',
        'read_receipts', 'attachments', 'user_presence', 'notification_queue', 'idempotency_keys', 'company_stream', 'event_log', 'jobs', 'audit_log'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format(
            'CREATE POLICY %I ON %I AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
             USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()))', t || '_tenant', t);
        EXECUTE format(
            'CREATE POLICY %I ON %I AS RESTRICTIVE TO postil_app USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()))',
            t || '_members', t);
        EXECUTE format(
            'CREATE POLICY %I ON %I TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true)', t || '_house', t);
    END LOOP;
END $$;

ALTER TABLE companies ENABLE ROW LEVEL SECURITY;
ALTER TABLE companies FORCE ROW LEVEL SECURITY;
CREATE POLICY companies_tenant ON companies AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
    USING (id = (SELECT app.company_id())) WITH CHECK (id = (SELECT app.company_id()));
CREATE POLICY companies_members ON companies AS RESTRICTIVE TO postil_app
    USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()));
CREATE POLICY companies_house ON companies TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true);
CREATE POLICY companies_read ON companies FOR SELECT TO postil_app USING ((SELECT app.is_member()));

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
-- People are no company's property: the house sees them all, a request only those it shares the company with.
CREATE POLICY users_house ON users TO postil_owner, postil_definer, postil_worker, postil_auth USING (true) WITH CHECK (true);
CREATE POLICY users_read ON users FOR SELECT TO postil_app
    USING (EXISTS (SELECT 1 FROM memberships m WHERE m.company_id = (SELECT app.company_id()) AND m.user_id = users.id));

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sessions_auth ON sessions TO postil_auth, postil_owner USING (true) WITH CHECK (true);
-- Nobody but sign-in has a grant here; should one ever be given, it is for one company at a time.
CREATE POLICY sessions_tenant ON sessions AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
    USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()));
ALTER TABLE realtime_tickets ENABLE ROW LEVEL SECURITY;
ALTER TABLE realtime_tickets FORCE ROW LEVEL SECURITY;
CREATE POLICY realtime_tickets_auth ON realtime_tickets TO postil_auth, postil_owner USING (true) WITH CHECK (true);

-- Sign-in must find memberships before a company is known.
CREATE POLICY companies_auth ON companies FOR SELECT TO postil_auth USING (true);
CREATE POLICY memberships_auth ON memberships FOR SELECT TO postil_auth USING (true);
CREATE POLICY roles_auth ON roles FOR SELECT TO postil_auth USING (true);
CREATE POLICY project_members_auth ON project_members FOR SELECT TO postil_auth USING (true);
CREATE POLICY api_keys_auth ON api_keys FOR SELECT TO postil_auth USING (true);
CREATE POLICY embed_keys_auth ON embed_keys FOR SELECT TO postil_auth USING (true);
CREATE POLICY embed_token_uses_auth ON embed_token_uses TO postil_auth USING (true) WITH CHECK (true);
CREATE POLICY company_stream_auth ON company_stream FOR SELECT TO postil_auth USING (true);
CREATE POLICY jobs_auth ON jobs TO postil_auth USING (true) WITH CHECK (true);
CREATE POLICY audit_log_auth ON audit_log FOR INSERT TO postil_auth WITH CHECK (true);

-- --------------------------------------------------------------------------------------------- permissive, for requests

CREATE POLICY roles_read ON roles FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY departments_read ON departments FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY projects_read ON projects FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY memberships_read ON memberships FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY project_members_read ON project_members FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY policies_read ON policies FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY policy_grants_read ON policy_grants FOR SELECT TO postil_app USING ((SELECT app.is_member()));

-- A record is visible to whom thread:read is allowed on it. The ERP's key writes it with admin:records.
CREATE POLICY linked_records_read ON linked_records FOR SELECT TO postil_app
    USING (scope_tokens && (SELECT app.allowed('thread:read')) AND NOT scope_tokens && (SELECT app.denied('thread:read')));
CREATE POLICY linked_records_insert ON linked_records FOR INSERT TO postil_app
    WITH CHECK (ARRAY['*'] && (SELECT app.allowed('admin:records')) AND NOT ARRAY['*'] && (SELECT app.denied('admin:records')));
CREATE POLICY linked_records_update ON linked_records FOR UPDATE TO postil_app
    USING (ARRAY['*'] && (SELECT app.allowed('admin:records')) AND NOT ARRAY['*'] && (SELECT app.denied('admin:records')))
    WITH CHECK (ARRAY['*'] && (SELECT app.allowed('admin:records')) AND NOT ARRAY['*'] && (SELECT app.denied('admin:records')));

-- A conversation about a record follows the record, live; the others are their participants'. Said here once more, and not
-- asked of app.judge_conversation(): a list of hundreds is judged as a set, and the one at hand is known already.
CREATE POLICY conversations_read ON conversations FOR SELECT TO postil_app
    USING (CASE
        WHEN current_setting('app.sees', true) = app.caller() || '/' || id::text THEN true
        WHEN deleted_at IS NOT NULL THEN false
        WHEN kind = 'record' THEN EXISTS (
            SELECT 1 FROM linked_records r
            WHERE r.company_id = conversations.company_id AND r.kind = conversations.link_kind AND r.id = conversations.link_id
        )
        ELSE id IN (SELECT unnest(app.my_conversation_ids())) AND (SELECT app.may('thread:read', NULL, NULL))
    END);
-- A direct conversation is its maker's: the unique key must neither tell who talks with whom, nor let anyone occupy others' place.
CREATE POLICY conversations_insert ON conversations FOR INSERT TO postil_app
    WITH CHECK (
        created_by = (SELECT app.user_id()) AND last_seq = 0 AND app.may('message:create', link_kind, link_id)
        AND (direct_key IS NULL OR (SELECT app.user_id())::text IN (split_part(direct_key, ':', 1), split_part(direct_key, ':', 2)))
    );
-- Posting moves last_seq and activity_at (the only columns granted); the guard below lets last_seq grow by one.
-- Visibility is said again here and in messages_update: an UPDATE without a condition reads nothing, so PostgreSQL does not ask the SELECT policy.
CREATE POLICY conversations_update ON conversations FOR UPDATE TO postil_app
    USING (
        app.sees_conversation(id) AND (app.may('message:create', link_kind, link_id) OR app.may('message:reply', link_kind, link_id))
    )
    WITH CHECK (true);

CREATE POLICY participants_read ON participants FOR SELECT TO postil_app USING (app.sees_conversation(conversation_id));
-- Who is in a conversation, or sees the record's, may add others; to a direct one only its two.
CREATE POLICY participants_insert ON participants FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND (
        (user_id = (SELECT app.user_id()) AND app.is_new_conversation(conversation_id))
        OR EXISTS (
            SELECT 1 FROM conversations c
            WHERE c.company_id = participants.company_id AND c.id = participants.conversation_id
            AND (c.direct_key IS NULL OR participants.user_id::text IN (split_part(c.direct_key, ':', 1), split_part(c.direct_key, ':', 2)))
        )
    ));

-- A message is visible where its conversation is, if message:read is allowed on the record that governs it.
CREATE POLICY messages_read ON messages FOR SELECT TO postil_app USING (app.sees_message(conversation_id, link_kind, link_id));
CREATE POLICY messages_insert ON messages FOR INSERT TO postil_app
    WITH CHECK (
        author_id = (SELECT app.user_id()) AND created_by = (SELECT app.user_id())
        AND EXISTS (
            SELECT 1 FROM conversations c
            WHERE c.company_id = messages.company_id AND c.id = messages.conversation_id
            -- Talk in a record's conversation names a record: without one, message:read on the record would not be asked.
            AND (c.kind <> 'record' OR messages.link_kind IS NOT NULL)
            AND (messages.link_source IS DISTINCT FROM 'conversation' OR (messages.link_kind, messages.link_id) = (c.link_kind, c.link_id))
        )
        AND app.may(CASE WHEN parent_id IS NULL THEN 'message:create' ELSE 'message:reply' END, link_kind, link_id)
    );
-- Which deed it is, an edit or a deletion, the guard below sees; whoever deletes says so under their own name.
CREATE POLICY messages_update ON messages FOR UPDATE TO postil_app
    USING (
        app.sees_message(conversation_id, link_kind, link_id)
        AND (
            (author_id = (SELECT app.user_id()) AND (app.may('message:edit', link_kind, link_id) OR app.may('message:delete', link_kind, link_id)))
            OR app.may('admin:moderate', link_kind, link_id)
        )
    )
    WITH CHECK (CASE WHEN deleted_at IS NULL THEN deleted_by IS NULL ELSE deleted_by = (SELECT app.user_id()) END);

CREATE POLICY threads_read ON threads FOR SELECT TO postil_app
    USING (EXISTS (SELECT 1 FROM messages m WHERE m.company_id = threads.company_id AND m.id = threads.root_id));
CREATE POLICY threads_insert ON threads FOR INSERT TO postil_app
    WITH CHECK (EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = threads.company_id AND m.id = threads.root_id AND app.may('message:reply', m.link_kind, m.link_id)
    ));
CREATE POLICY threads_update ON threads FOR UPDATE TO postil_app
    USING (EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = threads.company_id AND m.id = threads.root_id AND app.may('message:reply', m.link_kind, m.link_id)
    ))
    WITH CHECK (true);

CREATE POLICY message_versions_read ON message_versions FOR SELECT TO postil_app
    USING (EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = message_versions.company_id AND m.id = message_versions.message_id
        -- A tombstone's text is withheld in its versions too.
        AND (m.deleted_at IS NULL OR app.may('admin:moderate', m.link_kind, m.link_id))
    ));
CREATE POLICY message_versions_insert ON message_versions FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND app.is_author(message_id));

CREATE POLICY message_links_read ON message_links FOR SELECT TO postil_app
    USING (EXISTS (SELECT 1 FROM messages m WHERE m.company_id = message_links.company_id AND m.id = message_links.message_id));
CREATE POLICY message_links_insert ON message_links FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND app.is_author(message_id));

-- One's own pointer tells nothing that one did not know.
CREATE POLICY read_receipts_read ON read_receipts FOR SELECT TO postil_app
    USING (CASE WHEN user_id = (SELECT app.user_id()) THEN (SELECT app.is_member()) ELSE app.sees_conversation(conversation_id) END);
CREATE POLICY read_receipts_insert ON read_receipts FOR INSERT TO postil_app
    WITH CHECK (user_id = (SELECT app.user_id()) AND app.sees_conversation(conversation_id));
CREATE POLICY read_receipts_update ON read_receipts FOR UPDATE TO postil_app
    USING (user_id = (SELECT app.user_id())) WITH CHECK (user_id = (SELECT app.user_id()));

CREATE POLICY attachments_read ON attachments FOR SELECT TO postil_app
    USING (state = 'clean' AND deleted_at IS NULL AND EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = attachments.company_id AND m.id = attachments.message_id AND m.deleted_at IS NULL
        AND app.may('attachment:read', m.link_kind, m.link_id)
    ));

CREATE POLICY user_presence_read ON user_presence FOR SELECT TO postil_app
    USING ((SELECT app.may('presence:read', NULL, NULL)));
CREATE POLICY user_presence_insert ON user_presence FOR INSERT TO postil_app WITH CHECK (user_id = (SELECT app.user_id()) AND (SELECT app.is_member()));
CREATE POLICY user_presence_update ON user_presence FOR UPDATE TO postil_app
    USING (user_id = (SELECT app.user_id())) WITH CHECK (user_id = (SELECT app.user_id()));

CREATE POLICY notification_queue_read ON notification_queue FOR SELECT TO postil_app
    USING (user_id = (SELECT app.user_id()) AND EXISTS (
        SELECT 1 FROM messages m WHERE m.company_id = notification_queue.company_id AND m.id = notification_queue.message_id
    ));
-- Only the author of a message may tell others of it.
CREATE POLICY notification_queue_insert ON notification_queue FOR INSERT TO postil_app
    WITH CHECK (app.is_author(message_id));

CREATE POLICY idempotency_keys_own ON idempotency_keys FOR SELECT TO postil_app
    USING (user_id = (SELECT app.user_id()) AND (SELECT app.is_member()));
-- Foreign keys are checked past row-level security: without the look-ups, a key could be used to ask which ids exist.
CREATE POLICY idempotency_keys_insert ON idempotency_keys FOR INSERT TO postil_app
    WITH CHECK (
        user_id = (SELECT app.user_id()) AND (SELECT app.is_member())
        AND (message_id IS NULL OR app.is_author(message_id))
        AND (conversation_id IS NULL OR app.sees_conversation(conversation_id))
    );

-- A member's request takes the next position and writes what happened; it reads no event.
CREATE POLICY company_stream_own ON company_stream FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY company_stream_next ON company_stream FOR UPDATE TO postil_app USING ((SELECT app.is_member())) WITH CHECK (true);
CREATE POLICY event_log_insert ON event_log FOR INSERT TO postil_app
    WITH CHECK (user_id = (SELECT app.user_id()) AND (SELECT app.is_member()));
CREATE POLICY jobs_insert ON jobs FOR INSERT TO postil_app WITH CHECK ((SELECT app.is_member()));
CREATE POLICY audit_log_insert ON audit_log FOR INSERT TO postil_app
    WITH CHECK (actor_id = (SELECT app.user_id()) AND (SELECT app.is_member()));

-- --------------------------------------------------------------------------------------------------------------- grants

GRANT SELECT ON companies, roles, departments, projects, memberships, project_members, policies, policy_grants, permissions, linked_records,
    conversations, participants, messages, threads, message_versions, message_links, read_receipts, attachments, user_presence,
    notification_queue, idempotency_keys, company_stream TO postil_app;
-- Not password_hash: only sign-in's functions read it.
GRANT SELECT (id, email, name, locale, time_zone, status) ON users TO postil_app, postil_worker;
GRANT INSERT ON linked_records, conversations, participants, messages, threads, message_versions, message_links, read_receipts, user_presence,
    notification_queue, idempotency_keys, event_log, jobs, audit_log TO postil_app;
GRANT UPDATE (title, amount_minor, currency, status, url, owner_id, department_id, project_id, updated_at) ON linked_records TO postil_app;
GRANT UPDATE (last_seq, activity_at, updated_at) ON conversations TO postil_app;
GRANT UPDATE (body, text_ast, preview, version, updated_at, edited_at, deleted_at, deleted_by) ON messages TO postil_app;
GRANT UPDATE (reply_count, last_reply_at, is_mixed, updated_at) ON threads TO postil_app;
GRANT UPDATE (read_seq, read_at) ON read_receipts TO postil_app;
GRANT UPDATE (status, last_seen_at) ON user_presence TO postil_app;
GRANT UPDATE (last_seq, audit_seq) ON company_stream TO postil_app;

GRANT SELECT ON companies, roles, departments, projects, memberships, project_members, policies, policy_grants, linked_records,
    conversations, participants, messages, threads, message_links, read_receipts, user_presence, company_stream, event_log, jobs TO postil_worker;
GRANT INSERT, UPDATE ON user_presence TO postil_worker;
GRANT INSERT, UPDATE ON jobs TO postil_worker;
GRANT DELETE ON jobs TO postil_worker;

GRANT SELECT ON users, memberships, companies, permissions, policy_grants, project_members, participants, conversations, linked_records TO postil_definer;
GRANT SELECT, UPDATE ON company_stream TO postil_definer;
GRANT INSERT ON event_log TO postil_definer;

GRANT SELECT ON users, companies, memberships, roles, project_members, api_keys, embed_keys, company_stream TO postil_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, realtime_tickets, embed_token_uses TO postil_auth;
GRANT SELECT, UPDATE, DELETE ON jobs TO postil_auth;

GRANT EXECUTE ON FUNCTION app.user_id(), app.company_id(), app.enter(uuid, uuid) TO postil_app, postil_worker, postil_definer, postil_auth;
GRANT EXECUTE ON FUNCTION app.caller(), app.remember(), app.is_member(), app.allowed(text), app.denied(text), app.my_conversation_ids(),
    app.is_new_conversation(uuid), app.judge_record(text, text, text), app.may(text, text, text), app.judge_conversation(uuid),
    app.sees_conversation(uuid), app.judge_message(uuid, text, text), app.sees_message(uuid, text, text), app.judge_author(uuid),
    app.is_author(uuid) TO postil_app;
GRANT EXECUTE ON FUNCTION app.caller(), app.is_member(), app.allowed(text), app.denied(text), app.may(text, text, text) TO postil_definer;

-- --------------------------------------------------------------------------------------------------------------- guards
-- What policies can't say: which change of which column is legal. They hold for every role.

CREATE FUNCTION app.messages_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
    v_window integer;
    v_parent public.messages%ROWTYPE;
    v_depth_max smallint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.parent_id IS NOT NULL THEN
            SELECT c.reply_depth_max INTO v_depth_max FROM public.companies c WHERE c.id = NEW.company_id;
            IF NEW.depth > coalesce(v_depth_max, 0) THEN
                RAISE EXCEPTION 'reply depth % is more than the % that the company allows', NEW.depth, v_depth_max
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_depth_max';
            END IF;
            SELECT * INTO v_parent FROM public.messages m WHERE m.company_id = NEW.company_id AND m.id = NEW.parent_id;
            IF NOT FOUND OR NEW.depth <> v_parent.depth + 1 OR NEW.root_id <> v_parent.root_id OR NEW.path <> v_parent.path || NEW.seq THEN
                RAISE EXCEPTION 'a reply stands right below its parent' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_tree';
            END IF;
            -- Talk about a restricted record stays restricted: a reply can't leave the record of what it answers.
            IF v_parent.link_source IN ('own', 'parent')
                AND (NEW.link_kind, NEW.link_id) IS DISTINCT FROM (v_parent.link_kind, v_parent.link_id) THEN
                RAISE EXCEPTION 'a reply has the record of its parent' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_reply_link';
            END IF;
        END IF;
        RETURN NEW;
    END IF;

    IF OLD.deleted_at IS NOT NULL THEN
        RAISE EXCEPTION 'a tombstone does not change' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_tombstone';
    END IF;
    IF NEW.deleted_at IS NOT NULL THEN
        -- The policy on UPDATE can't tell an edit from a deletion: each right is asked for its own deed here.
        IF NOT ((OLD.author_id = app.user_id() AND app.may('message:delete', OLD.link_kind, OLD.link_id))
            OR app.may('admin:moderate', OLD.link_kind, OLD.link_id)) THEN
            RAISE EXCEPTION 'this message is not theirs to delete' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'messages_delete';
        END IF;
    ELSIF (NEW.body, NEW.text_ast, NEW.preview, NEW.version, NEW.edited_at)
        IS DISTINCT FROM (OLD.body, OLD.text_ast, OLD.preview, OLD.version, OLD.edited_at) THEN
        SELECT c.edit_window_s INTO v_window FROM public.companies c WHERE c.id = NEW.company_id;
        IF OLD.author_id IS DISTINCT FROM app.user_id() OR NOT app.may('message:edit', OLD.link_kind, OLD.link_id) THEN
            RAISE EXCEPTION 'only the author edits a message' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'messages_author';
        END IF;
        IF NEW.version <> OLD.version + 1 OR NEW.edited_at IS NULL OR NEW.edited_at > OLD.created_at + make_interval(secs => v_window) THEN
            RAISE EXCEPTION 'the edit window has passed' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_edit_window';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER messages_guard BEFORE INSERT OR UPDATE ON messages FOR EACH ROW EXECUTE FUNCTION app.messages_guard();

CREATE FUNCTION app.conversations_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.last_seq NOT IN (OLD.last_seq, OLD.last_seq + 1) THEN
        RAISE EXCEPTION 'positions are dense' USING ERRCODE = 'check_violation', CONSTRAINT = 'conversations_last_seq';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER conversations_guard BEFORE UPDATE OF last_seq ON conversations FOR EACH ROW EXECUTE FUNCTION app.conversations_guard();

CREATE FUNCTION app.stream_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.last_seq < OLD.last_seq OR NEW.last_seq > OLD.last_seq + 1000 OR NEW.audit_seq < OLD.audit_seq THEN
        RAISE EXCEPTION 'a stream only moves forward' USING ERRCODE = 'check_violation', CONSTRAINT = 'company_stream_forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stream_guard BEFORE UPDATE ON company_stream FOR EACH ROW EXECUTE FUNCTION app.stream_guard();

CREATE FUNCTION app.immutable() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER message_versions_immutable BEFORE UPDATE OR DELETE ON message_versions FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER policies_immutable BEFORE UPDATE OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER policy_grants_immutable BEFORE UPDATE OR DELETE ON policy_grants FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER event_log_immutable BEFORE UPDATE ON event_log FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER audit_log_immutable BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION app.immutable();

-- Whatever changes who may see what writes an event, whoever changes it and by which way: open sockets are evaluated again.
CREATE FUNCTION app.access_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    v_company uuid := coalesce(v_row ->> 'company_id', v_row ->> 'id')::uuid;
    v_before text := current_setting('app.company_id', true);
    v_seq bigint;
BEGIN
    -- The function's owner is bound to the company at hand like everyone: an operator in psql has none.
    PERFORM set_config('app.company_id', v_company::text, true);
    UPDATE public.company_stream s SET last_seq = s.last_seq + 1 WHERE s.company_id = v_company RETURNING s.last_seq INTO v_seq;
    IF FOUND THEN
        INSERT INTO public.event_log (company_id, seq, kind, conversation_id, link_kind, link_id, user_id, at)
        VALUES (
            v_company, v_seq, 'access.changed', (v_row ->> 'conversation_id')::uuid,
            CASE WHEN TG_TABLE_NAME = 'linked_records' THEN v_row ->> 'kind' END,
            CASE WHEN TG_TABLE_NAME = 'linked_records' THEN v_row ->> 'id' END,
            (v_row ->> 'user_id')::uuid, clock_timestamp()
        );
    END IF;
    PERFORM set_config('app.company_id', coalesce(v_before, ''), true);
    RETURN NULL;
END $$;
ALTER FUNCTION app.access_changed() OWNER TO postil_definer;

-- The same for a person as a whole, called by sign-in's trigger for each of their companies.
CREATE FUNCTION app.note_access(p_company uuid, p_user uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_before text := current_setting('app.company_id', true);
    v_seq bigint;
BEGIN
    PERFORM set_config('app.company_id', p_company::text, true);
    UPDATE public.company_stream s SET last_seq = s.last_seq + 1 WHERE s.company_id = p_company RETURNING s.last_seq INTO v_seq;
    IF FOUND THEN
        INSERT INTO public.event_log (company_id, seq, kind, user_id, at) VALUES (p_company, v_seq, 'access.changed', p_user, clock_timestamp());
    END IF;
    PERFORM set_config('app.company_id', coalesce(v_before, ''), true);
END $$;
ALTER FUNCTION app.note_access(uuid, uuid) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.note_access(uuid, uuid) TO postil_auth;

CREATE TRIGGER memberships_access AFTER UPDATE OF role_key, department_id, kind, status, deleted_at ON memberships
    FOR EACH ROW EXECUTE FUNCTION app.access_changed();
CREATE TRIGGER project_members_access AFTER INSERT OR UPDATE OR DELETE ON project_members
    FOR EACH ROW EXECUTE FUNCTION app.access_changed();
CREATE TRIGGER companies_access AFTER UPDATE OF policy_version ON companies
    FOR EACH ROW WHEN (OLD.policy_version IS DISTINCT FROM NEW.policy_version) EXECUTE FUNCTION app.access_changed();
CREATE TRIGGER linked_records_access AFTER UPDATE OF owner_id, department_id, project_id ON linked_records
    FOR EACH ROW WHEN (OLD.scope_tokens IS DISTINCT FROM NEW.scope_tokens) EXECUTE FUNCTION app.access_changed();
CREATE TRIGGER participants_access AFTER UPDATE OF deleted_at ON participants
    FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION app.access_changed();

REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
