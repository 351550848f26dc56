-- What a look at moderation found: moderators reached further than their right, what was reported could be edited away, deleting had
-- no rail, and blocks leaked around the fold.
--
-- Takes away: the three-column key of message_reports and the return types of two doors. So the generation is 3, and servers of
-- generation 2 must be gone.
GRANT CREATE ON SCHEMA app TO postil_definer;

CREATE OR REPLACE FUNCTION app.schema_generation() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT 3 $$;

-- ------------------------------------------------------------------------------------------------------------------ rails

-- Who may judge whom: none who administers, moderates or audits where one does not. A department's moderator does not hide what the
-- company's says, and nobody silences their auditor.
CREATE FUNCTION app.may_judge(p_user uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT 1 FROM public.companies c
        JOIN public.memberships m ON m.company_id = c.id AND m.user_id = p_user
        JOIN public.policy_grants g ON g.company_id = c.id AND g.version = c.policy_version AND (g.role_key = m.role_key OR g.user_id = p_user)
        WHERE c.id = app.company_id() AND g.effect = 'allow'
        AND g.action IN ('admin:members', 'admin:policy', 'admin:moderate', 'admin:export') AND NOT app.holds(g.action)
    );
END $$;
COMMENT ON FUNCTION app.may_judge(uuid) IS 'Whether the person holds, company-wide, every right to administer, moderate or audit that another member is allowed anywhere.';
ALTER FUNCTION app.may_judge(uuid) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.may_judge(uuid) TO postil_app;

-- Whether a deny rule keeps the text of a message from the person. Moderating reaches past what somebody is not in; it does not
-- reach past what they are denied.
CREATE FUNCTION app.is_denied_text(p_conversation uuid, p_kind text, p_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM (SELECT p_kind AS kind, p_id AS id, true AS is_own
            UNION ALL SELECT c.link_kind, c.link_id, false FROM public.conversations c WHERE c.company_id = app.company_id() AND c.id = p_conversation
        ) AS x
        LEFT JOIN public.linked_records r ON r.company_id = app.company_id() AND r.kind = x.kind AND r.id = x.id
        WHERE CASE WHEN x.kind IS NULL THEN '{*,u}'::text[] ELSE coalesce(r.scope_tokens, '{*}'::text[]) END
            && (app.denied('thread:read') || CASE WHEN x.is_own THEN app.denied('message:read') ELSE '{}'::text[] END)
    );
END $$;
COMMENT ON FUNCTION app.is_denied_text(uuid, text, text) IS 'Whether a deny rule keeps a message about a record (or none) in a conversation from the person: message:read on what governs it, thread:read there or on the conversation''s record.';
ALTER FUNCTION app.is_denied_text(uuid, text, text) OWNER TO postil_definer;

-- As before; what is another's is deleted only by who may judge them.
CREATE OR REPLACE FUNCTION app.messages_guard() RETURNS trigger LANGUAGE plpgsql
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
    IF (NEW.hidden_at, NEW.moderated) IS DISTINCT FROM (OLD.hidden_at, OLD.moderated) THEN
        -- app.moderate() alone: it asks for the right, keeps what is hidden, and tells the audit log.
        IF current_user <> 'postil_definer' OR NEW.moderated <> OLD.moderated + 1 OR (NEW.hidden_at IS NULL) = (OLD.hidden_at IS NULL)
            OR NEW.deleted_at IS NOT NULL OR NEW.version <> OLD.version THEN
            RAISE EXCEPTION 'moderators hide and restore' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'messages_moderated';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.deleted_at IS NOT NULL THEN
        -- The policy on UPDATE can't tell an edit from a deletion: each right is asked for its own deed here.
        IF NOT ((OLD.author_id = app.user_id() AND app.may('message:delete', OLD.link_kind, OLD.link_id))
            OR (app.may('admin:moderate', OLD.link_kind, OLD.link_id) AND (OLD.author_id = app.user_id() OR app.may_judge(OLD.author_id)))) THEN
            RAISE EXCEPTION 'this message is not theirs to delete' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'messages_delete';
        END IF;
    ELSIF (NEW.body, NEW.text_ast, NEW.preview, NEW.version, NEW.edited_at)
        IS DISTINCT FROM (OLD.body, OLD.text_ast, OLD.preview, OLD.version, OLD.edited_at) THEN
        SELECT c.edit_window_s INTO v_window FROM public.companies c WHERE c.id = NEW.company_id;
        IF OLD.author_id IS DISTINCT FROM app.user_id() OR NOT app.may('message:edit', OLD.link_kind, OLD.link_id) THEN
            RAISE EXCEPTION 'only the author edits a message' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'messages_author';
        END IF;
        -- An edit would bring a text back that a moderator has taken away, or let somebody write who may not.
        IF OLD.hidden_at IS NOT NULL THEN
            RAISE EXCEPTION 'a hidden message is not edited' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_edit_hidden';
        END IF;
        IF app.muted_until(app.user_id(), OLD.conversation_id, now()) IS NOT NULL THEN
            RAISE EXCEPTION 'the author is muted' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_edit_muted';
        END IF;
        IF NEW.version <> OLD.version + 1 OR NEW.edited_at IS NULL OR NEW.edited_at > OLD.created_at + make_interval(secs => v_window) THEN
            RAISE EXCEPTION 'the edit window has passed' USING ERRCODE = 'check_violation', CONSTRAINT = 'messages_edit_window';
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- outcome: deleted | not_found | beyond | already
CREATE OR REPLACE FUNCTION app.message_delete(p_user uuid, p_company uuid, p_message uuid, p_at timestamptz, p_correlation uuid)
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
    ELSIF v.author_id <> p_user AND NOT app.may_judge(v.author_id) THEN
        RETURN QUERY SELECT 'beyond', NULL::bigint, NULL::message_rows;
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
COMMENT ON FUNCTION app.message_delete(uuid, uuid, uuid, timestamptz, uuid) IS 'Leaves a tombstone: deleted | not_found | beyond (its author is not theirs to judge) | already.';

-- ---------------------------------------------------------------------------------------------------------------- reports

-- A report is about what stood there. Reports of before are taken to be about the first version.
ALTER TABLE message_reports ADD COLUMN version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN message_reports.version IS 'Which version of the message was reported; a trigger says it. Never changes.';
COMMENT ON TABLE message_reports IS 'Who reported which version of a message and why, once each; the word list reports without a person. Never changes.';
COMMENT ON COLUMN moderation_cases.state IS 'open or resolved; another report (of a version, by somebody) opens it again, unless the message is hidden.';
-- In this order, so that there is no moment without either; the table is young and small.
ALTER TABLE message_reports ADD CONSTRAINT message_reports_once_a_version UNIQUE (company_id, message_id, reporter_id, version);
ALTER TABLE message_reports DROP CONSTRAINT message_reports_once;

-- The message's lock comes first, so that no edit and no deletion comes between what is reported and what is noted.
CREATE FUNCTION app.report_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v record;
BEGIN
    SELECT m.version, m.deleted_at, app.sees_message(m.conversation_id, m.link_kind, m.link_id) AS is_seen INTO v FROM public.messages m
    WHERE m.company_id = NEW.company_id AND m.id = NEW.message_id FOR NO KEY UPDATE;
    -- Said only to whom the message was visible: to others the policy says no more than no.
    IF v.deleted_at IS NOT NULL AND v.is_seen THEN
        RAISE EXCEPTION 'a tombstone is not reported' USING ERRCODE = 'check_violation', CONSTRAINT = 'message_reports_tombstone';
    END IF;
    NEW.version := coalesce(v.version, 1);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.report_version() IS 'Trigger: a report is about the version that stands there now, under the message''s lock; nobody reports a tombstone.';
ALTER FUNCTION app.report_version() OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.sees_message(uuid, text, text), app.judge_message(uuid, text, text), app.sees_conversation(uuid),
    app.judge_conversation(uuid) TO postil_definer;
CREATE TRIGGER message_reports_version BEFORE INSERT ON message_reports FOR EACH ROW EXECUTE FUNCTION app.report_version();

-- As before; the correlation id, which the reporter's client chooses, would name them.
CREATE OR REPLACE FUNCTION app.report_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v record;
BEGIN
    -- The message's lock comes first here as in every act and edit, the case's next, the company's stream last.
    SELECT m.conversation_id, m.author_id, m.link_kind, m.link_id, m.hidden_at INTO v FROM public.messages m
    WHERE m.company_id = NEW.company_id AND m.id = NEW.message_id FOR NO KEY UPDATE;
    INSERT INTO public.moderation_cases AS c (
        company_id, message_id, conversation_id, author_id, link_kind, link_id, reasons, report_count, reported_at
    ) VALUES (
        NEW.company_id, NEW.message_id, v.conversation_id, v.author_id, v.link_kind, v.link_id, jsonb_build_object(NEW.reason, 1), 1, NEW.created_at
    )
    ON CONFLICT (company_id, message_id) DO UPDATE SET
        reasons = c.reasons || jsonb_build_object(NEW.reason, coalesce((c.reasons ->> NEW.reason)::integer, 0) + 1),
        report_count = c.report_count + 1,
        reported_at = greatest(c.reported_at, NEW.created_at),
        -- What is hidden has been judged; anything else may have been edited since.
        state = CASE WHEN v.hidden_at IS NULL THEN 'open' ELSE c.state END,
        resolved_at = CASE WHEN v.hidden_at IS NULL THEN NULL ELSE c.resolved_at END;
    PERFORM app.audit(NEW.company_id, NULL, 'message.report', app.wire_id('msg', NEW.message_id),
        jsonb_build_object('reason', NEW.reason), NULL, NEW.created_at);
    RETURN NULL;
END $$;

-- ------------------------------------------------------------------------------------------------------------------ doors

-- As before, with three things more: the versions that were reported, if another stands there now; neighbours only where the
-- moderator may read them; and no text that a deny rule keeps from them, which they then judge by its reports, or leave to others.
DROP FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz);
CREATE FUNCTION app.case_open(p_user uuid, p_company uuid, p_message uuid, p_correlation uuid, p_at timestamptz)
RETURNS TABLE (
    place integer, message_id uuid, author_id uuid, author_name text, author_kind text, author_job_title text, body text, text_ast jsonb,
    created_at timestamptz, edited_at timestamptz, deleted_at timestamptz, hidden_at timestamptz,
    version integer, is_current boolean, is_withheld boolean
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_case record;
    v_message record;
    v_withheld boolean;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT c.author_id, c.link_kind, c.link_id INTO v_case FROM public.moderation_cases c WHERE c.company_id = p_company AND c.message_id = p_message;
    IF NOT FOUND OR v_case.author_id = p_user OR NOT app.is_member() OR NOT app.may('admin:moderate', v_case.link_kind, v_case.link_id) THEN
        RETURN;
    END IF;
    SELECT m.conversation_id, m.root_id, m.path, m.version INTO v_message FROM public.messages m WHERE m.company_id = p_company AND m.id = p_message;
    PERFORM app.audit(p_company, p_user, 'moderation.view', app.wire_id('msg', p_message),
        jsonb_build_object('author', app.wire_id('usr', v_case.author_id)), p_correlation, p_at);
    v_withheld := app.is_denied_text(v_message.conversation_id, v_case.link_kind, v_case.link_id);
    RETURN QUERY
    SELECT x.place, m.id, m.author_id, u.name, a.kind, a.job_title,
        -- Hidden or deleted, the reported text is what a judgement is about; of its neighbours nothing more than others see.
        CASE WHEN x.place <> 0 THEN m.body WHEN v_withheld THEN '' ELSE v.body END,
        CASE WHEN x.place <> 0 THEN m.text_ast WHEN v_withheld THEN '[]' ELSE v.text_ast END,
        CASE WHEN x.place = 0 AND x.version <> m.version THEN v.created_at ELSE m.created_at END,
        CASE WHEN x.place <> 0 OR x.version = m.version THEN m.edited_at END, m.deleted_at, m.hidden_at,
        x.version, x.version = m.version, v_withheld AND x.place = 0
    FROM (
        SELECT 0 AS place, p_message AS id, v_message.version AS version
        UNION ALL
        -- What was reported and is not there any more: people's reports go before the word list's, which an author can multiply.
        (SELECT 0, p_message, r.version FROM public.message_reports r
        WHERE r.company_id = p_company AND r.message_id = p_message AND r.version <> v_message.version
        GROUP BY r.version ORDER BY bool_and(r.reporter_id IS NULL), r.version DESC LIMIT 3)
        UNION ALL
        (SELECT -row_number() OVER (ORDER BY b.path DESC)::integer, b.id, b.version FROM public.messages b
        WHERE b.company_id = p_company AND b.root_id = v_message.root_id AND b.path < v_message.path
        AND app.may('admin:moderate', b.link_kind, b.link_id) AND app.may('message:read', b.link_kind, b.link_id)
        AND NOT app.is_denied_text(b.conversation_id, b.link_kind, b.link_id) ORDER BY b.path DESC LIMIT 2)
        UNION ALL
        (SELECT row_number() OVER (ORDER BY b.path)::integer, b.id, b.version FROM public.messages b
        WHERE b.company_id = p_company AND b.root_id = v_message.root_id AND b.path > v_message.path
        AND app.may('admin:moderate', b.link_kind, b.link_id) AND app.may('message:read', b.link_kind, b.link_id)
        AND NOT app.is_denied_text(b.conversation_id, b.link_kind, b.link_id) ORDER BY b.path LIMIT 2)
    ) AS x
    JOIN public.messages m ON m.company_id = p_company AND m.id = x.id
    JOIN public.users u ON u.id = m.author_id
    JOIN public.memberships a ON a.company_id = p_company AND a.user_id = m.author_id
    LEFT JOIN public.message_versions v ON v.company_id = p_company AND v.message_id = m.id AND v.version = x.version
    ORDER BY x.place, x.version DESC;
END $$;
COMMENT ON FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz)
    IS 'A reported message as it stands, its reported versions (at most three others), and up to two neighbours on each side, for whoever may moderate it and did not write it; no text that they are denied. Says in the audit log that it was looked at. No row: not theirs, or not reported.';
ALTER FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz) TO postil_app;

-- As before, for whoever has just opened the case. What people say goes before what the word list says, which an author can multiply.
CREATE OR REPLACE FUNCTION app.case_history(p_user uuid, p_company uuid, p_message uuid)
RETURNS TABLE (source text, id uuid, what text, detail text, until timestamptz, everywhere boolean, actor_name text, at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM public.moderation_cases c WHERE c.company_id = p_company AND c.message_id = p_message
        AND p_user = app.user_id() AND c.author_id <> p_user AND app.is_member() AND app.may('admin:moderate', c.link_kind, c.link_id)
    ) OR NOT EXISTS (
        -- Notes quote: they are shown to whom the log says in this very transaction that they have opened the case.
        SELECT 1 FROM public.audit_log l
        WHERE l.company_id = p_company AND l.actor_id = p_user AND l.action = 'moderation.view' AND l.target = app.wire_id('msg', p_message)
        AND l.xmin = pg_current_xact_id()::xid
    ) THEN
        RETURN;
    END IF;
    RETURN QUERY
    (SELECT 'report', NULL::uuid, r.reason, r.note, NULL::timestamptz, false, NULL::text, r.created_at
    FROM public.message_reports r WHERE r.company_id = p_company AND r.message_id = p_message ORDER BY (r.reporter_id IS NULL), r.created_at DESC LIMIT 50)
    UNION ALL
    (SELECT 'act', a.id, a.act, a.reason, a.until, a.everywhere, u.name, a.created_at
    FROM public.moderation_acts a LEFT JOIN public.users u ON u.id = a.actor_id
    WHERE a.company_id = p_company AND a.message_id = p_message ORDER BY (a.actor_id IS NULL), a.created_at DESC, a.id DESC LIMIT 50);
END $$;
COMMENT ON FUNCTION app.case_history(uuid, uuid, uuid)
    IS 'Reports of a message, without who reported, and what moderators did about it; 50 each, people''s before the word list''s, then the newest first. For whoever opened the case in the same transaction.';

-- What governs the conversation of a reported message, for whoever may judge the message: mutes and removals reach that far.
CREATE FUNCTION app.case_place(p_message uuid) RETURNS TABLE (kind text, id text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT c.link_kind, c.link_id FROM public.moderation_cases x
    JOIN public.conversations c ON c.company_id = x.company_id AND c.id = x.conversation_id
    WHERE x.company_id = app.company_id() AND x.message_id = p_message AND x.author_id <> app.user_id() AND app.is_member()
    AND app.may('admin:moderate', x.link_kind, x.link_id);
END $$;
COMMENT ON FUNCTION app.case_place(uuid) IS 'The record of the conversation in which a reported message stands (nulls: none), for whoever may judge that message.';
ALTER FUNCTION app.case_place(uuid) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.case_place(uuid) TO postil_app;

-- Looking at the queue says who is talked about: told once for each person and hour, as reading the log is.
CREATE FUNCTION app.cases_listed(p_correlation uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_last timestamptz;
BEGIN
    IF NOT app.is_member() THEN RETURN; END IF;
    SELECT a.at INTO v_last FROM public.audit_log a
    WHERE a.company_id = app.company_id() AND a.actor_id = app.user_id() AND a.action = 'moderation.list' ORDER BY a.seq DESC LIMIT 1;
    IF v_last IS NULL OR v_last <= p_at - interval '1 hour' THEN
        PERFORM app.audit(app.company_id(), app.user_id(), 'moderation.list', app.wire_id('cmp', app.company_id()), '{}', p_correlation, p_at);
    END IF;
END $$;
COMMENT ON FUNCTION app.cases_listed(uuid, timestamptz) IS 'Tells the audit log that the person at hand looks at the queue of reports, once an hour.';
ALTER FUNCTION app.cases_listed(uuid, timestamptz) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.cases_listed(uuid, timestamptz) TO postil_app;

-- As before, but: mutes and removals need the right over the conversation, too; whoever administers, moderates or audits more is not
-- theirs to judge; lifting a mute lifts what holds here; and the log is not told the reason, which stays with the act.
CREATE OR REPLACE FUNCTION app.moderate(
    p_user uuid, p_company uuid, p_message uuid, p_act text, p_id uuid, p_reason text, p_until timestamptz, p_everywhere boolean,
    p_correlation uuid, p_at timestamptz
) RETURNS TABLE (outcome text, conversation_id uuid, author_id uuid, link_kind text, link_id text, event_seq bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    m record;
    v_place record;
    v_preview text;
    v_event bigint;
    v_count integer;
BEGIN
    PERFORM app.enter(p_user, p_company);
    PERFORM set_config('app.correlation', coalesce(p_correlation::text, ''), true);
    -- The message first, its case next, the company's stream last: as app.report_counts().
    SELECT x.id, x.conversation_id, x.author_id, x.link_kind, x.link_id, x.preview, x.version, x.deleted_at, x.hidden_at INTO m
    FROM public.messages x WHERE x.company_id = p_company AND x.id = p_message FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT app.is_member() OR m.author_id = p_user OR NOT app.may('admin:moderate', m.link_kind, m.link_id)
        OR NOT EXISTS (SELECT 1 FROM public.moderation_cases c WHERE c.company_id = p_company AND c.message_id = p_message FOR UPDATE) THEN
        RETURN QUERY SELECT 'not_found', NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::bigint;
        RETURN;
    END IF;
    SELECT c.kind, c.link_kind, c.link_id INTO v_place FROM public.conversations c WHERE c.company_id = p_company AND c.id = m.conversation_id;
    -- Nobody judges those who administer more than they do: an owner answers to an owner. And who moderates what one record governs does
    -- not rule over the conversation in which somebody named that record.
    IF (p_act <> 'resolve' AND NOT app.may_judge(m.author_id))
        OR (p_act IN ('mute', 'unmute', 'remove', 'readmit') AND NOT app.may('admin:moderate', v_place.link_kind, v_place.link_id)) THEN
        RETURN QUERY SELECT 'beyond', NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::bigint;
        RETURN;
    END IF;
    outcome := 'done';
    CASE p_act
    WHEN 'hide' THEN
        IF m.deleted_at IS NOT NULL THEN
            outcome := 'deleted';
        ELSIF m.hidden_at IS NOT NULL THEN
            outcome := 'already';
        ELSE
            v_preview := m.preview;
            UPDATE public.messages x SET body = '', text_ast = '[]', preview = '', hidden_at = p_at, moderated = x.moderated + 1, updated_at = p_at
            WHERE x.company_id = p_company AND x.id = p_message;
        END IF;
    WHEN 'restore' THEN
        IF m.deleted_at IS NOT NULL THEN
            outcome := 'deleted';
        ELSIF m.hidden_at IS NULL THEN
            outcome := 'not_hidden';
        ELSE
            UPDATE public.messages x SET body = v.body, text_ast = v.text_ast, hidden_at = NULL, moderated = x.moderated + 1, updated_at = p_at,
                preview = (SELECT coalesce(a.kept_preview, '') FROM public.moderation_acts a
                    WHERE a.company_id = p_company AND a.message_id = p_message AND a.act = 'hide' ORDER BY a.created_at DESC, a.id DESC LIMIT 1)
            FROM public.message_versions v
            WHERE x.company_id = p_company AND x.id = p_message AND v.company_id = p_company AND v.message_id = p_message AND v.version = m.version;
        END IF;
    WHEN 'mute', 'unmute' THEN
        -- Two who mute one person because of two messages: the second finds what the first wrote.
        PERFORM pg_advisory_xact_lock(hashtextextended('mutes ' || p_company || ' ' || m.author_id, 0));
        IF (p_act = 'mute' AND p_everywhere OR p_act = 'unmute' AND EXISTS (
            SELECT 1 FROM public.mutes x WHERE x.company_id = p_company AND x.user_id = m.author_id AND x.conversation_id IS NULL
            AND x.lifted_at IS NULL AND x.muted_until > p_at
        )) AND NOT app.holds('admin:moderate') THEN
            -- Lifting the one here alone would let nobody write, and the notice would say that they may.
            outcome := 'beyond';
        ELSE
            -- A mute in another conversation is that conversation's.
            UPDATE public.mutes x SET lifted_at = p_at WHERE x.company_id = p_company AND x.user_id = m.author_id AND x.lifted_at IS NULL
            AND CASE WHEN p_act = 'unmute' THEN x.muted_until > p_at AND (x.conversation_id IS NULL OR x.conversation_id = m.conversation_id)
                ELSE x.conversation_id IS NOT DISTINCT FROM CASE WHEN p_everywhere THEN NULL ELSE m.conversation_id END END;
            GET DIAGNOSTICS v_count = ROW_COUNT;
            IF p_act = 'unmute' AND v_count = 0 THEN
                outcome := 'not_muted';
            ELSIF p_act = 'mute' THEN
                INSERT INTO public.mutes (company_id, id, user_id, conversation_id, muted_until, created_at)
                VALUES (p_company, p_id, m.author_id, CASE WHEN p_everywhere THEN NULL ELSE m.conversation_id END, p_until, p_at);
            END IF;
        END IF;
    WHEN 'remove', 'readmit' THEN
        -- Who sees a record's talk is the record's to say, live; and two who talk alone are parted by a block.
        IF v_place.kind <> 'group' THEN
            outcome := v_place.kind;
        ELSE
            UPDATE public.participants p SET deleted_at = CASE p_act WHEN 'remove' THEN p_at END, deleted_by = CASE p_act WHEN 'remove' THEN p_user END, updated_at = p_at
            WHERE p.company_id = p_company AND p.conversation_id = m.conversation_id AND p.user_id = m.author_id
            AND (p.deleted_at IS NULL) = (p_act = 'remove')
            -- Only what a moderator did is a moderator's to undo: who left by themselves stays out.
            AND (p_act = 'remove' OR EXISTS (
                SELECT 1 FROM public.moderation_acts a WHERE a.company_id = p_company AND a.conversation_id = m.conversation_id
                AND a.user_id = m.author_id AND a.act = 'remove'
            ));
            IF NOT FOUND THEN outcome := 'already'; END IF;
        END IF;
    WHEN 'warn' THEN
        NULL;
    WHEN 'resolve' THEN
        UPDATE public.moderation_cases c SET state = 'resolved', resolved_at = p_at
        WHERE c.company_id = p_company AND c.message_id = p_message AND c.state = 'open';
        IF NOT FOUND THEN outcome := 'already'; END IF;
    ELSE
        RAISE EXCEPTION 'there is no such act' USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_acts_act_check';
    END CASE;
    IF outcome <> 'done' THEN
        RETURN QUERY SELECT outcome, NULL::uuid, NULL::uuid, NULL::text, NULL::text, NULL::bigint;
        RETURN;
    END IF;
    INSERT INTO public.moderation_acts (company_id, id, message_id, conversation_id, user_id, act, reason, until, everywhere, kept_preview, actor_id, created_at)
    VALUES (p_company, p_id, p_message, m.conversation_id, m.author_id, p_act, p_reason, p_until, p_everywhere, v_preview, p_user, p_at);
    PERFORM app.audit(p_company, p_user, 'moderation.' || p_act, app.wire_id('msg', p_message), jsonb_strip_nulls(jsonb_build_object(
        'author', app.wire_id('usr', m.author_id),
        'until', to_char(p_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'everywhere', CASE WHEN p_act = 'mute' THEN p_everywhere END)),
        p_correlation, p_at);
    IF p_act IN ('hide', 'restore') THEN
        v_event := app.next_seq(p_company, 1);
        INSERT INTO public.event_log (company_id, seq, kind, conversation_id, message_id, link_kind, link_id, user_id, at)
        VALUES (p_company, v_event, 'message.updated', m.conversation_id, p_message, m.link_kind, m.link_id, p_user, p_at);
    END IF;
    -- To the author: something about them in this conversation has changed, look. Of a removal a trigger has told already.
    IF p_act IN ('hide', 'restore', 'warn', 'mute', 'unmute') THEN
        v_event := app.next_seq(p_company, 1);
        INSERT INTO public.event_log (company_id, seq, kind, conversation_id, user_id, at)
        VALUES (p_company, v_event, 'access.changed', m.conversation_id, m.author_id, p_at);
    END IF;
    RETURN QUERY SELECT 'done', m.conversation_id, m.author_id, m.link_kind, m.link_id, v_event;
END $$;
COMMENT ON FUNCTION app.moderate(uuid, uuid, uuid, text, uuid, text, timestamptz, boolean, uuid, timestamptz)
    IS 'One act about a reported message, by whoever may moderate it (for mutes and removals its conversation, too), did not write it and may judge its author: hide, restore, warn, mute, unmute, remove, readmit, resolve. Tells the author, the audit log and open sockets.';

-- As before, each words of a message once.
CREATE OR REPLACE FUNCTION app.words_found(p_message uuid, p_flagged text, p_masked text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_conversation uuid;
BEGIN
    SELECT m.conversation_id INTO v_conversation FROM public.messages m
    WHERE m.company_id = app.company_id() AND m.id = p_message AND m.author_id = app.user_id() AND app.is_member() FOR NO KEY UPDATE;
    -- Anybody else's message is not looked at: whoever calls this by hand can at most report themselves.
    IF NOT FOUND THEN RETURN; END IF;
    -- While nobody has judged the case, the same words again say nothing new: else an author buries what people said.
    IF p_flagged IS NOT NULL AND (NOT EXISTS (
        SELECT 1 FROM public.message_reports r
        WHERE r.company_id = app.company_id() AND r.message_id = p_message AND r.reporter_id IS NULL AND r.note = p_flagged
    ) OR EXISTS (
        SELECT 1 FROM public.moderation_cases c WHERE c.company_id = app.company_id() AND c.message_id = p_message AND c.state = 'resolved'
    )) THEN
        INSERT INTO public.message_reports (company_id, id, message_id, reason, note, created_at)
        VALUES (app.company_id(), gen_random_uuid(), p_message, 'word_list', p_flagged, p_at);
    END IF;
    IF p_masked IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM public.moderation_acts a
        WHERE a.company_id = app.company_id() AND a.message_id = p_message AND a.act = 'mask' AND a.reason = p_masked
    ) THEN
        INSERT INTO public.moderation_acts (company_id, id, message_id, conversation_id, user_id, act, reason, created_at)
        VALUES (app.company_id(), gen_random_uuid(), p_message, v_conversation, app.user_id(), 'mask', p_masked, p_at);
    END IF;
END $$;
COMMENT ON FUNCTION app.words_found(uuid, text, text, timestamptz) IS 'Reports a message of one''s own on behalf of the word list, and notes what was masked in it; the same words once, unless the case was resolved since.';

-- ------------------------------------------------------------------------------------------------------- unread and blocks

CREATE FUNCTION app.my_blocked_ids() RETURNS uuid[] LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN ARRAY(
        SELECT b.blocked_id FROM public.blocks b WHERE b.company_id = app.company_id() AND b.user_id = app.user_id() AND b.deleted_at IS NULL
    );
END $$;
COMMENT ON FUNCTION app.my_blocked_ids() IS 'Whom the person at hand has blocked.';
GRANT EXECUTE ON FUNCTION app.my_blocked_ids() TO postil_app;

-- As before, without what is hidden, whose text is gone, and without what a block folds.
CREATE OR REPLACE FUNCTION app.unread(p_company uuid, p_conversation uuid, p_after bigint, p_max integer) RETURNS integer LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_blocked uuid[] := app.my_blocked_ids();
BEGIN
    RETURN (
        SELECT count(*)::integer FROM (
            SELECT 1 FROM public.messages m
            WHERE m.company_id = p_company AND m.conversation_id = p_conversation AND m.seq > p_after
            AND m.author_id <> app.user_id() AND m.deleted_at IS NULL AND m.hidden_at IS NULL
            AND (m.link_kind IS NOT NULL OR m.author_id <> ALL (v_blocked))
            LIMIT p_max
        ) AS unread
    );
END $$;
COMMENT ON FUNCTION app.unread(uuid, uuid, bigint, integer) IS 'Messages of others after a position that the caller sees, not hidden and not folded by a block, counted to a bound and not further.';

-- As before, and whom of those here the caller has blocked; what such a person said last about no record is not quoted.
DROP FUNCTION app.inbox(uuid, uuid, uuid, text, text, timestamptz, uuid, integer, integer);
CREATE FUNCTION app.inbox(
    p_user uuid, p_company uuid, p_conversation uuid, p_kind text, p_id text, p_before_at timestamptz, p_before_id uuid, p_limit integer, p_unread_max integer
) RETURNS TABLE (
    id uuid, kind text, title text, link_kind text, link_id text, last_seq bigint, activity_at timestamptz,
    record_title text, record_amount_minor bigint, record_currency text, record_status text, record_url text, record_owner_id uuid, record_updated_at timestamptz,
    last_id uuid, last_author_id uuid, last_author_name text, last_preview text, last_created_at timestamptz, last_deleted_at timestamptz, last_blocked boolean,
    read_seq bigint, unread integer, people jsonb, people_count bigint, has_external boolean, blocked_ids uuid[]
) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v_ids uuid[];
    v_blocked uuid[];
BEGIN
    PERFORM app.enter(p_user, p_company);
    v_blocked := app.my_blocked_ids();
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
        newest.id, newest.author_id, author.name,
        CASE WHEN newest.link_kind IS NULL AND newest.author_id = ANY (v_blocked) THEN '' ELSE newest.preview END,
        newest.created_at, newest.deleted_at, coalesce(newest.link_kind IS NULL AND newest.author_id = ANY (v_blocked), false),
        coalesce(mine.read_seq, 0), app.unread(p_company, page.id, coalesce(mine.read_seq, 0), p_unread_max),
        faces.people, crowd.people_count, crowd.has_external,
        -- Those who have left, too: what they wrote is still there.
        CASE WHEN page.kind = 'record' OR v_blocked = '{}' THEN '{}'::uuid[] ELSE ARRAY(
            SELECT x.user_id FROM public.participants x
            WHERE x.company_id = p_company AND x.conversation_id = page.id AND x.user_id = ANY (v_blocked) ORDER BY x.user_id
        ) END
    FROM page
    LEFT JOIN public.linked_records r ON r.company_id = p_company AND r.kind = page.link_kind AND r.id = page.link_id
    LEFT JOIN public.read_receipts mine ON mine.company_id = p_company AND mine.conversation_id = page.id AND mine.user_id = p_user
    LEFT JOIN LATERAL (
        SELECT m.id, m.author_id, m.preview, m.created_at, m.deleted_at, m.link_kind FROM public.messages m
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
COMMENT ON FUNCTION app.inbox(uuid, uuid, uuid, text, text, timestamptz, uuid, integer, integer) IS 'Conversations that the caller takes part in (or the one named, or those about a record), with what a list shows of each; what a block folds is not quoted.';
GRANT EXECUTE ON FUNCTION app.inbox(uuid, uuid, uuid, text, text, timestamptz, uuid, integer, integer) TO postil_app;

-- Whoever is blocked has another way to the blocker than a direct conversation: a group of two, whose title is read. A trigger, because
-- people come into a group one after the other; it looks when a statement is done.
CREATE FUNCTION app.participants_blocked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT n.company_id, n.conversation_id FROM added n WHERE n.created_by = app.user_id()) AS x
        JOIN public.conversations c ON c.company_id = x.company_id AND c.id = x.conversation_id AND c.kind = 'group'
        WHERE (
            SELECT count(*) = 1 AND bool_or(b.user_id IS NOT NULL) FROM public.participants p
            LEFT JOIN public.blocks b ON b.company_id = p.company_id AND b.user_id = p.user_id AND b.blocked_id = app.user_id() AND b.deleted_at IS NULL
            WHERE p.company_id = x.company_id AND p.conversation_id = x.conversation_id AND p.user_id <> app.user_id() AND p.deleted_at IS NULL
        )
    ) THEN
        RAISE EXCEPTION 'this person is out of reach' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'participants_blocked';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.participants_blocked() IS 'Trigger: nobody begins a group of two with somebody who has blocked them.';
ALTER FUNCTION app.participants_blocked() OWNER TO postil_definer;
CREATE TRIGGER participants_blocked AFTER INSERT ON participants REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION app.participants_blocked();

-- What is attached to a hidden message is hidden with it.
ALTER POLICY attachments_read ON attachments
    USING (state = 'clean' AND deleted_at IS NULL AND EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = attachments.company_id AND m.id = attachments.message_id AND m.deleted_at IS NULL AND m.hidden_at IS NULL
        AND app.may('attachment:read', m.link_kind, m.link_id)
    ));

REVOKE CREATE ON SCHEMA app FROM postil_definer;
