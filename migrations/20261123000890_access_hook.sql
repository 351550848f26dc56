-- The access hook: a judge of the company's own that may take from a member what the policy gives, and never give.
--
-- Its answers are kept as denials in the words of policy rules, and app.remember() reads them like grants: so lists, counts,
-- search and single rows are narrowed by the same comparison of arrays as ever, and no row is asked about by itself. A company
-- that requires a hook and a member about whom it has not answered: then that member is nobody here.
GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

CREATE TABLE access_hooks (
    company_id uuid NOT NULL REFERENCES companies (id),
    since      timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (company_id, since),
    CONSTRAINT access_hooks_ended CHECK (ended_at > since)
);
CREATE UNIQUE INDEX access_hooks_required ON access_hooks (company_id) WHERE ended_at IS NULL;
COMMENT ON TABLE access_hooks IS 'When a company required an access hook: it does while there is a row that has not ended.';
COMMENT ON COLUMN access_hooks.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN access_hooks.since IS 'When it began. Never changes.';
COMMENT ON COLUMN access_hooks.ended_at IS 'When it ended; null: it is required now.';

CREATE TABLE narrowings (
    company_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    denials    jsonb NOT NULL,
    PRIMARY KEY (company_id, user_id, since),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    CONSTRAINT narrowings_lasts CHECK (until >= since)
);
ALTER TABLE narrowings ALTER COLUMN denials SET STATISTICS 0;
COMMENT ON TABLE narrowings IS 'What the access hook takes from a member: the newest row, while it lasts. An answer like the one before prolongs that, whatever silence lay between; another is a new row.';
COMMENT ON COLUMN narrowings.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN narrowings.user_id IS 'From whom it is taken. Never changes.';
COMMENT ON COLUMN narrowings.since IS 'Since when this is the answer. Never changes.';
COMMENT ON COLUMN narrowings.until IS 'Until when it holds, this moment excluded: prolonged by the same answer, cut short by another.';
COMMENT ON COLUMN narrowings.denials IS 'What is taken, as the hook said it. Never changes.';

CREATE TABLE narrowing_grants (
    company_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    since      timestamptz NOT NULL,
    ordinal    integer NOT NULL,
    action     text NOT NULL REFERENCES permissions (action),
    scope      text NOT NULL CHECK (scope IN ('company', 'unlinked', 'department', 'own_department', 'project', 'own_projects', 'kind', 'record', 'own_records')),
    target     text,
    state      text,
    token      text NOT NULL GENERATED ALWAYS AS (
        CASE scope
            WHEN 'company' THEN '*'
            WHEN 'unlinked' THEN 'u'
            WHEN 'department' THEN 'd:' || target
            WHEN 'own_department' THEN '$department'
            WHEN 'project' THEN 'p:' || target
            WHEN 'own_projects' THEN '$projects'
            WHEN 'kind' THEN 'k:' || target
            WHEN 'record' THEN 'r:' || target
            WHEN 'own_records' THEN '$records'
        END
    ) STORED,
    setting    text NOT NULL GENERATED ALWAYS AS ('app.deny_' || replace(action, ':', '_')) STORED,
    PRIMARY KEY (company_id, user_id, since, ordinal),
    FOREIGN KEY (company_id, user_id, since) REFERENCES narrowings (company_id, user_id, since),
    CONSTRAINT narrowing_grants_target CHECK ((target IS NOT NULL) = (scope IN ('department', 'project', 'kind', 'record'))),
    -- As for policy_grants: these become parts of an array's text.
    CONSTRAINT narrowing_grants_plain_target CHECK (target ~ '^[A-Za-z0-9._/:#-]{1,200}$'),
    CONSTRAINT narrowing_grants_plain_state
        CHECK (state IS NULL OR char_length(state) BETWEEN 1 AND 40 AND state !~ '[,{}"\\$[:cntrl:]]' AND scope <> 'unlinked')
);
COMMENT ON TABLE narrowing_grants IS 'A narrowing as row-level security reads it: one row for each denial, action and record state. Denies only: there is no column for an effect. Never changes.';
COMMENT ON COLUMN narrowing_grants.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN narrowing_grants.user_id IS 'From whom it is taken. Never changes.';
COMMENT ON COLUMN narrowing_grants.since IS 'Of which answer. Never changes.';
COMMENT ON COLUMN narrowing_grants.ordinal IS 'Position within the answer, from 1; means nothing else. Never changes.';
COMMENT ON COLUMN narrowing_grants.action IS 'What is taken. Never changes.';
COMMENT ON COLUMN narrowing_grants.scope IS 'Where: company | unlinked | department | own_department | project | own_projects | kind | record | own_records. Never changes.';
COMMENT ON COLUMN narrowing_grants.target IS 'Which department, project (uuid), kind, or record (kind/id); null for scopes that need none. Never changes.';
COMMENT ON COLUMN narrowing_grants.state IS 'Only for things about a record in this state, compared by app.status_word(); null: whatever its state. Never changes.';
COMMENT ON COLUMN narrowing_grants.token IS 'Generated: what is compared with linked_records.scope_tokens, as in policy_grants.';
COMMENT ON COLUMN narrowing_grants.setting IS 'Generated: the transaction-local setting under which app.remember() keeps the tokens that are denied for this action.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['access_hooks', 'narrowings', 'narrowing_grants'] LOOP
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
CREATE TRIGGER narrowing_grants_immutable BEFORE UPDATE OR DELETE ON narrowing_grants FOR EACH ROW EXECUTE FUNCTION app.immutable();

-- Who asks "why?" about others, and everyone about themselves. Nobody who serves requests writes: answers come by the worker.
CREATE POLICY access_hooks_read ON access_hooks FOR SELECT TO postil_app USING (true);
CREATE POLICY narrowings_read ON narrowings FOR SELECT TO postil_app
    USING (user_id = (SELECT app.user_id()) OR (SELECT app.may('admin:policy', NULL, NULL)));
CREATE POLICY access_hooks_auth ON access_hooks FOR SELECT TO postil_auth USING (true);
CREATE POLICY narrowings_auth ON narrowings FOR SELECT TO postil_auth USING (true);
GRANT SELECT ON access_hooks, narrowings TO postil_app;
GRANT SELECT ON access_hooks, narrowings TO postil_auth;
GRANT SELECT ON access_hooks, narrowings, narrowing_grants TO postil_definer;
GRANT SELECT, INSERT ON narrowings, narrowing_grants TO postil_worker;
GRANT UPDATE (until) ON narrowings TO postil_worker;
GRANT SELECT ON access_hooks TO postil_worker;

-- Requiring or releasing a hook concerns everyone in the company, another answer one person: open sockets are judged again.
CREATE TRIGGER access_hooks_access AFTER INSERT OR UPDATE ON access_hooks FOR EACH ROW EXECUTE FUNCTION app.access_changed();
CREATE CONSTRAINT TRIGGER access_hooks_audit AFTER INSERT OR UPDATE ON access_hooks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION app.audit_change('access_hook', 'since', 'ended_at');
-- At the commit, because it takes the lock of the company's stream.
CREATE CONSTRAINT TRIGGER narrowings_access AFTER INSERT ON narrowings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION app.access_changed();

CREATE FUNCTION auth.narrowing(p_company uuid, p_user uuid) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT CASE WHEN EXISTS (SELECT 1 FROM public.access_hooks h WHERE h.company_id = p_company AND h.ended_at IS NULL) THEN coalesce((
        SELECT jsonb_build_object('untilUs', (extract(epoch FROM n.until) * 1000000)::bigint, 'denials', n.denials)
        FROM public.narrowings n WHERE n.company_id = p_company AND n.user_id = p_user ORDER BY n.since DESC LIMIT 1
    ), '{}') END
$$;
COMMENT ON FUNCTION auth.narrowing(uuid, uuid) IS 'What the access hook of a company takes from a person and until when; {}: it has not said; null: the company requires none. For the opening of a request, before which nobody is anybody.';
ALTER FUNCTION auth.narrowing(uuid, uuid) OWNER TO postil_auth;
REVOKE EXECUTE ON FUNCTION auth.narrowing(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.narrowing(uuid, uuid) TO postil_app, postil_worker;

-- With the rights of the caller, which is the worker.
CREATE FUNCTION app.narrow(p_company uuid, p_user uuid, p_denials jsonb, p_grants jsonb, p_at timestamptz, p_until timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_since timestamptz;
    v_denials jsonb;
BEGIN
    PERFORM app.enter(NULL, p_company);
    -- Two nodes that ask about one person at once: the second finds what the first wrote.
    PERFORM pg_advisory_xact_lock(hashtextextended('narrow/' || p_company::text || '/' || p_user::text, 0));
    SELECT n.since, n.denials INTO v_since, v_denials FROM public.narrowings n
    WHERE n.company_id = p_company AND n.user_id = p_user ORDER BY n.since DESC LIMIT 1;
    IF v_denials = p_denials THEN
        UPDATE public.narrowings n SET until = p_until
        WHERE n.company_id = p_company AND n.user_id = p_user AND n.since = v_since AND n.until < p_until;
        RETURN;
    END IF;
    UPDATE public.narrowings n SET until = greatest(n.since, p_at)
    WHERE n.company_id = p_company AND n.user_id = p_user AND n.since = v_since AND n.until > p_at;
    -- Clocks of nodes differ: what is written later is newer.
    v_since := greatest(p_at, v_since + interval '1 microsecond');
    INSERT INTO public.narrowings (company_id, user_id, since, until, denials)
    VALUES (p_company, p_user, v_since, greatest(v_since, p_until), p_denials);
    INSERT INTO public.narrowing_grants (company_id, user_id, since, ordinal, action, scope, target, state)
    SELECT p_company, p_user, v_since, g.ordinal, g.action, g.scope, g.target, g.state
    FROM jsonb_to_recordset(p_grants) AS g (ordinal integer, action text, scope text, target text, state text);
END $$;
COMMENT ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz) IS 'Keeps what the access hook answered about a person: prolongs the same answer, or puts another in its place. For the worker.';
REVOKE EXECUTE ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz) TO postil_worker;

-- As before, and with the answer of the access hook.
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
    v_narrowed timestamptz;
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
    IF FOUND AND EXISTS (SELECT 1 FROM public.access_hooks h WHERE h.company_id = v_company AND h.ended_at IS NULL) THEN
        -- The newest answer, if it still holds: an older one that would last longer has been replaced.
        SELECT CASE WHEN now() < n.until THEN n.since END INTO v_narrowed FROM public.narrowings n
        WHERE n.company_id = v_company AND n.user_id = v_user ORDER BY n.since DESC LIMIT 1;
        IF v_narrowed IS NULL THEN
            v_role := NULL;
        END IF;
    END IF;
    IF v_role IS NOT NULL THEN
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
            UNION ALL
            SELECT n.setting, n.token, NULL, n.state, NULL, NULL FROM public.narrowing_grants n
            WHERE n.company_id = v_company AND n.user_id = v_user AND n.since = v_narrowed
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

REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
