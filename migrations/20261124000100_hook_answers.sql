-- What a look at the access hook found: an answer outlived what was asked about, an older one could replace a newer, the database
-- believed every end that it was told, and the role that serves requests could read anybody's denials.
--
-- Takes nothing away, so the generation stays. Servers of before go on: the answers that they keep count for what the member is when
-- they are kept. Only where a hook is required do they refuse some requests (those about nothing in particular) until they are
-- replaced: what they ask with, auth.narrowing(uuid, uuid), no longer tells the serving role of somebody who has not entered.
GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

ALTER TABLE narrowings ADD COLUMN attributes text, ADD COLUMN asked_at timestamptz;
COMMENT ON COLUMN narrowings.attributes IS 'What the hook was told of the member, by app.hook_attributes(): the answer holds while they are that. Null: from before this was kept; such an answer is none. Never changes.';
COMMENT ON COLUMN narrowings.asked_at IS 'When the question was asked that this answers, or that last prolonged it; null: from before this was kept.';
GRANT UPDATE (asked_at) ON narrowings TO postil_worker;

CREATE FUNCTION app.hook_attributes(p_role text, p_kind text, p_department uuid, p_projects uuid[]) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT encode(sha256(convert_to(array_to_string(ARRAY[
        p_role, p_kind, coalesce(p_department::text, ''), array_to_string(ARRAY(SELECT p FROM unnest(p_projects) AS p ORDER BY p), ',')
    ], E'\n'), 'UTF8')), 'hex')
$$;
COMMENT ON FUNCTION app.hook_attributes(text, text, uuid, uuid[]) IS 'Role, kind, department and projects of a member as one digest: an answer of the access hook is about a member who is this. The order of projects means nothing.';
GRANT EXECUTE ON FUNCTION app.hook_attributes(text, text, uuid, uuid[]) TO postil_app, postil_worker, postil_definer, postil_auth;

-- --------------------------------------------------------------------------------------------- what is told before there is anybody

CREATE FUNCTION auth.narrowing_of(p_company uuid, p_user uuid) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('untilUs', (extract(epoch FROM n.until) * 1000000)::bigint, 'denials', n.denials)
        FROM (
            SELECT x.until, x.denials, x.attributes FROM public.narrowings x
            WHERE x.company_id = p_company AND x.user_id = p_user ORDER BY x.since DESC LIMIT 1
        ) AS n
        JOIN public.memberships m ON m.company_id = p_company AND m.user_id = p_user
        WHERE n.attributes = app.hook_attributes(m.role_key, m.kind, m.department_id, ARRAY(
            SELECT pm.project_id FROM public.project_members pm WHERE pm.company_id = p_company AND pm.user_id = p_user AND pm.deleted_at IS NULL
        ))
    ), '{}')
$$;
COMMENT ON FUNCTION auth.narrowing_of(uuid, uuid) IS 'The newest answer of the access hook about a person, if it is about what they are now; {}: there is none. For the functions named auth.narrowing, and nobody else.';
ALTER FUNCTION auth.narrowing_of(uuid, uuid) OWNER TO postil_auth;
REVOKE EXECUTE ON FUNCTION auth.narrowing_of(uuid, uuid) FROM PUBLIC;

-- Whoever opens a request brings what it is opened with: the hash of a session's token or of an API key.
CREATE FUNCTION auth.narrowing(p_company uuid, p_user uuid, p_hash bytea) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM public.access_hooks h WHERE h.company_id = p_company AND h.ended_at IS NULL) THEN NULL
        WHEN EXISTS (
            SELECT 1 FROM public.sessions s WHERE s.token_hash = p_hash AND s.company_id = p_company AND s.user_id = p_user AND s.revoked_at IS NULL
        ) OR EXISTS (
            SELECT 1 FROM public.api_keys k WHERE k.key_hash = p_hash AND k.company_id = p_company AND k.user_id = p_user AND k.revoked_at IS NULL
        ) THEN auth.narrowing_of(p_company, p_user)
        ELSE '{}'
    END
$$;
COMMENT ON FUNCTION auth.narrowing(uuid, uuid, bytea) IS 'What the access hook of a company takes from whoever opens a request with this token or key, and until when; {}: it has not said, or it is not theirs; null: the company requires none.';
ALTER FUNCTION auth.narrowing(uuid, uuid, bytea) OWNER TO postil_auth;
REVOKE EXECUTE ON FUNCTION auth.narrowing(uuid, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.narrowing(uuid, uuid, bytea) TO postil_app;

CREATE OR REPLACE FUNCTION auth.narrowing(p_company uuid, p_user uuid) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM public.access_hooks h WHERE h.company_id = p_company AND h.ended_at IS NULL) THEN NULL
        WHEN pg_has_role(session_user, 'postil_worker', 'USAGE') OR (p_company = app.company_id() AND p_user = app.user_id())
            THEN auth.narrowing_of(p_company, p_user)
        ELSE '{}'
    END
$$;
COMMENT ON FUNCTION auth.narrowing(uuid, uuid) IS 'What the access hook of a company takes from a person and until when; {}: it has not said; null: the company requires none. For the worker; of whoever serves requests only about the person who has entered.';

-- ------------------------------------------------------------------------------------------------------------- what is kept

-- Grants of an answer that another has replaced are read by nobody: what was said then is in narrowings.denials.
DROP TRIGGER narrowing_grants_immutable ON narrowing_grants;
CREATE TRIGGER narrowing_grants_immutable BEFORE UPDATE ON narrowing_grants FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE POLICY narrowing_grants_superseded ON narrowing_grants AS RESTRICTIVE FOR DELETE TO postil_owner, postil_definer, postil_worker
    USING (EXISTS (
        SELECT 1 FROM narrowings n
        WHERE n.company_id = narrowing_grants.company_id AND n.user_id = narrowing_grants.user_id AND n.since > narrowing_grants.since
    ));
GRANT DELETE ON narrowing_grants TO postil_worker;
COMMENT ON TABLE narrowing_grants IS 'A narrowing as row-level security reads it: one row for each denial, action and record state. Denies only: there is no column for an effect. Never changes, and goes when another answer has come.';

-- With the rights of the caller, which is the worker.
CREATE FUNCTION app.narrow(
    p_company uuid, p_user uuid, p_denials jsonb, p_grants jsonb, p_at timestamptz, p_until timestamptz,
    p_role text, p_kind text, p_department uuid, p_projects uuid[]
) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_attributes text := app.hook_attributes(p_role, p_kind, p_department, p_projects);
    v_now_attributes text;
    v_until timestamptz;
    n record;
    v_since timestamptz;
BEGIN
    PERFORM app.enter(NULL, p_company);
    -- Two nodes that ask about one person at once: the second finds what the first wrote.
    PERFORM pg_advisory_xact_lock(hashtextextended('narrow/' || p_company::text || '/' || p_user::text, 0));
    -- A node's clock may be wrong, and this one is what answers are held against: nothing from the future, and no longer than any
    -- answer may last.
    IF p_at > clock_timestamp() + interval '1 second' THEN
        RAISE EXCEPTION 'the answer is from the future' USING ERRCODE = 'check_violation', CONSTRAINT = 'narrowings_asked_at';
    END IF;
    v_until := least(p_until, clock_timestamp() + interval '300 seconds');
    SELECT app.hook_attributes(m.role_key, m.kind, m.department_id, ARRAY(
        SELECT pm.project_id FROM public.project_members pm WHERE pm.company_id = p_company AND pm.user_id = p_user AND pm.deleted_at IS NULL
    )) INTO v_now_attributes FROM public.memberships m WHERE m.company_id = p_company AND m.user_id = p_user;
    -- They have become something else while the hook was asked.
    IF v_attributes IS DISTINCT FROM v_now_attributes THEN
        RETURN 'changed';
    END IF;
    SELECT x.since, x.denials, x.attributes, x.asked_at INTO n FROM public.narrowings x
    WHERE x.company_id = p_company AND x.user_id = p_user ORDER BY x.since DESC LIMIT 1;
    IF n.attributes = v_attributes THEN
        -- What was asked later is what the hook thinks now, whichever arrives first.
        IF p_at < n.asked_at THEN
            RETURN 'late';
        END IF;
        IF n.denials = p_denials THEN
            UPDATE public.narrowings x SET until = greatest(x.until, v_until), asked_at = p_at
            WHERE x.company_id = p_company AND x.user_id = p_user AND x.since = n.since;
            RETURN 'kept';
        END IF;
    END IF;
    UPDATE public.narrowings x SET until = greatest(x.since, p_at)
    WHERE x.company_id = p_company AND x.user_id = p_user AND x.since = n.since AND x.until > p_at;
    -- Clocks of nodes differ: what is written later is newer.
    v_since := greatest(p_at, n.since + interval '1 microsecond');
    INSERT INTO public.narrowings (company_id, user_id, since, until, denials, attributes, asked_at)
    VALUES (p_company, p_user, v_since, greatest(v_since, v_until), p_denials, v_attributes, p_at);
    INSERT INTO public.narrowing_grants (company_id, user_id, since, ordinal, action, scope, target, state)
    SELECT p_company, p_user, v_since, g.ordinal, g.action, g.scope, g.target, g.state
    FROM jsonb_to_recordset(p_grants) AS g (ordinal integer, action text, scope text, target text, state text);
    DELETE FROM public.narrowing_grants g WHERE g.company_id = p_company AND g.user_id = p_user AND g.since < v_since;
    RETURN 'kept';
END $$;
COMMENT ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz, text, text, uuid, uuid[]) IS 'Keeps what the access hook answered about a person who was this when it was asked. kept: prolongs the same answer, or puts another in its place; changed: they are something else by now; late: what was asked later is kept already. For the worker.';
REVOKE EXECUTE ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz, text, text, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz, text, text, uuid, uuid[]) TO postil_worker;

-- For servers of before, which do not say about whom they asked.
CREATE OR REPLACE FUNCTION app.narrow(p_company uuid, p_user uuid, p_denials jsonb, p_grants jsonb, p_at timestamptz, p_until timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM app.enter(NULL, p_company);
    PERFORM app.narrow(p_company, p_user, p_denials, p_grants, p_at, p_until, m.role_key, m.kind, m.department_id, ARRAY(
        SELECT pm.project_id FROM public.project_members pm WHERE pm.company_id = p_company AND pm.user_id = p_user AND pm.deleted_at IS NULL
    ))
    FROM public.memberships m WHERE m.company_id = p_company AND m.user_id = p_user;
END $$;
COMMENT ON FUNCTION app.narrow(uuid, uuid, jsonb, jsonb, timestamptz, timestamptz) IS 'As the function of that name that is told about whom the hook was asked, for servers that do not tell it: taken to be about what the member is now.';

-- As before; an answer holds while the member is what it was given about. A company without a hook is asked for nothing more.
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
        -- The newest answer, if it still holds and is about what they are: an older one that would last longer has been replaced.
        SELECT CASE WHEN now() < n.until AND n.attributes = app.hook_attributes(
            v_role, v_kind, substr(nullif(v_department, 'd:none'), 3)::uuid, string_to_array(replace(nullif(v_projects, 'p:none'), 'p:', ''), ',')::uuid[]
        ) THEN n.since END INTO v_narrowed FROM public.narrowings n
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
