-- The same verdicts, sooner: what row-level security costs each request, most of it once, before its first row is read. Measured
-- by `script/explain --compare`. No verdict changes: the random worlds of server/tests/it/verdicts.rs hold them to decide().

GRANT CREATE ON SCHEMA app TO postil_definer;

CREATE OR REPLACE FUNCTION app.remember() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_company uuid := app.company_id();
    v_user uuid := app.user_id();
    v_role text;
    v_kind text;
    v_version integer;
    v_department text;
    v_projects text;
    v_records text;
BEGIN
    -- Another person, earlier in this transaction: nothing of theirs may stay.
    IF current_setting('app.known', true) <> '' THEN
        PERFORM set_config('app.allow_' || replace(p.action, ':', '_'), '', true), set_config('app.deny_' || replace(p.action, ':', '_'), '', true)
        FROM public.permissions p;
    END IF;
    SELECT m.role_key, m.kind, c.policy_version, coalesce('d:' || m.department_id::text, 'd:none'), coalesce((
        SELECT string_agg('p:' || pm.project_id::text, ',') FROM public.project_members pm
        WHERE pm.company_id = v_company AND pm.user_id = v_user AND pm.deleted_at IS NULL
    ), 'p:none')
    INTO v_role, v_kind, v_version, v_department, v_projects
    FROM public.memberships m
    JOIN public.users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
    JOIN public.companies c ON c.id = m.company_id AND c.deleted_at IS NULL
    WHERE m.company_id = v_company AND m.user_id = v_user AND m.status = 'active' AND m.deleted_at IS NULL;
    IF FOUND THEN
        -- What stands for the person's own in policy_grants.token is replaced by its name, once a setting and not once a grant; no
        -- token, no id and no state contains a $. A state is appended to each name, so there the names come first: the person's
        -- projects are several, parted by commas.
        v_records := 'o:' || v_user::text;
        PERFORM set_config(g.setting, '{' || replace(replace(replace(string_agg(CASE WHEN g.state IS NULL THEN g.token
            ELSE replace(replace(replace(replace(g.token, '$department', v_department), '$projects', v_projects), '$records', v_records),
                ',', '|s:' || app.status_word(g.state) || ',') || '|s:' || app.status_word(g.state) END, ','),
            '$department', v_department), '$projects', v_projects), '$records', v_records) || '}', true)
        FROM (
            SELECT i.setting, i.token, i.member_kind, i.state, i.valid_from, i.valid_until FROM public.policy_grants i
            WHERE i.company_id = v_company AND i.version = v_version AND i.role_key = v_role
            UNION ALL
            SELECT i.setting, i.token, i.member_kind, i.state, i.valid_from, i.valid_until FROM public.policy_grants i
            WHERE i.company_id = v_company AND i.version = v_version AND i.user_id = v_user
        ) AS g
        WHERE (g.member_kind IS NULL OR g.member_kind = v_kind)
        -- now() is the transaction's beginning: one request is judged as of one moment.
        AND (g.valid_from IS NULL OR g.valid_from <= now())
        AND (g.valid_until IS NULL OR now() < g.valid_until)
        GROUP BY g.setting;
    END IF;
    PERFORM set_config('app.member', CASE WHEN v_role IS NULL THEN 'f' ELSE 't' END, true), set_config('app.known', app.caller(), true);
    RETURN v_role IS NOT NULL;
END $$;

-- Who asks whether talk about a record may be read asks next whether its messages may: both are judged by one look at the record.
-- A yes is remembered, a no never is: what the person has just been let into must open.
CREATE OR REPLACE FUNCTION app.judge_record(p_action text, p_kind text, p_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_tokens text[];
    v_yes boolean := false;
    v_done text;
BEGIN
    SELECT r.scope_tokens INTO v_tokens FROM public.linked_records r
    WHERE r.company_id = app.company_id() AND r.kind = p_kind AND r.id = p_id AND r.deleted_at IS NULL;
    IF v_tokens && app.allowed('thread:read') AND NOT v_tokens && app.denied('thread:read') THEN
        v_yes := p_action = 'thread:read' OR (v_tokens && app.allowed(p_action) AND NOT v_tokens && app.denied(p_action));
        IF p_action = 'thread:read' AND v_tokens && app.allowed('message:read') AND NOT v_tokens && app.denied('message:read') THEN
            v_done := set_config('app.may_message_read', app.caller() || '/' || p_kind || '/' || p_id, true);
        END IF;
    END IF;
    IF v_yes THEN
        v_done := set_config('app.may_' || replace(p_action, ':', '_'), app.caller() || '/' || p_kind || '/' || p_id, true);
    END IF;
    RETURN v_yes;
END $$;

-- As before, but that the replies of a mixed thread, whom not everyone sees all of, are read once for both count and time: every
-- further mention of a table is a further copy of its policies, which each statement sets up whether it is used or not.
CREATE OR REPLACE VIEW message_rows WITH (security_invoker = true) AS
SELECT
    m.company_id, m.id, m.conversation_id, m.seq, m.parent_id, m.root_id, m.depth, m.path,
    m.author_id, u.name AS author_name, a.kind AS author_kind, a.job_title AS author_job_title,
    m.client_key, m.body, m.text_ast, m.link_kind, m.link_id, m.link_source,
    l.title AS link_title, l.amount_minor AS link_amount_minor, l.currency AS link_currency, l.status AS link_status,
    m.version, m.created_at, m.edited_at, m.deleted_at,
    CASE WHEN t.is_mixed THEN seen.replies ELSE coalesce(t.reply_count, 0) END AS reply_count,
    CASE WHEN t.is_mixed THEN seen.last_at ELSE t.last_reply_at END AS last_reply_at
FROM messages m
JOIN users u ON u.id = m.author_id
JOIN memberships a ON a.company_id = m.company_id AND a.user_id = m.author_id
LEFT JOIN message_links l ON l.company_id = m.company_id AND l.message_id = m.id
LEFT JOIN threads t ON m.parent_id IS NULL AND t.company_id = m.company_id AND t.root_id = m.id
LEFT JOIN LATERAL (
    SELECT count(*)::integer AS replies, max(x.created_at) AS last_at
    FROM messages x WHERE t.is_mixed AND x.company_id = m.company_id AND x.root_id = m.id AND x.parent_id IS NOT NULL
) AS seen ON true;

REVOKE CREATE ON SCHEMA app FROM postil_definer;
