-- Moderation: reports, what moderators do about them, the notices that people get, mutes, personal blocks, word lists.
--
-- Three rules shape it:
--   * a moderator acts on a reported message and on nothing else. Two doors with their owner's rights lead there,
--     app.case_open() and app.moderate(): both ask for admin:moderate on the record that governs the message, never let anybody
--     judge their own message, and write the audit log in the same transaction;
--   * a hidden message has no text: body, parsed text and preview leave the row that people read, so that no list, search,
--     preview or export can show them. The text stays in message_versions, which no request reads of a hidden message;
--   * who reports and who blocks is told to nobody but themselves, the audit log included.
--
-- Only adds: servers of generation 2 work on, and hidden messages are empty for them.
GRANT CREATE ON SCHEMA app TO postil_definer;

-- ------------------------------------------------------------------------------------------------------------- messages

ALTER TABLE messages
    ADD COLUMN moderated integer NOT NULL DEFAULT 0,
    ADD COLUMN hidden_at timestamptz;
COMMENT ON COLUMN messages.moderated IS 'Counts hidings and restorings: of two states of one version, the one with more is newer.';
COMMENT ON COLUMN messages.hidden_at IS 'When a moderator hid it; null: it is not hidden.';
-- NOT VALID, because checking would read the table under the lock; no row is hidden yet.
ALTER TABLE messages ADD CONSTRAINT messages_hidden CHECK (hidden_at IS NULL OR (body = '' AND preview = '')) NOT VALID;

-- As in the migration before, with two columns more.
CREATE OR REPLACE VIEW message_rows WITH (security_invoker = true) AS
SELECT
    m.company_id, m.id, m.conversation_id, m.seq, m.parent_id, m.root_id, m.depth, m.path,
    m.author_id, u.name AS author_name, a.kind AS author_kind, a.job_title AS author_job_title,
    m.client_key, m.body, m.text_ast, m.link_kind, m.link_id, m.link_source,
    l.title AS link_title, l.amount_minor AS link_amount_minor, l.currency AS link_currency, l.status AS link_status,
    m.version, m.created_at, m.edited_at, m.deleted_at,
    CASE WHEN t.is_mixed THEN seen.replies ELSE coalesce(t.reply_count, 0) END AS reply_count,
    CASE WHEN t.is_mixed THEN seen.last_at ELSE t.last_reply_at END AS last_reply_at,
    m.moderated, m.hidden_at
FROM messages m
JOIN users u ON u.id = m.author_id
JOIN memberships a ON a.company_id = m.company_id AND a.user_id = m.author_id
LEFT JOIN message_links l ON l.company_id = m.company_id AND l.message_id = m.id
LEFT JOIN threads t ON m.parent_id IS NULL AND t.company_id = m.company_id AND t.root_id = m.id
LEFT JOIN LATERAL (
    SELECT count(*)::integer AS replies, max(x.created_at) AS last_at
    FROM messages x WHERE t.is_mixed AND x.company_id = m.company_id AND x.root_id = m.id AND x.parent_id IS NOT NULL
) AS seen ON true;

-- The text of a hidden message is behind app.case_open() alone: a moderator's view of it is told, this one would not be.
DROP POLICY message_versions_read ON message_versions;
CREATE POLICY message_versions_read ON message_versions FOR SELECT TO postil_app
    USING (EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = message_versions.company_id AND m.id = message_versions.message_id AND m.hidden_at IS NULL
        -- A tombstone's text is withheld in its versions too.
        AND (m.deleted_at IS NULL OR app.may('admin:moderate', m.link_kind, m.link_id))
    ));

-- ---------------------------------------------------------------------------------------------------------------- tables

CREATE TABLE message_reports (
    company_id  uuid NOT NULL,
    id          uuid NOT NULL,
    message_id  uuid NOT NULL,
    reporter_id uuid,
    reason      text NOT NULL CHECK (reason IN ('harassment', 'confidential', 'spam', 'illegal', 'other', 'word_list')),
    note        text CHECK (char_length(note) BETWEEN 1 AND 500),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (company_id, id),
    CONSTRAINT message_reports_once UNIQUE (company_id, message_id, reporter_id),
    FOREIGN KEY (company_id, message_id) REFERENCES messages (company_id, id),
    FOREIGN KEY (company_id, reporter_id) REFERENCES memberships (company_id, user_id),
    CONSTRAINT message_reports_system CHECK ((reporter_id IS NULL) = (reason = 'word_list'))
);
ALTER TABLE message_reports ALTER COLUMN note SET STATISTICS 0;
COMMENT ON TABLE message_reports IS 'Who reported which message and why, once each; the word list reports without a person. Never changes.';
COMMENT ON COLUMN message_reports.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN message_reports.id IS 'UUIDv7. Never changes.';
COMMENT ON COLUMN message_reports.message_id IS 'What is reported. Never changes.';
COMMENT ON COLUMN message_reports.reporter_id IS 'Who reported; nobody but they reads it. Null: the company''s word list. Never changes.';
COMMENT ON COLUMN message_reports.reason IS 'harassment, confidential, spam, illegal or other; word_list without a person. Never changes.';
COMMENT ON COLUMN message_reports.note IS 'What they say about it, for moderators; for word_list, the words. Null: nothing. Never changes.';
COMMENT ON COLUMN message_reports.created_at IS 'When. Never changes.';

CREATE TABLE moderation_cases (
    company_id      uuid NOT NULL,
    message_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    author_id       uuid NOT NULL,
    link_kind       text,
    link_id         text,
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
    reasons         jsonb NOT NULL,
    report_count    integer NOT NULL CHECK (report_count > 0),
    reported_at     timestamptz NOT NULL,
    resolved_at     timestamptz,
    PRIMARY KEY (company_id, message_id),
    FOREIGN KEY (company_id, conversation_id, message_id) REFERENCES messages (company_id, conversation_id, id),
    FOREIGN KEY (company_id, author_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, link_kind, link_id) REFERENCES linked_records (company_id, kind, id),
    CONSTRAINT moderation_cases_resolved CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
CREATE INDEX moderation_cases_queue ON moderation_cases (company_id, state, reported_at DESC, message_id DESC);
COMMENT ON TABLE moderation_cases IS 'A reported message in the moderators'' queue: one row a message, kept by a trigger on message_reports. No text of it.';
COMMENT ON COLUMN moderation_cases.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN moderation_cases.message_id IS 'The reported message; the case is named by it. Never changes.';
COMMENT ON COLUMN moderation_cases.conversation_id IS 'Where that stands. Never changes.';
COMMENT ON COLUMN moderation_cases.author_id IS 'Who wrote it: never their own moderator. Never changes.';
COMMENT ON COLUMN moderation_cases.link_kind IS 'Kind of the record that governs it; null: none. Never changes.';
COMMENT ON COLUMN moderation_cases.link_id IS 'Id of that record; null: none. Never changes.';
COMMENT ON COLUMN moderation_cases.state IS 'open or resolved; another report opens it again, unless the message is hidden.';
COMMENT ON COLUMN moderation_cases.reasons IS 'How often each reason was given.';
COMMENT ON COLUMN moderation_cases.report_count IS 'How often it was reported.';
COMMENT ON COLUMN moderation_cases.reported_at IS 'When it was reported last.';
COMMENT ON COLUMN moderation_cases.resolved_at IS 'When a moderator was done with it; null: nobody is.';

CREATE TABLE moderation_acts (
    company_id      uuid NOT NULL,
    id              uuid NOT NULL,
    message_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    act             text NOT NULL CHECK (act IN ('hide', 'restore', 'warn', 'mute', 'unmute', 'remove', 'readmit', 'resolve', 'mask')),
    reason          text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
    until           timestamptz,
    everywhere      boolean NOT NULL DEFAULT false,
    kept_preview    text,
    actor_id        uuid,
    created_at      timestamptz NOT NULL,
    acknowledged_at timestamptz,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, conversation_id, message_id) REFERENCES messages (company_id, conversation_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, actor_id) REFERENCES memberships (company_id, user_id)
);
ALTER TABLE moderation_acts ALTER COLUMN reason SET STATISTICS 0, ALTER COLUMN kept_preview SET STATISTICS 0;
CREATE INDEX moderation_acts_notices ON moderation_acts (company_id, user_id, id) WHERE acknowledged_at IS NULL AND act <> 'resolve';
CREATE INDEX moderation_acts_message ON moderation_acts (company_id, message_id, id);
COMMENT ON TABLE moderation_acts IS 'What was done about a message, and the notice of it that its author gets. Only acknowledged_at changes.';
COMMENT ON COLUMN moderation_acts.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN moderation_acts.id IS 'UUIDv7. Never changes.';
COMMENT ON COLUMN moderation_acts.message_id IS 'Because of which message. Never changes.';
COMMENT ON COLUMN moderation_acts.conversation_id IS 'Where that stands. Never changes.';
COMMENT ON COLUMN moderation_acts.user_id IS 'Its author, whom it concerns. Never changes.';
COMMENT ON COLUMN moderation_acts.act IS 'hide, restore, warn, mute, unmute, remove, readmit; resolve, of which nobody gets a notice; mask: the word list covered words. Never changes.';
COMMENT ON COLUMN moderation_acts.reason IS 'Why, as the author reads it; for mask, the words. Never changes.';
COMMENT ON COLUMN moderation_acts.until IS 'For mute: until when; else null. Never changes.';
COMMENT ON COLUMN moderation_acts.everywhere IS 'For mute: in the whole company, not only in the conversation. Never changes.';
COMMENT ON COLUMN moderation_acts.kept_preview IS 'For hide: the message''s preview, which restoring puts back; else null. No request reads it. Never changes.';
COMMENT ON COLUMN moderation_acts.actor_id IS 'The moderator, whom the author is not told; null: the word list. Never changes.';
COMMENT ON COLUMN moderation_acts.created_at IS 'When. Never changes.';
COMMENT ON COLUMN moderation_acts.acknowledged_at IS 'When the author said that they have read it; null: not yet.';

CREATE TABLE mutes (
    company_id      uuid NOT NULL,
    id              uuid NOT NULL,
    user_id         uuid NOT NULL,
    conversation_id uuid,
    muted_until     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    lifted_at       timestamptz,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id)
);
CREATE UNIQUE INDEX mutes_in_force ON mutes (company_id, user_id, conversation_id) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
COMMENT ON TABLE mutes IS 'Who may read and not write, where and until when. A row for each muting; why is in moderation_acts of the same id.';
COMMENT ON COLUMN mutes.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN mutes.id IS 'That of the act. Never changes.';
COMMENT ON COLUMN mutes.user_id IS 'Who. Never changes.';
COMMENT ON COLUMN mutes.conversation_id IS 'Where; null: in the whole company. Never changes.';
COMMENT ON COLUMN mutes.muted_until IS 'Until when, that moment not included. Never changes.';
COMMENT ON COLUMN mutes.created_at IS 'Since when. Never changes.';
COMMENT ON COLUMN mutes.lifted_at IS 'When it was lifted, or another took its place; null: it was not.';

CREATE TABLE blocks (
    company_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    blocked_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (company_id, user_id, blocked_id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, blocked_id) REFERENCES memberships (company_id, user_id),
    CONSTRAINT blocks_others CHECK (user_id <> blocked_id)
);
COMMENT ON TABLE blocks IS 'Whom somebody does not want to hear in talk about no record. Nobody but the blocker reads it.';
COMMENT ON COLUMN blocks.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN blocks.user_id IS 'Who blocks. Never changes.';
COMMENT ON COLUMN blocks.blocked_id IS 'Whom. Never changes.';
COMMENT ON COLUMN blocks.created_at IS 'Since when.';
COMMENT ON COLUMN blocks.deleted_at IS 'When the block was lifted; null: it holds.';

CREATE TABLE word_lists (
    company_id uuid NOT NULL REFERENCES company_stream (company_id),
    version    integer NOT NULL CHECK (version > 0),
    entries    jsonb NOT NULL CHECK (jsonb_typeof(entries) = 'array' AND jsonb_array_length(entries) <= 500 AND octet_length(entries::text) <= 262144),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (company_id, version),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id)
);
ALTER TABLE word_lists ALTER COLUMN entries SET STATISTICS 0;
COMMENT ON TABLE word_lists IS 'The words that a company watches for, in versions; the newest is in force. Never changes.';
COMMENT ON COLUMN word_lists.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN word_lists.version IS 'Counts from 1, densely. Never changes.';
COMMENT ON COLUMN word_lists.entries IS 'A list of {"words", "action"}: a word or phrase, and flag, mask or refuse. Never changes.';
COMMENT ON COLUMN word_lists.created_at IS 'When it came into force. Never changes.';
COMMENT ON COLUMN word_lists.created_by IS 'Who put it in force. Never changes.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['message_reports', 'moderation_cases', 'moderation_acts', 'mutes', 'blocks', 'word_lists'] LOOP
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
CREATE TRIGGER message_reports_immutable BEFORE UPDATE OR DELETE ON message_reports FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER word_lists_immutable BEFORE UPDATE OR DELETE ON word_lists FOR EACH ROW EXECUTE FUNCTION app.immutable();

-- One's own reports. Whoever reads a message may report it; nobody reports themselves, or in another's name.
CREATE POLICY message_reports_read ON message_reports FOR SELECT TO postil_app USING (reporter_id = (SELECT app.user_id()));
CREATE POLICY message_reports_insert ON message_reports FOR INSERT TO postil_app
    WITH CHECK (reporter_id = (SELECT app.user_id()) AND EXISTS (
        SELECT 1 FROM messages m
        WHERE m.company_id = message_reports.company_id AND m.id = message_reports.message_id
        AND m.author_id <> (SELECT app.user_id()) AND m.deleted_at IS NULL
    ));
-- The queue, as far as the right to moderate reaches: a department's moderator sees that department's. Never one's own messages.
CREATE POLICY moderation_cases_read ON moderation_cases FOR SELECT TO postil_app
    USING (author_id <> (SELECT app.user_id()) AND app.may('admin:moderate', link_kind, link_id));
-- What concerns oneself; the column of who did it is not granted.
CREATE POLICY moderation_acts_read ON moderation_acts FOR SELECT TO postil_app
    USING (user_id = (SELECT app.user_id()) AND act <> 'resolve');
CREATE POLICY moderation_acts_acknowledge ON moderation_acts FOR UPDATE TO postil_app
    USING (user_id = (SELECT app.user_id()) AND act <> 'resolve') WITH CHECK (user_id = (SELECT app.user_id()));
CREATE POLICY mutes_read ON mutes FOR SELECT TO postil_app USING (user_id = (SELECT app.user_id()));
CREATE POLICY blocks_read ON blocks FOR SELECT TO postil_app USING (user_id = (SELECT app.user_id()));
CREATE POLICY blocks_insert ON blocks FOR INSERT TO postil_app WITH CHECK (user_id = (SELECT app.user_id()));
CREATE POLICY blocks_update ON blocks FOR UPDATE TO postil_app
    USING (user_id = (SELECT app.user_id())) WITH CHECK (user_id = (SELECT app.user_id()));
GRANT SELECT, INSERT ON message_reports, blocks, word_lists TO postil_app;
GRANT UPDATE (created_at, deleted_at) ON blocks TO postil_app;
GRANT SELECT ON moderation_cases, mutes TO postil_app;
GRANT SELECT (company_id, id, message_id, conversation_id, user_id, act, reason, until, everywhere, created_at, acknowledged_at) ON moderation_acts TO postil_app;
GRANT UPDATE (acknowledged_at) ON moderation_acts TO postil_app;
GRANT SELECT ON word_lists TO postil_worker;
GRANT SELECT ON messages, message_versions TO postil_definer;
GRANT UPDATE (body, text_ast, preview, moderated, hidden_at, updated_at) ON messages TO postil_definer;
GRANT UPDATE (updated_at, deleted_at, deleted_by) ON participants TO postil_definer;
GRANT SELECT, INSERT ON message_reports, moderation_acts, mutes TO postil_definer;
GRANT SELECT, INSERT, UPDATE ON moderation_cases TO postil_definer;
GRANT UPDATE (lifted_at) ON mutes TO postil_definer;
GRANT SELECT ON blocks, word_lists TO postil_definer;

-- --------------------------------------------------------------------------------------------------------------- reports

-- Each report counts in its case. The audit log is told that a message was reported and why, and not by whom: its author may be
-- one who reads the log.
CREATE FUNCTION app.report_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
        jsonb_build_object('reason', NEW.reason), app.correlation_id(), NEW.created_at);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.report_counts() IS 'Trigger: counts a report in its message''s case, opens that, and tells the audit log without saying who reported.';
ALTER FUNCTION app.report_counts() OWNER TO postil_definer;
CREATE TRIGGER message_reports_count AFTER INSERT ON message_reports FOR EACH ROW EXECUTE FUNCTION app.report_counts();

-- ----------------------------------------------------------------------------------------------------------------- doors

-- Opening a case: the reported message and up to two messages before and after it in its thread, as far as the moderator's right
-- reaches. Nothing for whoever may not moderate it, nothing for its author, nothing about what was not reported. Whether they see
-- the conversation otherwise does not matter: so each opening is told.
CREATE FUNCTION app.case_open(p_user uuid, p_company uuid, p_message uuid, p_correlation uuid, p_at timestamptz)
RETURNS TABLE (
    place integer, message_id uuid, author_id uuid, author_name text, author_kind text, author_job_title text, body text, text_ast jsonb,
    created_at timestamptz, edited_at timestamptz, deleted_at timestamptz, hidden_at timestamptz
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_case record;
    v_message record;
BEGIN
    PERFORM app.enter(p_user, p_company);
    SELECT c.author_id, c.link_kind, c.link_id INTO v_case FROM public.moderation_cases c WHERE c.company_id = p_company AND c.message_id = p_message;
    IF NOT FOUND OR v_case.author_id = p_user OR NOT app.is_member() OR NOT app.may('admin:moderate', v_case.link_kind, v_case.link_id) THEN
        RETURN;
    END IF;
    SELECT m.root_id, m.path, m.version INTO v_message FROM public.messages m WHERE m.company_id = p_company AND m.id = p_message;
    PERFORM app.audit(p_company, p_user, 'moderation.view', app.wire_id('msg', p_message),
        jsonb_build_object('author', app.wire_id('usr', v_case.author_id)), p_correlation, p_at);
    RETURN QUERY
    SELECT x.place, m.id, m.author_id, u.name, a.kind, a.job_title,
        -- Hidden or deleted, the reported text is what a judgement is about; of its neighbours nothing more than others see.
        CASE WHEN m.id = p_message THEN v.body ELSE m.body END, CASE WHEN m.id = p_message THEN v.text_ast ELSE m.text_ast END,
        m.created_at, m.edited_at, m.deleted_at, m.hidden_at
    FROM (
        SELECT 0 AS place, p_message AS id
        UNION ALL
        (SELECT -row_number() OVER (ORDER BY b.path DESC)::integer, b.id FROM public.messages b
        WHERE b.company_id = p_company AND b.root_id = v_message.root_id AND b.path < v_message.path
        AND app.may('admin:moderate', b.link_kind, b.link_id) ORDER BY b.path DESC LIMIT 2)
        UNION ALL
        (SELECT row_number() OVER (ORDER BY b.path)::integer, b.id FROM public.messages b
        WHERE b.company_id = p_company AND b.root_id = v_message.root_id AND b.path > v_message.path
        AND app.may('admin:moderate', b.link_kind, b.link_id) ORDER BY b.path LIMIT 2)
    ) AS x
    JOIN public.messages m ON m.company_id = p_company AND m.id = x.id
    JOIN public.users u ON u.id = m.author_id
    JOIN public.memberships a ON a.company_id = p_company AND a.user_id = m.author_id
    LEFT JOIN public.message_versions v ON v.company_id = p_company AND v.message_id = m.id AND v.version = m.version
    ORDER BY x.place;
END $$;
COMMENT ON FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz)
    IS 'A reported message with up to two neighbours on each side, for whoever may moderate it and did not write it; says in the audit log that it was looked at. No row: not theirs, or not reported.';

-- What a case says beside the messages: notes of reports without their authors, and what was done. For whoever may open it.
CREATE FUNCTION app.case_history(p_user uuid, p_company uuid, p_message uuid)
RETURNS TABLE (source text, id uuid, what text, detail text, until timestamptz, everywhere boolean, actor_name text, at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM public.moderation_cases c WHERE c.company_id = p_company AND c.message_id = p_message
        AND p_user = app.user_id() AND c.author_id <> p_user AND app.is_member() AND app.may('admin:moderate', c.link_kind, c.link_id)
    ) THEN
        RETURN;
    END IF;
    RETURN QUERY
    (SELECT 'report', NULL::uuid, r.reason, r.note, NULL::timestamptz, false, NULL::text, r.created_at
    FROM public.message_reports r WHERE r.company_id = p_company AND r.message_id = p_message ORDER BY r.created_at DESC LIMIT 50)
    UNION ALL
    (SELECT 'act', a.id, a.act, a.reason, a.until, a.everywhere, u.name, a.created_at
    FROM public.moderation_acts a LEFT JOIN public.users u ON u.id = a.actor_id
    WHERE a.company_id = p_company AND a.message_id = p_message ORDER BY a.id DESC LIMIT 50);
END $$;
COMMENT ON FUNCTION app.case_history(uuid, uuid, uuid)
    IS 'Reports of a message, without who reported, and what moderators did about it; the newest 50 each, for whoever may open the case.';

-- One act about a reported message. outcome: done | not_found | beyond | deleted | already | not_hidden | record | direct | not_muted
-- hide and restore tell everyone who reads the message; every act but resolve tells its author, who gets a notice.
CREATE FUNCTION app.moderate(
    p_user uuid, p_company uuid, p_message uuid, p_act text, p_id uuid, p_reason text, p_until timestamptz, p_everywhere boolean,
    p_correlation uuid, p_at timestamptz
) RETURNS TABLE (outcome text, conversation_id uuid, author_id uuid, link_kind text, link_id text, event_seq bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    m record;
    v_kind text;
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
    -- Nobody judges those who administer more than they do: an owner answers to an owner.
    IF p_act <> 'resolve' AND NOT app.may_manage(m.author_id, true) THEN
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
        UPDATE public.mutes x SET lifted_at = p_at WHERE x.company_id = p_company AND x.user_id = m.author_id AND x.lifted_at IS NULL
        AND (p_act = 'unmute' OR x.conversation_id IS NOT DISTINCT FROM CASE WHEN p_everywhere THEN NULL ELSE m.conversation_id END)
        -- Where one only moderates a part of the company, one lifts what holds there.
        AND (x.conversation_id = m.conversation_id OR app.holds('admin:moderate'));
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF p_act = 'unmute' AND v_count = 0 THEN
            outcome := 'not_muted';
        ELSIF p_act = 'mute' AND p_everywhere AND NOT app.holds('admin:moderate') THEN
            outcome := 'beyond';
        ELSIF p_act = 'mute' THEN
            INSERT INTO public.mutes (company_id, id, user_id, conversation_id, muted_until, created_at)
            VALUES (p_company, p_id, m.author_id, CASE WHEN p_everywhere THEN NULL ELSE m.conversation_id END, p_until, p_at);
        END IF;
    WHEN 'remove', 'readmit' THEN
        SELECT c.kind INTO v_kind FROM public.conversations c WHERE c.company_id = p_company AND c.id = m.conversation_id;
        -- Who sees a record's talk is the record's to say, live; and two who talk alone are parted by a block.
        IF v_kind <> 'group' THEN
            outcome := v_kind;
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
        'author', app.wire_id('usr', m.author_id), 'reason', p_reason,
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
    IS 'One act about a reported message, by whoever may moderate it, did not write it and may administer its author: hide, restore, warn, mute, unmute, remove, readmit, resolve. Tells the author, the audit log and open sockets.';

-- ----------------------------------------------------------------------------------------------------------------- mutes

CREATE FUNCTION app.muted_until(p_user uuid, p_conversation uuid, p_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT max(x.muted_until) FROM public.mutes x
        WHERE x.company_id = app.company_id() AND x.user_id = p_user AND p_user = app.user_id() AND x.lifted_at IS NULL AND x.muted_until > p_at
        AND (x.conversation_id IS NULL OR x.conversation_id = p_conversation)
    );
END $$;
COMMENT ON FUNCTION app.muted_until(uuid, uuid, timestamptz) IS 'Until when the person at hand may not write in a conversation (or, null, begin one); null: they may.';

-- Wall 2 of muting. Restrictive: no rule of the policy lifts it.
CREATE POLICY messages_muted ON messages AS RESTRICTIVE FOR INSERT TO postil_app
    WITH CHECK (app.muted_until((SELECT app.user_id()), conversation_id, now()) IS NULL);
CREATE POLICY conversations_muted ON conversations AS RESTRICTIVE FOR INSERT TO postil_app
    WITH CHECK (app.muted_until((SELECT app.user_id()), NULL, now()) IS NULL);

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
            OR app.may('admin:moderate', OLD.link_kind, OLD.link_id)) THEN
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
COMMENT ON FUNCTION app.messages_guard() IS 'Trigger: a message stands right below its parent and not too deep, a reply stays with its parent''s record, edits are the author''s and in time, tombstones stay, and only moderation hides and restores.';

-- ---------------------------------------------------------------------------------------------------------------- blocks

-- Whether the other of a direct conversation that does not exist yet has blocked the person at hand. One that exists goes on: its
-- messages are folded for who blocked, and the blocked one can't tell.
CREATE FUNCTION app.is_shut_out(p_direct_key text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM public.blocks b
        WHERE b.company_id = app.company_id() AND b.blocked_id = app.user_id() AND b.deleted_at IS NULL
        AND b.user_id::text IN (split_part(p_direct_key, ':', 1), split_part(p_direct_key, ':', 2))
    ) AND NOT EXISTS (
        SELECT 1 FROM public.conversations c WHERE c.company_id = app.company_id() AND c.kind = 'direct' AND c.direct_key = p_direct_key
    );
END $$;
COMMENT ON FUNCTION app.is_shut_out(text) IS 'Whether the person at hand would begin a direct conversation with somebody who has blocked them.';
CREATE POLICY conversations_blocked ON conversations AS RESTRICTIVE FOR INSERT TO postil_app
    WITH CHECK (direct_key IS NULL OR NOT app.is_shut_out(direct_key));
CREATE INDEX blocks_blocked ON blocks (company_id, blocked_id) WHERE deleted_at IS NULL;

-- Nobody is notified of somebody they blocked, unless it is about a record: business reaches whom it concerns. A trigger, so that
-- it holds for whatever queues notifications.
CREATE FUNCTION app.notification_block() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.messages m JOIN public.blocks b
            ON b.company_id = m.company_id AND b.user_id = NEW.user_id AND b.blocked_id = m.author_id AND b.deleted_at IS NULL
        WHERE m.company_id = NEW.company_id AND m.id = NEW.message_id AND m.link_kind IS NULL
    ) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.notification_block() IS 'Trigger: queues no notification of a message about no record for whoever has blocked its author.';
ALTER FUNCTION app.notification_block() OWNER TO postil_definer;
CREATE TRIGGER notification_queue_block BEFORE INSERT ON notification_queue FOR EACH ROW EXECUTE FUNCTION app.notification_block();

-- ------------------------------------------------------------------------------------------------------------ word lists

CREATE FUNCTION app.word_list_version() RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT max(w.version) FROM public.word_lists w WHERE w.company_id = app.company_id()), 0);
END $$;
COMMENT ON FUNCTION app.word_list_version() IS 'Which version of the word list is in force in the company at hand; 0: it has none. What is in it is not told.';

-- The list says what a company is afraid of: for those who moderate all of it. Versions follow each other without gaps.
CREATE POLICY word_lists_read ON word_lists FOR SELECT TO postil_app USING ((SELECT app.holds('admin:moderate')));
CREATE POLICY word_lists_insert ON word_lists FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND (SELECT app.holds('admin:moderate')) AND version = (SELECT app.word_list_version()) + 1);

CREATE FUNCTION app.word_list_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM app.note_audit(NEW.company_id, NEW.created_by, 'words.version', 'words',
        jsonb_build_object('version', NEW.version, 'count', jsonb_array_length(NEW.entries)), app.correlation_id(), clock_timestamp());
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.word_list_audit() IS 'Trigger: tells the audit log of a new version of the word list, and how long it is.';
ALTER FUNCTION app.word_list_audit() OWNER TO postil_definer;
CREATE TRIGGER word_lists_audit AFTER INSERT ON word_lists FOR EACH ROW EXECUTE FUNCTION app.word_list_audit();

-- What the word list found in a message of one's own that was just written: a report by nobody, or a notice to oneself.
CREATE FUNCTION app.words_found(p_message uuid, p_flagged text, p_masked text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_conversation uuid;
BEGIN
    SELECT m.conversation_id INTO v_conversation FROM public.messages m
    WHERE m.company_id = app.company_id() AND m.id = p_message AND m.author_id = app.user_id() AND app.is_member() FOR NO KEY UPDATE;
    -- Anybody else's message is not looked at: whoever calls this by hand can at most report themselves.
    IF NOT FOUND THEN RETURN; END IF;
    IF p_flagged IS NOT NULL THEN
        INSERT INTO public.message_reports (company_id, id, message_id, reason, note, created_at)
        VALUES (app.company_id(), gen_random_uuid(), p_message, 'word_list', p_flagged, p_at);
    END IF;
    IF p_masked IS NOT NULL THEN
        INSERT INTO public.moderation_acts (company_id, id, message_id, conversation_id, user_id, act, reason, created_at)
        VALUES (app.company_id(), gen_random_uuid(), p_message, v_conversation, app.user_id(), 'mask', p_masked, p_at);
    END IF;
END $$;
COMMENT ON FUNCTION app.words_found(uuid, text, text, timestamptz) IS 'Reports a message of one''s own on behalf of the word list, and notes what was masked in it.';

-- A send or an edit in which the word list found something: what it found is stored with it, in the same round trip.
CREATE FUNCTION app.message_send_watched(
    p_user uuid, p_company uuid, p_key text, p_hash bytea, p_message uuid, p_conversation uuid, p_parent uuid,
    p_kind text, p_id text, p_body text, p_text jsonb, p_preview text, p_mentions uuid[], p_at timestamptz, p_flagged text, p_masked text
) RETURNS TABLE (outcome text, event_seq bigint, legal_parent_id uuid, message message_rows) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v record;
BEGIN
    SELECT s.outcome, s.event_seq, s.legal_parent_id, s.message INTO v FROM app.message_send(
        p_user, p_company, p_key, p_hash, p_message, p_conversation, p_parent, p_kind, p_id, p_body, p_text, p_preview, p_mentions, p_at) AS s;
    IF v.outcome = 'created' THEN PERFORM app.words_found(p_message, p_flagged, p_masked, p_at); END IF;
    RETURN QUERY SELECT v.outcome, v.event_seq, v.legal_parent_id, v.message;
END $$;
COMMENT ON FUNCTION app.message_send_watched(uuid, uuid, text, bytea, uuid, uuid, uuid, text, text, text, jsonb, text, uuid[], timestamptz, text, text)
    IS 'app.message_send() for a text in which the word list found something to flag or mask.';

CREATE FUNCTION app.message_edit_watched(
    p_user uuid, p_company uuid, p_message uuid, p_version integer, p_body text, p_text jsonb, p_preview text, p_at timestamptz, p_correlation uuid,
    p_flagged text, p_masked text
) RETURNS TABLE (outcome text, event_seq bigint, message message_rows) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
DECLARE
    v record;
BEGIN
    SELECT s.outcome, s.event_seq, s.message INTO v
    FROM app.message_edit(p_user, p_company, p_message, p_version, p_body, p_text, p_preview, p_at, p_correlation) AS s;
    IF v.outcome = 'updated' THEN PERFORM app.words_found(p_message, p_flagged, p_masked, p_at); END IF;
    RETURN QUERY SELECT v.outcome, v.event_seq, v.message;
END $$;
COMMENT ON FUNCTION app.message_edit_watched(uuid, uuid, uuid, integer, text, jsonb, text, timestamptz, uuid, text, text)
    IS 'app.message_edit() for a text in which the word list found something to flag or mask.';

ALTER FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz) OWNER TO postil_definer;
ALTER FUNCTION app.case_history(uuid, uuid, uuid) OWNER TO postil_definer;
ALTER FUNCTION app.moderate(uuid, uuid, uuid, text, uuid, text, timestamptz, boolean, uuid, timestamptz) OWNER TO postil_definer;
ALTER FUNCTION app.muted_until(uuid, uuid, timestamptz) OWNER TO postil_definer;
ALTER FUNCTION app.is_shut_out(text) OWNER TO postil_definer;
ALTER FUNCTION app.word_list_version() OWNER TO postil_definer;
ALTER FUNCTION app.words_found(uuid, text, text, timestamptz) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.next_seq(uuid, integer) TO postil_definer;
GRANT EXECUTE ON FUNCTION app.case_open(uuid, uuid, uuid, uuid, timestamptz), app.case_history(uuid, uuid, uuid),
    app.moderate(uuid, uuid, uuid, text, uuid, text, timestamptz, boolean, uuid, timestamptz), app.muted_until(uuid, uuid, timestamptz),
    app.is_shut_out(text), app.word_list_version(), app.words_found(uuid, text, text, timestamptz),
    app.message_send_watched(uuid, uuid, text, bytea, uuid, uuid, uuid, text, text, text, jsonb, text, uuid[], timestamptz, text, text),
    app.message_edit_watched(uuid, uuid, uuid, integer, text, jsonb, text, timestamptz, uuid, text, text) TO postil_app;

REVOKE CREATE ON SCHEMA app FROM postil_definer;
