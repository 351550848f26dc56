-- Foundations: the two settings that every policy reads, and the people and companies that exist outside any company.
--
-- Roles (made by script/sql/roles.sql, none with SUPERUSER or BYPASSRLS):
--   postil_owner    owns everything, can't log in; bound to one company at a time like everyone else
--   postil_definer  owns the few SECURITY DEFINER helpers that policies call; same bound
--   postil_auth     owns sign-in: may cross companies, but only on the tables of this file and sessions
--   postil_app      the server's requests
--   postil_worker   the hub and the jobs: sees a whole company, one at a time

CREATE SCHEMA app;
CREATE SCHEMA auth;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public, app TO postil_app, postil_worker, postil_definer, postil_auth;
GRANT USAGE ON SCHEMA auth TO postil_app;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- A transaction-local setting is '' (not NULL) on a pooled connection afterwards: nullif makes that "nobody", which sees nothing.
CREATE FUNCTION app.user_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;

CREATE FUNCTION app.company_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.company_id', true), '')::uuid $$;

-- Sets both for the present transaction. Always local: a session-wide setting would leak to the next user of the connection.
-- One expression, so that PostgreSQL inlines it. What it returns is of no use.
CREATE FUNCTION app.enter(p_user uuid, p_company uuid) RETURNS text LANGUAGE sql VOLATILE
AS $$
    SELECT set_config('app.user_id', coalesce(p_user::text, ''), true) || set_config('app.company_id', coalesce(p_company::text, ''), true)
$$;

CREATE TABLE companies (
    id              uuid PRIMARY KEY,
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    slug            text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9-]{1,40}$'),
    hue             smallint NOT NULL CHECK (hue BETWEEN 0 AND 359),
    reply_depth_max smallint NOT NULL DEFAULT 8 CHECK (reply_depth_max BETWEEN 0 AND 32),
    edit_window_s   integer NOT NULL DEFAULT 900 CHECK (edit_window_s BETWEEN 0 AND 31536000),
    embed_origins   text[] NOT NULL DEFAULT '{}',
    policy_version  integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    deleted_by      uuid
);

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email) AND octet_length(email) BETWEEN 3 AND 254),
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    locale        text NOT NULL DEFAULT 'en' CHECK (octet_length(locale) BETWEEN 2 AND 35),
    time_zone     text NOT NULL DEFAULT 'UTC' CHECK (octet_length(time_zone) BETWEEN 1 AND 64),
    password_hash text,
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deactivated')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid REFERENCES users (id),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    deleted_by    uuid REFERENCES users (id)
);

ALTER TABLE companies
    ADD CONSTRAINT companies_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id),
    ADD CONSTRAINT companies_deleted_by_fkey FOREIGN KEY (deleted_by) REFERENCES users (id);

-- The catalogue of actions: policies can name nothing else.
CREATE TABLE permissions (
    action      text PRIMARY KEY,
    description text NOT NULL
);
INSERT INTO permissions (action, description) VALUES
    ('message:create', 'Begin a thread'),
    ('message:read', 'Read a message''s text'),
    ('message:reply', 'Answer a message'),
    ('message:edit', 'Edit one''s own message within the window'),
    ('message:delete', 'Delete one''s own message'),
    ('thread:read', 'See that a conversation and its record exist'),
    ('presence:read', 'See who is online'),
    ('attachment:upload', 'Attach a file'),
    ('attachment:read', 'Open a file'),
    ('admin:moderate', 'Delete other people''s messages'),
    ('admin:export', 'Export conversations'),
    ('admin:records', 'Keep the registry of linked records current'),
    ('admin:members', 'Change memberships and roles'),
    ('admin:policy', 'Change the policy');

CREATE TABLE roles (
    company_id uuid NOT NULL REFERENCES companies (id),
    key        text NOT NULL CHECK (key ~ '^[a-z0-9_]{1,40}$'),
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deleted_by uuid REFERENCES users (id),
    PRIMARY KEY (company_id, key)
);

CREATE TABLE departments (
    company_id uuid NOT NULL REFERENCES companies (id),
    id         uuid NOT NULL,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deleted_by uuid REFERENCES users (id),
    PRIMARY KEY (company_id, id)
);

CREATE TABLE projects (
    company_id uuid NOT NULL REFERENCES companies (id),
    id         uuid NOT NULL,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deleted_by uuid REFERENCES users (id),
    PRIMARY KEY (company_id, id)
);

-- Never deleted: a membership that ended is deactivated, so that authors keep their names and keys keep their targets.
CREATE TABLE memberships (
    company_id    uuid NOT NULL REFERENCES companies (id),
    user_id       uuid NOT NULL REFERENCES users (id),
    role_key      text NOT NULL,
    department_id uuid,
    kind          text NOT NULL DEFAULT 'internal' CHECK (kind IN ('internal', 'external')),
    job_title     text CHECK (char_length(job_title) BETWEEN 1 AND 80),
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deactivated')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid REFERENCES users (id),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    deleted_by    uuid REFERENCES users (id),
    PRIMARY KEY (company_id, user_id),
    FOREIGN KEY (company_id, role_key) REFERENCES roles (company_id, key),
    FOREIGN KEY (company_id, department_id) REFERENCES departments (company_id, id)
);
-- "My companies": the one question that starts from the person.
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE project_members (
    company_id uuid NOT NULL,
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    deleted_by uuid REFERENCES users (id),
    PRIMARY KEY (company_id, user_id, project_id),
    FOREIGN KEY (company_id, project_id) REFERENCES projects (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);

-- A version never changes: servers cache it for ever.
CREATE TABLE policies (
    company_id uuid NOT NULL REFERENCES companies (id),
    version    integer NOT NULL CHECK (version > 0),
    document   jsonb NOT NULL,
    comment    text NOT NULL DEFAULT '' CHECK (char_length(comment) <= 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    PRIMARY KEY (company_id, version)
);

-- The document's rules, one row for each subject and action: what row-level security reads.
CREATE TABLE policy_grants (
    company_id uuid NOT NULL,
    version    integer NOT NULL,
    ordinal    integer NOT NULL,
    rule_id    text NOT NULL,
    effect     text NOT NULL CHECK (effect IN ('allow', 'deny')),
    role_key   text,
    user_id    uuid,
    action     text NOT NULL REFERENCES permissions (action),
    scope      text NOT NULL CHECK (scope IN ('company', 'unlinked', 'department', 'own_department', 'project', 'own_projects', 'kind', 'record', 'own_records')),
    target     text,
    -- What a verdict compares with linked_records.scope_tokens, and under which name a transaction remembers it. A word with $
    -- stands for the person's own.
    token      text NOT NULL GENERATED ALWAYS AS (CASE scope
        WHEN 'company' THEN '*'
        WHEN 'unlinked' THEN 'u'
        WHEN 'department' THEN 'd:' || target
        WHEN 'own_department' THEN '$department'
        WHEN 'project' THEN 'p:' || target
        WHEN 'own_projects' THEN '$projects'
        WHEN 'kind' THEN 'k:' || target
        WHEN 'record' THEN 'r:' || target
        WHEN 'own_records' THEN '$records'
    END) STORED,
    setting    text NOT NULL GENERATED ALWAYS AS ('app.' || effect || '_' || replace(action, ':', '_')) STORED,
    PRIMARY KEY (company_id, version, ordinal),
    FOREIGN KEY (company_id, version) REFERENCES policies (company_id, version),
    FOREIGN KEY (company_id, role_key) REFERENCES roles (company_id, key),
    CONSTRAINT policy_grants_one_subject CHECK (num_nonnulls(role_key, user_id) = 1),
    CONSTRAINT policy_grants_target CHECK ((target IS NOT NULL) = (scope IN ('department', 'project', 'kind', 'record'))),
    -- Targets travel in lists: no character of one may end or quote a member.
    CONSTRAINT policy_grants_plain_target CHECK (target ~ '^[A-Za-z0-9._/:#-]{1,200}$')
);
-- A verdict starts from the subject: its role's rows and its own.
CREATE INDEX policy_grants_role ON policy_grants (company_id, version, role_key) INCLUDE (setting, token) WHERE role_key IS NOT NULL;
CREATE INDEX policy_grants_user ON policy_grants (company_id, version, user_id) INCLUDE (setting, token) WHERE user_id IS NOT NULL;

CREATE TABLE sessions (
    id            uuid PRIMARY KEY,
    token_hash    bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id       uuid NOT NULL REFERENCES users (id),
    company_id    uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('browser', 'embed')),
    context_epoch integer NOT NULL DEFAULT 1,
    origin        text CHECK (octet_length(origin) <= 255),
    created_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE realtime_tickets (
    ticket_hash bytea PRIMARY KEY CHECK (octet_length(ticket_hash) = 32),
    session_id  uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at  timestamptz NOT NULL
);

CREATE TABLE api_keys (
    company_id uuid NOT NULL,
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    key_hash   bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid REFERENCES users (id),
    revoked_at timestamptz,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);

CREATE TABLE embed_keys (
    company_id    uuid NOT NULL REFERENCES companies (id),
    kid           text NOT NULL CHECK (kid ~ '^[A-Za-z0-9_-]{1,40}$'),
    secret_sealed bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid REFERENCES users (id),
    retired_at    timestamptz,
    PRIMARY KEY (company_id, kid)
);

CREATE TABLE embed_token_uses (
    company_id uuid NOT NULL REFERENCES companies (id),
    jti        text NOT NULL CHECK (octet_length(jti) BETWEEN 8 AND 128),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (company_id, jti)
);
