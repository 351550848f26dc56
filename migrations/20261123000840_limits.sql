-- What a company limits by itself: repeated texts, links, mentions, newcomers; slow mode of a conversation; and the trail of what was
-- refused, for the company's administrators.
--
-- Counting is done in Redis (src/backend/bus); here are the figures to count by, and what came of it. Only adds: servers of
-- generation 2 know none of it.
GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

-- --------------------------------------------------------------------------------------------------------------- slow mode

ALTER TABLE conversations ADD COLUMN slow_mode_s integer NOT NULL DEFAULT 0
    CONSTRAINT conversations_slow_mode CHECK (slow_mode_s BETWEEN 0 AND 21600);
COMMENT ON COLUMN conversations.slow_mode_s IS 'Seconds between two messages of one person here, moderators excepted; 0: no slow mode.';

CREATE FUNCTION app.slow_mode_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    -- Whoever writes in a conversation may move its position (the policy), but not lift what slows them down.
    IF NEW.slow_mode_s <> OLD.slow_mode_s AND current_user = 'postil_app' AND NOT app.may('admin:moderate', NEW.link_kind, NEW.link_id) THEN
        RAISE EXCEPTION 'slow mode is a moderator''s to set' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'conversations_slow_mode_moderator';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.slow_mode_guard() IS 'Trigger: only who may moderate a conversation sets its slow mode.';
CREATE TRIGGER conversations_slow_mode BEFORE UPDATE OF slow_mode_s ON conversations FOR EACH ROW EXECUTE FUNCTION app.slow_mode_guard();
GRANT UPDATE (slow_mode_s) ON conversations TO postil_app;

-- ------------------------------------------------------------------------------------------------------------------ figures

CREATE TABLE company_limits (
    company_id           uuid PRIMARY KEY REFERENCES companies (id),
    version              integer NOT NULL CHECK (version > 0),
    duplicates_max       integer NOT NULL CHECK (duplicates_max BETWEEN 1 AND 100),
    duplicate_window_s   integer NOT NULL CHECK (duplicate_window_s BETWEEN 10 AND 86400),
    links_per_message    integer NOT NULL CHECK (links_per_message BETWEEN 0 AND 200),
    links_per_minute     integer NOT NULL CHECK (links_per_minute BETWEEN 1 AND 1000),
    mentions_per_message integer NOT NULL CHECK (mentions_per_message BETWEEN 0 AND 200),
    mentions_per_minute  integer NOT NULL CHECK (mentions_per_minute BETWEEN 1 AND 1000),
    newcomer_hours       integer NOT NULL CHECK (newcomer_hours BETWEEN 0 AND 720),
    newcomer_percent     integer NOT NULL CHECK (newcomer_percent BETWEEN 1 AND 100),
    updated_at           timestamptz NOT NULL,
    updated_by           uuid NOT NULL,
    FOREIGN KEY (company_id, updated_by) REFERENCES memberships (company_id, user_id),
    CONSTRAINT company_limits_links CHECK (links_per_message <= links_per_minute),
    CONSTRAINT company_limits_mentions CHECK (mentions_per_message <= mentions_per_minute)
);
COMMENT ON TABLE company_limits IS 'What a company limits by itself. No row: the defaults of src/limits.rs.';
COMMENT ON COLUMN company_limits.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN company_limits.version IS 'Counts changes; a change names the version it was made from.';
COMMENT ON COLUMN company_limits.duplicates_max IS 'How often one person may send one text within the window, over all conversations.';
COMMENT ON COLUMN company_limits.duplicate_window_s IS 'That window, in seconds.';
COMMENT ON COLUMN company_limits.links_per_message IS 'Most links in one message.';
COMMENT ON COLUMN company_limits.links_per_minute IS 'Most links of one person in a minute.';
COMMENT ON COLUMN company_limits.mentions_per_message IS 'Most people mentioned in one message.';
COMMENT ON COLUMN company_limits.mentions_per_minute IS 'Most people mentioned by one person in a minute.';
COMMENT ON COLUMN company_limits.newcomer_hours IS 'How long a membership is new, in hours; 0: never.';
COMMENT ON COLUMN company_limits.newcomer_percent IS 'What share of the limits new members have, in percent.';
COMMENT ON COLUMN company_limits.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN company_limits.updated_by IS 'Who changed it last.';

-- ------------------------------------------------------------------------------------------------------------------- trail

CREATE TABLE refusals (
    company_id      uuid NOT NULL REFERENCES companies (id),
    minute          timestamptz NOT NULL CHECK (minute = date_trunc('minute', minute, 'UTC')),
    kind            text NOT NULL CHECK (kind ~ '^[a-z_]{1,60}$'),
    subject         uuid NOT NULL,
    user_id         uuid,
    address         text CHECK (address ~ '^adr_[0-9a-f]{16}$'),
    operation       text NOT NULL CHECK (operation ~ '^[a-z_]{1,60}$'),
    conversation_id uuid,
    count           bigint NOT NULL CHECK (count > 0),
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL CHECK (last_at >= first_at),
    PRIMARY KEY (company_id, minute, kind, subject),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);
CREATE INDEX refusals_user ON refusals (company_id, user_id, minute DESC);
CREATE INDEX refusals_minute ON refusals (minute);
COMMENT ON TABLE refusals IS 'What was refused, to whom and how often: a row for each minute, kind and person. Deleted after limits::REFUSALS_KEEP_DAYS.';
COMMENT ON COLUMN refusals.company_id IS 'The company, as everywhere.';
COMMENT ON COLUMN refusals.minute IS 'The minute (UTC), by its beginning.';
COMMENT ON COLUMN refusals.kind IS 'The error code that was answered.';
COMMENT ON COLUMN refusals.subject IS 'The person, or what stands for their address; nil for all beyond those that a minute has room for.';
COMMENT ON COLUMN refusals.user_id IS 'Who was refused; for sign-ins, whose account it was; null: nobody in particular.';
COMMENT ON COLUMN refusals.address IS 'What stands for the network address that the last one came from: the same for the same, and no way back. Null: unknown.';
COMMENT ON COLUMN refusals.operation IS 'What was asked for last, by its operation id.';
COMMENT ON COLUMN refusals.conversation_id IS 'Where, last; null: not in a conversation, or not one that they see. May be gone.';
COMMENT ON COLUMN refusals.count IS 'How often.';
COMMENT ON COLUMN refusals.first_at IS 'When first.';
COMMENT ON COLUMN refusals.last_at IS 'When last.';

-- --------------------------------------------------------------------------------------------------------------------- walls

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['company_limits', 'refusals'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format(
            'CREATE POLICY %I ON %I AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
             USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()))', t || '_tenant', t);
        EXECUTE format(
            'CREATE POLICY %I ON %I AS RESTRICTIVE TO postil_app USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()))',
            t || '_members', t);
        EXECUTE format('CREATE POLICY %I ON %I TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true)', t || '_house', t);
    END LOOP;
END $$;
-- Every sender is counted by the figures; they are no secret.
CREATE POLICY company_limits_read ON company_limits FOR SELECT TO postil_app USING ((SELECT app.is_member()));
CREATE POLICY company_limits_insert ON company_limits FOR INSERT TO postil_app
    WITH CHECK (updated_by = (SELECT app.user_id()) AND (SELECT app.may('admin:members', NULL, NULL)));
CREATE POLICY company_limits_update ON company_limits FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:members', NULL, NULL)))
    WITH CHECK (updated_by = (SELECT app.user_id()) AND (SELECT app.may('admin:members', NULL, NULL)));
GRANT SELECT, INSERT ON company_limits TO postil_app;
GRANT UPDATE (version, duplicates_max, duplicate_window_s, links_per_message, links_per_minute, mentions_per_message, mentions_per_minute,
    newcomer_hours, newcomer_percent, updated_at, updated_by) ON company_limits TO postil_app;

-- Who looks after the members reads it; only the worker writes it, so that nobody can accuse anybody.
CREATE POLICY refusals_read ON refusals FOR SELECT TO postil_app USING ((SELECT app.may('admin:members', NULL, NULL)));
CREATE POLICY refusals_expire ON refusals TO postil_auth USING (true);
GRANT SELECT ON refusals TO postil_app;
GRANT SELECT, INSERT ON refusals TO postil_worker;
GRANT UPDATE (address, operation, conversation_id, count, last_at) ON refusals TO postil_worker;
GRANT SELECT, DELETE ON refusals TO postil_auth;

-- Said by the trigger, so that a change by hand is told, too.
CREATE CONSTRAINT TRIGGER company_limits_audit AFTER INSERT OR UPDATE ON company_limits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION app.audit_change('limits', 'version', 'duplicates_max', 'duplicate_window_s', 'links_per_message', 'links_per_minute',
        'mentions_per_message', 'mentions_per_minute', 'newcomer_hours', 'newcomer_percent');

-- ------------------------------------------------------------------------------------------------------------------ doors

-- By what a send is counted: joined to app.facts() in the request's first round trip, with the caller's rights.
CREATE FUNCTION app.send_terms(p_user uuid, p_company uuid, p_conversation uuid) RETURNS TABLE (
    slow_mode_s integer, joined_at timestamptz, founded_at timestamptz, limits_version integer,
    duplicates_max integer, duplicate_window_s integer, links_per_message integer, links_per_minute integer,
    mentions_per_message integer, mentions_per_minute integer, newcomer_hours integer, newcomer_percent integer
) LANGUAGE plpgsql VOLATILE
AS $$
#variable_conflict use_column
BEGIN
    PERFORM app.enter(p_user, p_company);
    RETURN QUERY
    SELECT coalesce(c.slow_mode_s, 0), m.created_at, o.created_at, l.version, l.duplicates_max, l.duplicate_window_s, l.links_per_message,
        l.links_per_minute, l.mentions_per_message, l.mentions_per_minute, l.newcomer_hours, l.newcomer_percent
    FROM public.memberships m
    JOIN public.companies o ON o.id = m.company_id
    LEFT JOIN public.conversations c ON c.company_id = m.company_id AND c.id = p_conversation
    LEFT JOIN public.company_limits l ON l.company_id = m.company_id
    WHERE m.company_id = p_company AND m.user_id = p_user;
END $$;
COMMENT ON FUNCTION app.send_terms(uuid, uuid, uuid) IS 'By what a person''s send to a conversation (null: none yet) is counted: slow mode, the age of membership and company, the company''s limits (null: defaults).';
GRANT EXECUTE ON FUNCTION app.send_terms(uuid, uuid, uuid) TO postil_app;

-- Forgets refusals of before. Returns how many rows went.
CREATE FUNCTION auth.purge_refusals(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_count bigint;
BEGIN
    DELETE FROM public.refusals WHERE minute < p_before;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;
COMMENT ON FUNCTION auth.purge_refusals(timestamptz) IS 'Deletes refusals of minutes before a moment. Returns how many rows went.';
ALTER FUNCTION auth.purge_refusals(timestamptz) OWNER TO postil_auth;
GRANT EXECUTE ON FUNCTION auth.purge_refusals(timestamptz) TO postil_worker;

REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
