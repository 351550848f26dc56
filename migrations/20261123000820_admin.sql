-- Administration: who may change memberships, roles and the policy, within which rails; invitations; and what people and
-- records were, so that "could they see it then, and why?" has an answer.
--
-- The application role gets these rights for the first time. Three things hold it: row-level security (admin:members,
-- admin:policy), a trigger per statement that refuses aloud whoever has neither (an UPDATE under a policy that is false
-- touches nothing, and silence would look like success), and guards that look at what is being changed.

GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

-- --------------------------------------------------------------------------------------------------- what a person holds

-- Whether the person holds a right company-wide: allowed everywhere, and not denied everywhere. Only such a right can be handed
-- on. (A deny of something narrower, such as the edit of posted records, leaves the right held: or who is bound by it could
-- give nobody a role any more. The guard of policies looks at narrower denies itself.)
CREATE FUNCTION app.holds(p_action text) RETURNS boolean LANGUAGE sql STABLE
AS $$ SELECT '*' = ANY (app.allowed(p_action)) AND NOT '*' = ANY (app.denied(p_action)) $$;
COMMENT ON FUNCTION app.holds(text) IS 'Whether the person holds a right company-wide, allowed everywhere and not denied everywhere: only then can they hand it on.';

-- Whether the person holds whatever a role is allowed, anywhere.
CREATE FUNCTION app.may_assign(p_role text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT 1 FROM public.companies c JOIN public.policy_grants g ON g.company_id = c.id AND g.version = c.policy_version
        WHERE c.id = app.company_id() AND g.role_key = p_role AND g.effect = 'allow' AND NOT app.holds(g.action)
    );
END $$;
COMMENT ON FUNCTION app.may_assign(text) IS 'Whether the person holds, company-wide, every right that a role is allowed anywhere.';

-- Whether the person may change another's membership: they hold whatever that member is allowed. To end a membership takes
-- less: of the rights to administer, none that they do not hold (so an administrator can't put out an owner).
CREATE FUNCTION app.may_manage(p_user uuid, p_end boolean) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT 1 FROM public.companies c
        JOIN public.memberships m ON m.company_id = c.id AND m.user_id = p_user
        JOIN public.policy_grants g ON g.company_id = c.id AND g.version = c.policy_version AND (g.role_key = m.role_key OR g.user_id = p_user)
        WHERE c.id = app.company_id() AND g.effect = 'allow' AND (NOT p_end OR g.action IN ('admin:members', 'admin:policy'))
        AND NOT app.holds(g.action)
    );
END $$;
COMMENT ON FUNCTION app.may_manage(uuid, boolean) IS 'Whether the person holds what another member is allowed (for ending a membership: the rights to administer only).';

-- Whether the person may ask somebody into the company, in a role.
CREATE FUNCTION app.may_invite(p_role text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN app.may('admin:members', NULL, NULL) AND app.may_assign(p_role);
END $$;
COMMENT ON FUNCTION app.may_invite(text) IS 'Whether the person may ask somebody into the company in a role.';

ALTER FUNCTION app.may_assign(text) OWNER TO postil_definer;
ALTER FUNCTION app.may_manage(uuid, boolean) OWNER TO postil_definer;
ALTER FUNCTION app.may_invite(text) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.holds(text) TO postil_app, postil_definer;
GRANT EXECUTE ON FUNCTION app.may_assign(text), app.may_manage(uuid, boolean), app.may_invite(text) TO postil_app;
GRANT EXECUTE ON FUNCTION app.may_invite(text) TO postil_auth;

-- Refuses aloud, once a statement, what row-level security would pass over in silence.
CREATE FUNCTION app.administers() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    -- Two steps: other roles may not even name what the second asks.
    IF current_user = 'postil_app' THEN
        IF NOT coalesce(app.may(TG_ARGV[0], NULL, NULL), false) THEN
            RAISE EXCEPTION '% needs %', TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'insufficient_privilege', CONSTRAINT = TG_TABLE_NAME || '_administer';
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.administers() IS 'Trigger: a request without the right that it names is refused aloud.';

-- The guards below ask who is an active owner, with the rights of who makes the request.
GRANT SELECT (deleted_at) ON users TO postil_app;

-- --------------------------------------------------------------------------------------------------------- memberships

ALTER TABLE memberships ADD COLUMN version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN memberships.version IS 'Counts changes of the row, from 1: who changes a membership says which version they read.';

CREATE POLICY memberships_update ON memberships FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:members', NULL, NULL))) WITH CHECK ((SELECT app.may('admin:members', NULL, NULL)));
CREATE POLICY project_members_insert ON project_members FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND (SELECT app.may('admin:members', NULL, NULL)));
CREATE POLICY project_members_update ON project_members FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:members', NULL, NULL))) WITH CHECK ((SELECT app.may('admin:members', NULL, NULL)));
GRANT UPDATE (role_key, department_id, kind, job_title, status, updated_at) ON memberships TO postil_app;
GRANT INSERT ON project_members TO postil_app;
GRANT UPDATE (updated_at, deleted_at, deleted_by) ON project_members TO postil_app;

CREATE TRIGGER memberships_administer BEFORE INSERT OR UPDATE ON memberships FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:members');
CREATE TRIGGER project_members_administer BEFORE INSERT OR UPDATE ON project_members FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:members');

CREATE FUNCTION app.memberships_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.version := OLD.version + 1;
    IF current_user = 'postil_app' THEN
        IF NOT app.may_manage(OLD.user_id, NEW.status = 'deactivated' AND (NEW.role_key, NEW.department_id, NEW.kind) IS NOT DISTINCT FROM (OLD.role_key, OLD.department_id, OLD.kind))
            OR (NEW.role_key <> OLD.role_key AND NOT app.may_assign(NEW.role_key)) THEN
            RAISE EXCEPTION 'nobody grants what they do not hold' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'memberships_beyond';
        END IF;
    END IF;
    -- For every role: a company without an owner could never be administered again.
    IF OLD.role_key = 'owner' AND OLD.status = 'active' AND OLD.deleted_at IS NULL
        AND NOT (NEW.role_key = 'owner' AND NEW.status = 'active' AND NEW.deleted_at IS NULL) THEN
        -- Two owners who demote each other at the same time: the second waits here, and then sees what the first has done.
        PERFORM pg_advisory_xact_lock(hashtextextended('postil/owners/' || OLD.company_id::text, 0));
        IF NOT EXISTS (
            SELECT 1 FROM public.memberships m JOIN public.users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
            WHERE m.company_id = OLD.company_id AND m.role_key = 'owner' AND m.status = 'active' AND m.deleted_at IS NULL AND m.user_id <> OLD.user_id
        ) THEN
            RAISE EXCEPTION 'the last owner stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_last_owner';
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.memberships_guard() IS 'Trigger: counts versions; nobody grants what they do not hold; the last owner stays.';
CREATE TRIGGER memberships_guard BEFORE UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION app.memberships_guard();

CREATE FUNCTION app.project_members_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF current_user = 'postil_app' THEN
        IF NOT app.may_manage(NEW.user_id, false) THEN
            RAISE EXCEPTION 'nobody grants what they do not hold' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'project_members_beyond';
        END IF;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.project_members_guard() IS 'Trigger: who changes the projects of a member holds what that member is allowed.';
CREATE TRIGGER project_members_guard BEFORE INSERT OR UPDATE ON project_members FOR EACH ROW EXECUTE FUNCTION app.project_members_guard();

-- ------------------------------------------------------------------------------------------------------------- policies

CREATE POLICY roles_insert ON roles FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND (SELECT app.may('admin:policy', NULL, NULL)));
CREATE POLICY roles_update ON roles FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:policy', NULL, NULL))) WITH CHECK ((SELECT app.may('admin:policy', NULL, NULL)));
-- Only the version after the one in force can be written, and it is closed as soon as it is in force.
CREATE POLICY policies_insert ON policies FOR INSERT TO postil_app
    WITH CHECK (
        created_by = (SELECT app.user_id()) AND (SELECT app.may('admin:policy', NULL, NULL))
        AND version = (SELECT c.policy_version + 1 FROM companies c WHERE c.id = (SELECT app.company_id()))
    );
CREATE POLICY policy_grants_insert ON policy_grants FOR INSERT TO postil_app
    WITH CHECK (
        (SELECT app.may('admin:policy', NULL, NULL))
        AND version = (SELECT c.policy_version + 1 FROM companies c WHERE c.id = (SELECT app.company_id()))
    );
CREATE POLICY companies_policy ON companies FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:policy', NULL, NULL))) WITH CHECK ((SELECT app.may('admin:policy', NULL, NULL)));
GRANT INSERT ON roles, policies, policy_grants TO postil_app;
GRANT UPDATE (name, updated_at) ON roles TO postil_app;
GRANT UPDATE (policy_version, updated_at) ON companies TO postil_app;

CREATE TRIGGER roles_administer BEFORE INSERT OR UPDATE ON roles FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:policy');
CREATE TRIGGER policies_administer BEFORE INSERT ON policies FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:policy');
CREATE TRIGGER policy_grants_administer BEFORE INSERT ON policy_grants FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:policy');
CREATE TRIGGER companies_administer BEFORE UPDATE ON companies FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:policy');

-- A document as the rows that it must have been compiled to: said here once more, so that what wall 1 reads (the document)
-- and what wall 2 reads (the rows) can't be two different things, whoever wrote them.
CREATE FUNCTION app.policy_rows(p_document jsonb)
RETURNS TABLE (
    rule_id text, effect text, role_key text, user_id uuid, action text, scope text, target text,
    member_kind text, state text, valid_from timestamptz, valid_until timestamptz
) LANGUAGE sql STABLE
AS $$
    SELECT r.rule ->> 'id', r.rule ->> 'effect', s.role_key, s.user_id, a.action, r.rule -> 'scope' ->> 'type',
        CASE r.rule -> 'scope' ->> 'type'
            WHEN 'department' THEN substr(r.rule -> 'scope' ->> 'id', 5)::uuid::text
            WHEN 'project' THEN substr(r.rule -> 'scope' ->> 'id', 5)::uuid::text
            WHEN 'kind' THEN r.rule -> 'scope' ->> 'kind'
            WHEN 'record' THEN (r.rule -> 'scope' -> 'record' ->> 'kind') || '/' || (r.rule -> 'scope' -> 'record' ->> 'id')
        END,
        -- Both kinds are no condition.
        CASE WHEN jsonb_array_length(c.kinds) = 1 THEN c.kinds ->> 0 END, w.state,
        (r.rule -> 'conditions' ->> 'from')::timestamptz, (r.rule -> 'conditions' ->> 'until')::timestamptz
    FROM jsonb_array_elements(p_document -> 'rules') AS r (rule)
    CROSS JOIN LATERAL (
        SELECT nullif(r.rule -> 'conditions' -> 'memberKinds', 'null'), nullif(r.rule -> 'conditions' -> 'recordStates', 'null')
    ) AS c (kinds, states)
    CROSS JOIN LATERAL (
        SELECT x.value FROM jsonb_array_elements_text(coalesce(c.states, '[]')) AS x (value)
        UNION ALL
        SELECT NULL WHERE c.states IS NULL
    ) AS w (state)
    CROSS JOIN LATERAL (
        SELECT x.value, NULL::uuid FROM jsonb_array_elements_text(coalesce(r.rule -> 'roles', '[]')) AS x (value)
        UNION ALL
        SELECT NULL, substr(x.value, 5)::uuid FROM jsonb_array_elements_text(coalesce(r.rule -> 'users', '[]')) AS x (value)
    ) AS s (role_key, user_id)
    CROSS JOIN LATERAL jsonb_array_elements_text(r.rule -> 'actions') AS a (action)
    -- A condition that nothing meets compiles to no row.
    WHERE c.kinds IS DISTINCT FROM '[]' AND c.states IS DISTINCT FROM '[]'
$$;
COMMENT ON FUNCTION app.policy_rows(jsonb) IS 'The rows of policy_grants that a policy document must have been compiled to.';
GRANT EXECUTE ON FUNCTION app.policy_rows(jsonb) TO postil_app;

-- What a rule's row says, without its place: two rows that say the same grant the same.
CREATE FUNCTION app.grant_says(p_grant policy_grants) RETURNS jsonb LANGUAGE sql STABLE
AS $$ SELECT to_jsonb(p_grant) - ARRAY['version', 'ordinal', 'rule_id'] $$;
COMMENT ON FUNCTION app.grant_says(policy_grants) IS 'What a row of a policy grants, without its version, place and rule.';
GRANT EXECUTE ON FUNCTION app.grant_says(policy_grants) TO postil_app;

CREATE FUNCTION app.policy_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
DECLARE
    v_document jsonb;
BEGIN
    -- The house (set-up, seed, an operator) answers for itself.
    IF current_user <> 'postil_app' THEN RETURN NEW; END IF;
    SELECT p.document INTO v_document FROM public.policies p WHERE p.company_id = NEW.id AND p.version = NEW.policy_version;
    IF NOT FOUND OR NEW.policy_version <> OLD.policy_version + 1 THEN
        RAISE EXCEPTION 'the next version comes into force, and no other' USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_next';
    END IF;
    IF EXISTS (
        (SELECT g.rule_id, g.effect, g.role_key, g.user_id, g.action, g.scope, g.target,
                g.member_kind, g.state, g.valid_from, g.valid_until FROM public.policy_grants g
            WHERE g.company_id = NEW.id AND g.version = NEW.policy_version
         EXCEPT SELECT * FROM app.policy_rows(v_document))
        UNION ALL
        (SELECT * FROM app.policy_rows(v_document)
         EXCEPT SELECT g.rule_id, g.effect, g.role_key, g.user_id, g.action, g.scope, g.target,
                g.member_kind, g.state, g.valid_from, g.valid_until FROM public.policy_grants g
            WHERE g.company_id = NEW.id AND g.version = NEW.policy_version)
    ) THEN
        RAISE EXCEPTION 'the rows are not those of the document' USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_compiled';
    END IF;
    -- Nobody grants what they do not hold: neither by a new allow nor by lifting a deny. What was granted before may stay.
    IF EXISTS (
        SELECT 1 FROM public.policy_grants g
        WHERE g.company_id = NEW.id AND g.version = NEW.policy_version AND g.effect = 'allow'
        AND (NOT app.holds(g.action) OR g.token = ANY (app.denied(g.action)))
        AND app.grant_says(g) NOT IN (
            SELECT app.grant_says(o) FROM public.policy_grants o WHERE o.company_id = NEW.id AND o.version = OLD.policy_version AND o.effect = 'allow'
        )
    ) OR EXISTS (
        -- A deny that names the editor is somebody else's to lift. One for their role is theirs, or nobody could ever lift it.
        SELECT 1 FROM public.policy_grants o
        WHERE o.company_id = NEW.id AND o.version = OLD.policy_version AND o.effect = 'deny'
        AND (o.user_id = app.user_id() OR NOT '*' = ANY (app.allowed(o.action)))
        AND app.grant_says(o) NOT IN (
            SELECT app.grant_says(g) FROM public.policy_grants g WHERE g.company_id = NEW.id AND g.version = NEW.policy_version AND g.effect = 'deny'
        )
    ) THEN
        RAISE EXCEPTION 'nobody grants what they do not hold' USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'policies_beyond';
    END IF;
    -- Some owner can still administer the company.
    IF (SELECT count(DISTINCT g.action) FROM public.policy_grants g
        WHERE g.company_id = NEW.id AND g.version = NEW.policy_version AND g.effect = 'allow' AND g.role_key = 'owner'
        AND g.scope = 'company' AND g.action IN ('admin:members', 'admin:policy')
        -- Under no condition.
        AND num_nonnulls(to_jsonb(g) ->> 'member_kind', to_jsonb(g) ->> 'state', to_jsonb(g) ->> 'valid_from', to_jsonb(g) ->> 'valid_until') = 0) < 2
    OR NOT EXISTS (
        SELECT 1 FROM public.memberships m JOIN public.users u ON u.id = m.user_id AND u.status = 'active' AND u.deleted_at IS NULL
        WHERE m.company_id = NEW.id AND m.role_key = 'owner' AND m.status = 'active' AND m.deleted_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM public.policy_grants g
            WHERE g.company_id = NEW.id AND g.version = NEW.policy_version AND g.effect = 'deny' AND (g.role_key = 'owner' OR g.user_id = m.user_id)
            AND g.action IN ('admin:members', 'admin:policy') AND g.scope IN ('company', 'unlinked') AND to_jsonb(g) ->> 'state' IS NULL
        )
    ) THEN
        RAISE EXCEPTION 'an owner administers the company' USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_owner';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.policy_guard() IS 'Trigger: a request puts the next version in force, compiled from its document, granting no more than its editor holds and leaving an owner who administers.';
CREATE TRIGGER companies_policy_guard BEFORE UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION app.policy_guard();

-- ---------------------------------------------------------------------------------------------------------- invitations

CREATE TABLE invitations (
    company_id  uuid NOT NULL REFERENCES companies (id),
    id          uuid NOT NULL,
    email       text NOT NULL CHECK (email = lower(email) AND octet_length(email) BETWEEN 3 AND 254),
    name        text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    role_key    text NOT NULL CHECK (role_key <> 'integration'),
    kind        text NOT NULL CHECK (kind IN ('internal', 'external')),
    token_hash  bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    created_at  timestamptz NOT NULL,
    created_by  uuid REFERENCES users (id),
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES users (id),
    revoked_at  timestamptz,
    revoked_by  uuid REFERENCES users (id),
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, role_key) REFERENCES roles (company_id, key),
    CONSTRAINT invitations_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
-- One that can be accepted for each address; and the question that acceptance begins with.
CREATE UNIQUE INDEX invitations_open ON invitations (company_id, email) WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX invitations_token ON invitations (token_hash);
COMMENT ON TABLE invitations IS 'People asked into a company. One row per asking; a secret link accepts it once.';
COMMENT ON COLUMN invitations.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN invitations.id IS 'UUIDv7. Never changes.';
COMMENT ON COLUMN invitations.email IS 'Who is asked, lower case. Never changes.';
COMMENT ON COLUMN invitations.name IS 'How they are called until they say themselves. Never changes.';
COMMENT ON COLUMN invitations.role_key IS 'The role that they will have. Never changes.';
COMMENT ON COLUMN invitations.kind IS 'internal or external. Never changes.';
COMMENT ON COLUMN invitations.token_hash IS 'SHA-256 of the link''s secret. Never changes; no request reads it.';
COMMENT ON COLUMN invitations.created_at IS 'When the row was made. Never changes.';
COMMENT ON COLUMN invitations.created_by IS 'Who asked; null: the operator. Their rights are looked at again at acceptance. Never changes.';
COMMENT ON COLUMN invitations.expires_at IS 'From when on the link opens nothing. Never changes.';
COMMENT ON COLUMN invitations.accepted_at IS 'When it was accepted; null: it was not.';
COMMENT ON COLUMN invitations.accepted_by IS 'The account that accepted; null: none did.';
COMMENT ON COLUMN invitations.revoked_at IS 'When it was withdrawn; null: it was not.';
COMMENT ON COLUMN invitations.revoked_by IS 'Who withdrew it; null: nobody did.';

ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY invitations_tenant ON invitations AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
    USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()));
CREATE POLICY invitations_members ON invitations AS RESTRICTIVE TO postil_app USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()));
CREATE POLICY invitations_house ON invitations TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true);
CREATE POLICY invitations_auth_read ON invitations FOR SELECT TO postil_auth USING (true);
CREATE POLICY invitations_auth_update ON invitations FOR UPDATE TO postil_auth USING (true) WITH CHECK (true);
CREATE POLICY invitations_read ON invitations FOR SELECT TO postil_app USING ((SELECT app.may('admin:members', NULL, NULL)));
CREATE POLICY invitations_insert ON invitations FOR INSERT TO postil_app
    WITH CHECK (created_by = (SELECT app.user_id()) AND accepted_at IS NULL AND revoked_at IS NULL AND app.may_invite(role_key));
CREATE POLICY invitations_update ON invitations FOR UPDATE TO postil_app
    USING ((SELECT app.may('admin:members', NULL, NULL))) WITH CHECK (revoked_by = (SELECT app.user_id()));
GRANT INSERT ON invitations TO postil_app;
GRANT SELECT (company_id, id, email, name, role_key, kind, created_at, created_by, expires_at, accepted_at, accepted_by, revoked_at, revoked_by)
    ON invitations TO postil_app;
GRANT UPDATE (revoked_at, revoked_by) ON invitations TO postil_app;
GRANT SELECT ON invitations TO postil_auth;
GRANT UPDATE (accepted_at, accepted_by) ON invitations TO postil_auth;
GRANT INSERT ON users, memberships TO postil_auth;
CREATE POLICY memberships_auth_insert ON memberships FOR INSERT TO postil_auth WITH CHECK (true);
CREATE TRIGGER invitations_administer BEFORE INSERT OR UPDATE ON invitations FOR EACH STATEMENT EXECUTE FUNCTION app.administers('admin:members');

-- What acceptance must know before there is a person: whose it is, and the password that an account of that address has.
CREATE FUNCTION auth.invitation_find(p_hash bytea, p_at timestamptz) RETURNS TABLE (email text, user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT i.email, u.id, u.password_hash FROM public.invitations i LEFT JOIN public.users u ON u.email = i.email
    WHERE i.token_hash = p_hash AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > p_at
$$;
COMMENT ON FUNCTION auth.invitation_find(bytea, timestamptz) IS 'Whom an open invitation is for, with the account of that address if there is one; no row: the link opens nothing.';

-- Accepts once. With a password hash the account is made; without, it is the one of that address. Null: it opens nothing.
CREATE FUNCTION auth.invitation_accept(p_hash bytea, p_user uuid, p_name text, p_password_hash text, p_at timestamptz)
RETURNS TABLE (company_id uuid, company_name text, email text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
#variable_conflict use_column
DECLARE
    v_invitation record;
    v_may boolean := true;
BEGIN
    SELECT i.company_id, i.id, i.email, i.role_key, i.kind, i.created_by INTO v_invitation FROM public.invitations i
    WHERE i.token_hash = p_hash AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > p_at FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    -- Who asked must still be somebody who may: a link made before a demotion must not outlive it.
    IF v_invitation.created_by IS NOT NULL THEN
        PERFORM app.enter(v_invitation.created_by, v_invitation.company_id);
        v_may := app.may_invite(v_invitation.role_key);
    END IF;
    PERFORM app.enter(NULL, NULL);
    IF NOT v_may THEN RETURN; END IF;
    IF p_password_hash IS NULL THEN
        -- An account without a password has no way to prove itself: a link in somebody's hands must not become its first.
        PERFORM 1 FROM public.users u
        WHERE u.id = p_user AND u.email = v_invitation.email AND u.status = 'active' AND u.deleted_at IS NULL AND u.password_hash IS NOT NULL;
        IF NOT FOUND THEN RETURN; END IF;
    ELSE
        INSERT INTO public.users (id, email, name, password_hash, created_at, created_by, updated_at)
        VALUES (p_user, v_invitation.email, p_name, p_password_hash, p_at, v_invitation.created_by, p_at) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    INSERT INTO public.memberships (company_id, user_id, role_key, kind, created_at, created_by, updated_at)
    VALUES (v_invitation.company_id, p_user, v_invitation.role_key, v_invitation.kind, p_at, v_invitation.created_by, p_at) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE public.invitations i SET accepted_at = p_at, accepted_by = p_user
    WHERE i.company_id = v_invitation.company_id AND i.id = v_invitation.id;
    RETURN QUERY SELECT c.id, c.name, v_invitation.email FROM public.companies c WHERE c.id = v_invitation.company_id;
END $$;
COMMENT ON FUNCTION auth.invitation_accept(bytea, uuid, text, text, timestamptz) IS 'Accepts an invitation once: makes the account or takes the one of that address, and the membership. No row: it opens nothing.';
ALTER FUNCTION auth.invitation_find(bytea, timestamptz) OWNER TO postil_auth;
ALTER FUNCTION auth.invitation_accept(bytea, uuid, text, text, timestamptz) OWNER TO postil_auth;
GRANT EXECUTE ON FUNCTION auth.invitation_find(bytea, timestamptz), auth.invitation_accept(bytea, uuid, text, text, timestamptz) TO postil_app;

-- -------------------------------------------------------------------------------------------------------------- history

ALTER TABLE companies ADD COLUMN history_from timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN companies.history_from IS 'Since when the history of memberships and records is whole. Never changes.';

CREATE TABLE membership_history (
    company_id    uuid NOT NULL,
    user_id       uuid NOT NULL,
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz,
    role_key      text NOT NULL,
    department_id uuid,
    projects      uuid[] NOT NULL,
    kind          text NOT NULL,
    status        text NOT NULL,
    PRIMARY KEY (company_id, user_id, valid_from),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    CONSTRAINT membership_history_forward CHECK (valid_to > valid_from)
);
CREATE UNIQUE INDEX membership_history_present ON membership_history (company_id, user_id) WHERE valid_to IS NULL;
COMMENT ON TABLE membership_history IS 'What each member was, and when: one row per state, kept by triggers on memberships and project_members.';
COMMENT ON COLUMN membership_history.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN membership_history.user_id IS 'Who. Never changes.';
COMMENT ON COLUMN membership_history.valid_from IS 'Since when. Never changes.';
COMMENT ON COLUMN membership_history.valid_to IS 'Until when, that moment not included; null: still.';
COMMENT ON COLUMN membership_history.role_key IS 'Their role then.';
COMMENT ON COLUMN membership_history.department_id IS 'Their department then; null: none.';
COMMENT ON COLUMN membership_history.projects IS 'Their projects then, in order of id.';
COMMENT ON COLUMN membership_history.kind IS 'internal or external, then.';
COMMENT ON COLUMN membership_history.status IS 'active or deactivated, then; deactivated also stands for a deleted row.';

CREATE TABLE record_history (
    company_id    uuid NOT NULL,
    kind          text NOT NULL,
    record_id     text NOT NULL,
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz,
    owner_id      uuid,
    department_id uuid,
    project_id    uuid,
    state         text,
    is_deleted    boolean NOT NULL,
    PRIMARY KEY (company_id, kind, record_id, valid_from),
    FOREIGN KEY (company_id, kind, record_id) REFERENCES linked_records (company_id, kind, id),
    CONSTRAINT record_history_forward CHECK (valid_to > valid_from)
);
CREATE UNIQUE INDEX record_history_present ON record_history (company_id, kind, record_id) WHERE valid_to IS NULL;
COMMENT ON TABLE record_history IS 'What policies looked at in each record, and when: one row per state, kept by a trigger on linked_records.';
COMMENT ON COLUMN record_history.company_id IS 'The company whose row this is: first in every key, checked by row-level security. Never changes.';
COMMENT ON COLUMN record_history.kind IS 'transaction, plan or topic. Never changes.';
COMMENT ON COLUMN record_history.record_id IS 'The ERP''s id. Never changes.';
COMMENT ON COLUMN record_history.valid_from IS 'Since when. Never changes.';
COMMENT ON COLUMN record_history.valid_to IS 'Until when, that moment not included; null: still.';
COMMENT ON COLUMN record_history.owner_id IS 'Its owner then; null: none.';
COMMENT ON COLUMN record_history.department_id IS 'Its department then; null: none.';
COMMENT ON COLUMN record_history.project_id IS 'Its project then; null: none.';
COMMENT ON COLUMN record_history.state IS 'Its status then, in the ERP''s spelling; null: none.';
COMMENT ON COLUMN record_history.is_deleted IS 'Whether it was deleted then.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['membership_history', 'record_history'] LOOP
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
-- One's own past, or anybody's for who administers the policy; a record's for who sees the record.
CREATE POLICY membership_history_read ON membership_history FOR SELECT TO postil_app
    USING (user_id = (SELECT app.user_id()) OR (SELECT app.may('admin:policy', NULL, NULL)));
CREATE POLICY record_history_read ON record_history FOR SELECT TO postil_app
    USING (EXISTS (
        SELECT 1 FROM linked_records r
        WHERE r.company_id = record_history.company_id AND r.kind = record_history.kind AND r.id = record_history.record_id
    ));
GRANT SELECT ON membership_history, record_history TO postil_app;
GRANT SELECT, INSERT, UPDATE ON membership_history, record_history TO postil_definer;
-- To lock the row, so that two changes of one person's projects follow each other.
GRANT UPDATE (updated_at) ON memberships TO postil_definer;

CREATE FUNCTION app.membership_history_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    v_company uuid := (v_row ->> 'company_id')::uuid;
    v_user uuid := (v_row ->> 'user_id')::uuid;
    v_before text := current_setting('app.company_id', true);
    v_is record;
    v_was record;
    v_projects uuid[];
    v_at timestamptz;
BEGIN
    PERFORM set_config('app.company_id', v_company::text, true);
    SELECT m.role_key, m.department_id, m.kind, CASE WHEN m.deleted_at IS NULL THEN m.status ELSE 'deactivated' END AS status
    INTO v_is FROM public.memberships m WHERE m.company_id = v_company AND m.user_id = v_user FOR NO KEY UPDATE;
    IF FOUND THEN
        v_projects := ARRAY(
            SELECT p.project_id FROM public.project_members p
            WHERE p.company_id = v_company AND p.user_id = v_user AND p.deleted_at IS NULL ORDER BY p.project_id
        );
        SELECT h.valid_from, h.role_key, h.department_id, h.projects, h.kind, h.status INTO v_was FROM public.membership_history h
        WHERE h.company_id = v_company AND h.user_id = v_user AND h.valid_to IS NULL;
        IF NOT FOUND OR (v_was.role_key, v_was.department_id, v_was.projects, v_was.kind, v_was.status)
            IS DISTINCT FROM (v_is.role_key, v_is.department_id, v_projects, v_is.kind, v_is.status) THEN
            v_at := greatest(clock_timestamp(), v_was.valid_from + interval '1 microsecond');
            UPDATE public.membership_history h SET valid_to = v_at WHERE h.company_id = v_company AND h.user_id = v_user AND h.valid_to IS NULL;
            INSERT INTO public.membership_history (company_id, user_id, valid_from, role_key, department_id, projects, kind, status)
            VALUES (v_company, v_user, v_at, v_is.role_key, v_is.department_id, v_projects, v_is.kind, v_is.status);
        END IF;
    END IF;
    PERFORM set_config('app.company_id', coalesce(v_before, ''), true);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.membership_history_keep() IS 'Trigger: closes what a member was and begins what they are now.';
ALTER FUNCTION app.membership_history_keep() OWNER TO postil_definer;
CREATE TRIGGER memberships_history AFTER INSERT OR UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION app.membership_history_keep();
CREATE TRIGGER project_members_history AFTER INSERT OR UPDATE OR DELETE ON project_members FOR EACH ROW EXECUTE FUNCTION app.membership_history_keep();

CREATE FUNCTION app.record_history_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    v_before text := current_setting('app.company_id', true);
    v_state text := NEW.status;
    v_was record;
    v_at timestamptz;
BEGIN
    PERFORM set_config('app.company_id', NEW.company_id::text, true);
    SELECT h.valid_from, h.owner_id, h.department_id, h.project_id, h.state, h.is_deleted INTO v_was FROM public.record_history h
    WHERE h.company_id = NEW.company_id AND h.kind = NEW.kind AND h.record_id = NEW.id AND h.valid_to IS NULL;
    IF NOT FOUND OR (v_was.owner_id, v_was.department_id, v_was.project_id, v_was.state, v_was.is_deleted)
        IS DISTINCT FROM (NEW.owner_id, NEW.department_id, NEW.project_id, v_state, NEW.deleted_at IS NOT NULL) THEN
        v_at := greatest(clock_timestamp(), v_was.valid_from + interval '1 microsecond');
        UPDATE public.record_history h SET valid_to = v_at
        WHERE h.company_id = NEW.company_id AND h.kind = NEW.kind AND h.record_id = NEW.id AND h.valid_to IS NULL;
        INSERT INTO public.record_history (company_id, kind, record_id, valid_from, owner_id, department_id, project_id, state, is_deleted)
        VALUES (NEW.company_id, NEW.kind, NEW.id, v_at, NEW.owner_id, NEW.department_id, NEW.project_id, v_state, NEW.deleted_at IS NOT NULL);
    END IF;
    PERFORM set_config('app.company_id', coalesce(v_before, ''), true);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION app.record_history_keep() IS 'Trigger: closes what a record was and begins what it is now.';
ALTER FUNCTION app.record_history_keep() OWNER TO postil_definer;
CREATE TRIGGER linked_records_history AFTER INSERT OR UPDATE ON linked_records FOR EACH ROW EXECUTE FUNCTION app.record_history_keep();

-- What is there already begins now. The owner is bound to one company at a time like everyone: for this once, it is not.
ALTER TABLE memberships NO FORCE ROW LEVEL SECURITY;
ALTER TABLE project_members NO FORCE ROW LEVEL SECURITY;
ALTER TABLE linked_records NO FORCE ROW LEVEL SECURITY;
ALTER TABLE membership_history NO FORCE ROW LEVEL SECURITY;
ALTER TABLE record_history NO FORCE ROW LEVEL SECURITY;
INSERT INTO membership_history (company_id, user_id, valid_from, role_key, department_id, projects, kind, status)
SELECT m.company_id, m.user_id, now(), m.role_key, m.department_id, ARRAY(
        SELECT p.project_id FROM project_members p
        WHERE p.company_id = m.company_id AND p.user_id = m.user_id AND p.deleted_at IS NULL ORDER BY p.project_id
    ), m.kind, CASE WHEN m.deleted_at IS NULL THEN m.status ELSE 'deactivated' END
FROM memberships m;
INSERT INTO record_history (company_id, kind, record_id, valid_from, owner_id, department_id, project_id, state, is_deleted)
SELECT r.company_id, r.kind, r.id, now(), r.owner_id, r.department_id, r.project_id, r.status, r.deleted_at IS NOT NULL
FROM linked_records r;
ALTER TABLE memberships FORCE ROW LEVEL SECURITY;
ALTER TABLE project_members FORCE ROW LEVEL SECURITY;
ALTER TABLE linked_records FORCE ROW LEVEL SECURITY;
ALTER TABLE membership_history FORCE ROW LEVEL SECURITY;
ALTER TABLE record_history FORCE ROW LEVEL SECURITY;

REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
