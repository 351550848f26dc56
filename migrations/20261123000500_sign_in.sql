-- Sign-in: what must be known before there is a company. Each function answers one question, is owned by postil_auth (which
-- reads no message and no record), has a fixed search_path, and is the only way to these tables for the application.

GRANT CREATE ON SCHEMA auth TO postil_auth;
GRANT USAGE ON SCHEMA auth TO postil_auth;

CREATE FUNCTION auth.account(p_email text) RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT u.id, u.password_hash FROM public.users u WHERE u.email = lower(p_email) AND u.status = 'active' AND u.deleted_at IS NULL
$$;

CREATE FUNCTION auth.profile(p_user uuid) RETURNS TABLE (id uuid, name text, email text, locale text, time_zone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT u.id, u.name, u.email, u.locale, u.time_zone FROM public.users u WHERE u.id = p_user AND u.status = 'active' $$;

CREATE FUNCTION auth.companies(p_user uuid) RETURNS TABLE (
    id uuid, name text, hue smallint, role_key text, role_name text, kind text, reply_depth_max smallint, edit_window_s integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT c.id, c.name, c.hue, m.role_key, r.name, m.kind, c.reply_depth_max, c.edit_window_s
    FROM public.memberships m
    JOIN public.companies c ON c.id = m.company_id AND c.deleted_at IS NULL
    JOIN public.roles r ON r.company_id = m.company_id AND r.key = m.role_key
    WHERE m.user_id = p_user AND m.status = 'active' AND m.deleted_at IS NULL
    ORDER BY c.name, c.id
$$;

-- Opens a session in a company that the person is an active member of; nothing otherwise.
CREATE FUNCTION auth.session_create(
    p_id uuid, p_hash bytea, p_user uuid, p_company uuid, p_kind text, p_origin text, p_at timestamptz, p_expires timestamptz
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    INSERT INTO public.sessions (id, token_hash, user_id, company_id, kind, origin, created_at, seen_at, expires_at)
    SELECT p_id, p_hash, m.user_id, m.company_id, p_kind, p_origin, p_at, p_at, p_expires
    FROM public.memberships m JOIN public.users u ON u.id = m.user_id AND u.status = 'active'
    WHERE m.user_id = p_user AND m.company_id = p_company AND m.status = 'active' AND m.deleted_at IS NULL;
    RETURN FOUND;
END $$;

-- A live session with its membership, as of now: this is asked at every request, so that a revocation counts at once.
CREATE FUNCTION auth.session_open(p_hash bytea, p_at timestamptz) RETURNS TABLE (
    session_id uuid, user_id uuid, company_id uuid, session_kind text, context_epoch integer, expires_at timestamptz,
    role_key text, member_kind text, department_id uuid, projects uuid[], policy_version integer, reply_depth_max smallint, edit_window_s integer
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    -- Use prolongs a browser's session, at most once a minute; an embedded one ends when its token said.
    UPDATE public.sessions s SET seen_at = p_at, expires_at = CASE s.kind WHEN 'browser' THEN p_at + (s.expires_at - s.seen_at) ELSE s.expires_at END
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

-- Moves a browser's session into another company under a fresh token; the old token is dead from then on.
CREATE FUNCTION auth.session_switch(p_old bytea, p_new bytea, p_company uuid, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    UPDATE public.sessions s SET token_hash = p_new, company_id = p_company, context_epoch = s.context_epoch + 1,
        -- Together, because session_open takes the session's length from their difference.
        seen_at = p_at, expires_at = p_at + (s.expires_at - s.seen_at)
    FROM public.memberships m
    WHERE s.token_hash = p_old AND s.kind = 'browser' AND s.revoked_at IS NULL AND s.expires_at > p_at
    AND m.company_id = p_company AND m.user_id = s.user_id AND m.status = 'active' AND m.deleted_at IS NULL;
    RETURN FOUND;
END $$;

CREATE FUNCTION auth.session_end(p_hash bytea, p_at timestamptz) RETURNS TABLE (id uuid, company_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ UPDATE public.sessions s SET revoked_at = p_at WHERE s.token_hash = p_hash AND s.revoked_at IS NULL RETURNING s.id, s.company_id $$;

CREATE FUNCTION auth.ticket_create(p_ticket bytea, p_session uuid, p_expires timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ INSERT INTO public.realtime_tickets (ticket_hash, session_id, expires_at) VALUES (p_ticket, p_session, p_expires) $$;

-- One-time: the row is gone when the token hash of its session is told.
CREATE FUNCTION auth.ticket_redeem(p_ticket bytea, p_at timestamptz) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_hash bytea;
BEGIN
    WITH used AS (DELETE FROM public.realtime_tickets t WHERE t.ticket_hash = p_ticket RETURNING t.session_id, t.expires_at)
    SELECT s.token_hash INTO v_hash FROM used JOIN public.sessions s ON s.id = used.session_id
    WHERE used.expires_at > p_at AND s.revoked_at IS NULL AND s.expires_at > p_at;
    RETURN v_hash;
END $$;

-- The service account behind an ERP's key, in the same shape as a session.
CREATE FUNCTION auth.api_key_open(p_hash bytea) RETURNS TABLE (
    key_id uuid, user_id uuid, company_id uuid, role_key text, member_kind text, department_id uuid, projects uuid[], policy_version integer
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT k.id, k.user_id, k.company_id, m.role_key, m.kind, m.department_id,
        ARRAY(SELECT pm.project_id FROM public.project_members pm
            WHERE pm.company_id = m.company_id AND pm.user_id = m.user_id AND pm.deleted_at IS NULL),
        c.policy_version
    FROM public.api_keys k
    JOIN public.users u ON u.id = k.user_id AND u.status = 'active' AND u.deleted_at IS NULL
    JOIN public.memberships m ON m.company_id = k.company_id AND m.user_id = k.user_id AND m.status = 'active' AND m.deleted_at IS NULL
    JOIN public.companies c ON c.id = k.company_id AND c.deleted_at IS NULL
    WHERE k.key_hash = p_hash AND k.revoked_at IS NULL
$$;

CREATE FUNCTION auth.embed_key(p_company uuid, p_kid text) RETURNS TABLE (secret_sealed bytea, embed_origins text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT k.secret_sealed, c.embed_origins FROM public.embed_keys k JOIN public.companies c ON c.id = k.company_id AND c.deleted_at IS NULL
    WHERE k.company_id = p_company AND k.kid = p_kid AND k.retired_at IS NULL
$$;

-- Which pages may frame the company's widget.
CREATE FUNCTION auth.embed_origins(p_company uuid) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT c.embed_origins FROM public.companies c WHERE c.id = p_company AND c.deleted_at IS NULL $$;

-- True for the first use of a token. In PostgreSQL and not in Redis: a replay must fail while Redis is away, too.
CREATE FUNCTION auth.embed_token_use(p_company uuid, p_jti text, p_expires timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    INSERT INTO public.embed_token_uses (company_id, jti, expires_at) VALUES (p_company, p_jti, p_expires) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

CREATE FUNCTION auth.member_by_email(p_company uuid, p_email text) RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT m.user_id FROM public.memberships m JOIN public.users u ON u.id = m.user_id AND u.status = 'active'
    WHERE m.company_id = p_company AND m.status = 'active' AND u.email = lower(p_email)
$$;

-- The ends of several companies' streams, for the hub's tail check: positions only.
CREATE FUNCTION auth.stream_tails(p_companies uuid[]) RETURNS TABLE (company_id uuid, last_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$ SELECT s.company_id, s.last_seq FROM public.company_stream s WHERE s.company_id = ANY (p_companies) $$;

-- Whether open sockets' sessions are still good: those that are.
CREATE FUNCTION auth.sessions_alive(p_sessions uuid[], p_at timestamptz) RETURNS TABLE (session_id uuid, company_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT s.id, s.company_id FROM public.sessions s
    JOIN public.users u ON u.id = s.user_id AND u.status = 'active' AND u.deleted_at IS NULL
    JOIN public.memberships m ON m.company_id = s.company_id AND m.user_id = s.user_id AND m.status = 'active' AND m.deleted_at IS NULL
    WHERE s.id = ANY (p_sessions) AND s.revoked_at IS NULL AND s.expires_at > p_at
$$;

-- The next jobs that are due, of any company: leased to one worker.
CREATE FUNCTION auth.jobs_claim(p_worker text, p_at timestamptz, p_lease_s integer, p_limit integer)
RETURNS TABLE (company_id uuid, id uuid, kind text, payload jsonb, attempts smallint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    UPDATE public.jobs j SET state = 'running', attempts = j.attempts + 1, locked_by = p_worker,
        locked_until = p_at + make_interval(secs => p_lease_s), updated_at = p_at
    FROM (
        SELECT x.company_id, x.id FROM public.jobs x
        WHERE (x.state = 'ready' AND x.run_at <= p_at) OR (x.state = 'running' AND x.locked_until < p_at)
        ORDER BY x.run_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE j.company_id = due.company_id AND j.id = due.id
    RETURNING j.company_id, j.id, j.kind, j.payload, j.attempts
$$;

-- Forgets what has expired long ago. Returns how many rows went.
CREATE FUNCTION auth.purge_expired(p_before timestamptz) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_total bigint;
    v_count bigint;
BEGIN
    DELETE FROM public.realtime_tickets WHERE expires_at < p_before;
    GET DIAGNOSTICS v_total = ROW_COUNT;
    DELETE FROM public.embed_token_uses WHERE expires_at < p_before;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_total := v_total + v_count;
    DELETE FROM public.sessions WHERE expires_at < p_before OR revoked_at < p_before;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_total + v_count;
END $$;

-- A person who is deactivated loses every company at once: each company's log says so, and open sockets are looked at again.
CREATE FUNCTION auth.user_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_company uuid;
BEGIN
    FOR v_company IN SELECT m.company_id FROM public.memberships m WHERE m.user_id = NEW.id ORDER BY m.company_id LOOP
        PERFORM app.note_access(v_company, NEW.id);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER users_access AFTER UPDATE OF status, deleted_at ON users
    FOR EACH ROW WHEN ((OLD.status, OLD.deleted_at) IS DISTINCT FROM (NEW.status, NEW.deleted_at)) EXECUTE FUNCTION auth.user_changed();

DO $$
DECLARE
    f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS signature FROM pg_proc p WHERE p.pronamespace = 'auth'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO postil_auth', f.signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO postil_app', f.signature);
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA auth TO postil_worker;
GRANT EXECUTE ON FUNCTION auth.stream_tails(uuid[]), auth.sessions_alive(uuid[], timestamptz), auth.jobs_claim(text, timestamptz, integer, integer),
    auth.purge_expired(timestamptz) TO postil_worker;
REVOKE EXECUTE ON FUNCTION auth.jobs_claim(text, timestamptz, integer, integer), auth.purge_expired(timestamptz), auth.stream_tails(uuid[]) FROM postil_app;
REVOKE EXECUTE ON FUNCTION auth.user_changed() FROM postil_app;
REVOKE CREATE ON SCHEMA auth FROM postil_auth;
