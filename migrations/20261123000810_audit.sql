-- The audit log, chained: each entry holds the hash of the one before it, computed here, so that no writer can skip it and
-- nobody can change, drop or insert an entry without breaking every hash behind it. Signed checkpoints (audit_checkpoints)
-- hold the end of the chain. docs/audit.md says what is logged, and what this proves and what not.
--
-- Who writes:
--   * app.audit()        a request, in its own transaction, under its own name;
--   * app.note_audit()   functions of sign-in and triggers, which have no company at hand;
--   * app.audit_change() trigger, at the end of the transaction: memberships, roles, departments, projects, policies in force,
--                        settings, keys, access of records. Changes by hand are seen like those of services, which therefore
--                        write no entries of their own for these. app.correlation, where a request has set it, is told along.
--
-- Lock order: sessions, conversations, records first, the company's stream last; several streams in the order of their ids.
-- Only adds: servers of generation 2 call the same functions as before.
GRANT CREATE ON SCHEMA app, auth TO postil_definer, postil_auth;

-- ------------------------------------------------------------------------------------------------------------ canonical

-- An id as it is on the wire.
CREATE FUNCTION app.wire_id(p_prefix text, p_id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT p_prefix || '_' || replace(p_id::text, '-', '') $$;
COMMENT ON FUNCTION app.wire_id(text, uuid) IS 'An id as it is on the wire: prefix, underscore, 32 hexadecimal digits. Null for null.';

-- RFC 8785 for the values that occur: keys sorted (ASCII, so bytes and UTF-16 units agree), no spaces, integers that a double
-- holds exactly, the shortest escapes. Whatever has no such form is refused rather than approximated.
-- src/backend/audit/canonical.rs writes the same bytes; a property test compares the two.
CREATE FUNCTION app.canonical(p_value jsonb, p_depth integer) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
    CASE jsonb_typeof(p_value)
    WHEN 'object', 'array' THEN
        IF p_depth >= 16 THEN
            RAISE EXCEPTION 'nested too deeply for the audit log' USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_log_canonical';
        END IF;
        IF jsonb_typeof(p_value) = 'array' THEN
            RETURN '[' || coalesce((
                SELECT string_agg(app.canonical(e.value, p_depth + 1), ',' ORDER BY e.ordinality)
                FROM jsonb_array_elements(p_value) WITH ORDINALITY AS e
            ), '') || ']';
        END IF;
        IF EXISTS (SELECT 1 FROM jsonb_object_keys(p_value) AS k WHERE k !~ '^[A-Za-z0-9_.:/-]{1,80}$') THEN
            RAISE EXCEPTION 'this key can''t stand in the audit log' USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_log_canonical';
        END IF;
        RETURN '{' || coalesce((
            SELECT string_agg('"' || e.key || '":' || app.canonical(e.value, p_depth + 1), ',' ORDER BY e.key COLLATE "C")
            FROM jsonb_each(p_value) AS e
        ), '') || '}';
    WHEN 'number' THEN
        IF p_value::text !~ '^-?[0-9]{1,16}$' OR abs(p_value::text::numeric) > 9007199254740991 THEN
            RAISE EXCEPTION 'the audit log holds whole numbers up to 2^53 - 1' USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_log_canonical';
        END IF;
        RETURN p_value::text;
    ELSE
        RETURN p_value::text;
    END CASE;
END $$;
COMMENT ON FUNCTION app.canonical(jsonb, integer) IS 'JSON as the audit log hashes it (RFC 8785 for the values that occur); the second argument counts nesting, 0 to begin with. Refuses what has no such form.';

-- What is hashed: all that an entry says, and the hash before it.
CREATE FUNCTION app.audit_text(
    p_company uuid, p_seq bigint, p_action text, p_actor uuid, p_target text, p_detail jsonb, p_correlation uuid, p_at timestamptz, p_prev bytea
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT '{"action":' || to_json(p_action)::text
        || ',"actor":' || coalesce('"' || app.wire_id('usr', p_actor) || '"', 'null')
        || ',"at":' || (extract(epoch FROM p_at) * 1000000)::bigint::text
        || ',"company":"' || app.wire_id('cmp', p_company) || '"'
        || ',"correlation":' || coalesce('"' || app.wire_id('cor', p_correlation) || '"', 'null')
        || ',"detail":' || app.canonical(p_detail, 0)
        || ',"prev_hash":"' || encode(p_prev, 'hex') || '"'
        || ',"seq":' || p_seq::text
        || ',"target":' || to_json(p_target)::text
        || ',"v":1}'
$$;
COMMENT ON FUNCTION app.audit_text(uuid, bigint, text, uuid, text, jsonb, uuid, timestamptz, bytea) IS 'The canonical text of an audit entry: what its hash is of.';

-- ------------------------------------------------------------------------------------------------------------- the chain

ALTER TABLE company_stream
    ADD COLUMN audit_hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
        CHECK (octet_length(audit_hash) = 32),
    ADD COLUMN checkpoint_seq bigint NOT NULL DEFAULT 0 CHECK (checkpoint_seq >= 0),
    ADD COLUMN checkpoint_at timestamptz;
COMMENT ON COLUMN company_stream.audit_hash IS 'SHA-256 of the newest audit entry; zeros before the first. Changes only with audit_seq.';
COMMENT ON COLUMN company_stream.checkpoint_seq IS 'Position of the newest checkpoint of the audit log, 0 before the first. Moves forward only.';
COMMENT ON COLUMN company_stream.checkpoint_at IS 'When that was signed; null: never.';

ALTER TABLE audit_log ADD COLUMN prev_hash bytea, ADD COLUMN hash bytea;
COMMENT ON COLUMN audit_log.prev_hash IS 'Hash of the entry before it; zeros for the first. Set by trigger.';
COMMENT ON COLUMN audit_log.hash IS 'SHA-256 of app.audit_text() of this entry. Set by trigger.';

-- What was written before there was a chain is chained now. Nobody may read all companies but sign-in.
ALTER TABLE audit_log DISABLE TRIGGER audit_log_immutable;
DO $$
DECLARE
    v_companies uuid[];
    v_company uuid;
    v_prev bytea;
    v record;
BEGIN
    SET LOCAL ROLE postil_auth;
    v_companies := ARRAY(SELECT s.company_id FROM public.company_stream s ORDER BY s.company_id);
    SET LOCAL ROLE postil_owner;
    FOREACH v_company IN ARRAY v_companies LOOP
        PERFORM app.enter(NULL, v_company);
        v_prev := decode(repeat('00', 32), 'hex');
        FOR v IN SELECT * FROM public.audit_log a WHERE a.company_id = v_company ORDER BY a.seq LOOP
            UPDATE public.audit_log a SET prev_hash = v_prev, hash = sha256(convert_to(app.audit_text(
                v.company_id, v.seq, v.action, v.actor_id, v.target, v.detail, v.correlation_id, v.at, v_prev), 'UTF8'))
            WHERE a.company_id = v_company AND a.seq = v.seq RETURNING a.hash INTO v_prev;
        END LOOP;
        UPDATE public.company_stream s SET audit_hash = v_prev WHERE s.company_id = v_company;
    END LOOP;
    PERFORM app.enter(NULL, NULL);
END $$;
ALTER TABLE audit_log ENABLE TRIGGER audit_log_immutable;
ALTER TABLE audit_log
    ALTER COLUMN prev_hash SET NOT NULL,
    ALTER COLUMN hash SET NOT NULL,
    ADD CONSTRAINT audit_log_hashes CHECK (octet_length(prev_hash) = 32 AND octet_length(hash) = 32),
    ADD CONSTRAINT audit_log_detail CHECK (jsonb_typeof(detail) = 'object' AND octet_length(detail::text) <= 8192);
CREATE INDEX audit_log_action ON audit_log (company_id, action, seq DESC);
CREATE INDEX audit_log_actor ON audit_log (company_id, actor_id, seq DESC);

-- Position and hashes are the chain's, whatever the writer says. The lock on the stream's row makes both in commit order.
-- The function's owner is bound to the company at hand like everyone: an entry for another company finds no stream.
CREATE FUNCTION app.audit_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v record;
BEGIN
    SELECT s.audit_seq, s.audit_hash INTO v FROM public.company_stream s WHERE s.company_id = NEW.company_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN RAISE EXCEPTION 'no stream for this company' USING ERRCODE = 'insufficient_privilege'; END IF;
    IF NEW.seq IS NOT NULL AND NEW.seq <> v.audit_seq + 1 THEN
        RAISE EXCEPTION 'the next audit entry is %', v.audit_seq + 1 USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'audit_log_dense';
    END IF;
    NEW.seq := v.audit_seq + 1;
    NEW.prev_hash := v.audit_hash;
    NEW.hash := sha256(convert_to(app.audit_text(
        NEW.company_id, NEW.seq, NEW.action, NEW.actor_id, NEW.target, NEW.detail, NEW.correlation_id, NEW.at, NEW.prev_hash), 'UTF8'));
    UPDATE public.company_stream s SET audit_seq = NEW.seq, audit_hash = NEW.hash WHERE s.company_id = NEW.company_id;
    RETURN NEW;
END $$;
ALTER FUNCTION app.audit_chain() OWNER TO postil_definer;
COMMENT ON FUNCTION app.audit_chain() IS 'Trigger: gives an audit entry its position and its hashes, and moves the end of the chain.';
CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION app.audit_chain();
CREATE TRIGGER audit_log_not_emptied BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION app.immutable();

-- The end of the chain moves with an entry and by one; nobody but the chain's own function moves it.
CREATE OR REPLACE FUNCTION app.stream_guard() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.last_seq < OLD.last_seq OR NEW.last_seq > OLD.last_seq + 1000 THEN
        RAISE EXCEPTION 'a stream only moves forward' USING ERRCODE = 'check_violation', CONSTRAINT = 'company_stream_forward';
    END IF;
    IF (NEW.audit_seq, NEW.audit_hash) IS DISTINCT FROM (OLD.audit_seq, OLD.audit_hash)
        AND (NEW.audit_seq <> OLD.audit_seq + 1 OR current_user <> 'postil_definer') THEN
        RAISE EXCEPTION 'the audit log''s end moves with an entry' USING ERRCODE = 'check_violation', CONSTRAINT = 'company_stream_audit';
    END IF;
    IF (NEW.checkpoint_seq, NEW.checkpoint_at) IS DISTINCT FROM (OLD.checkpoint_seq, OLD.checkpoint_at)
        AND (NEW.checkpoint_seq < OLD.checkpoint_seq OR current_user <> 'postil_definer') THEN
        RAISE EXCEPTION 'checkpoints only move forward' USING ERRCODE = 'check_violation', CONSTRAINT = 'company_stream_checkpoint';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION app.stream_guard() IS 'Trigger: a stream moves forward, by at most 1000 at once; the audit log''s end with its entries only.';
-- Not REVOKE UPDATE (audit_seq): servers of this generation never moved it themselves, and the guard holds for every role.

-- ----------------------------------------------------------------------------------------------------------- checkpoints

CREATE TABLE audit_checkpoints (
    company_id uuid NOT NULL,
    seq        bigint NOT NULL,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    at         timestamptz NOT NULL,
    key        bytea NOT NULL CHECK (octet_length(key) = 32),
    signature  bytea NOT NULL CHECK (octet_length(signature) = 64),
    PRIMARY KEY (company_id, seq),
    FOREIGN KEY (company_id, seq) REFERENCES audit_log (company_id, seq)
);
COMMENT ON TABLE audit_checkpoints IS 'Signed ends of the audit log: who has one knows whether what stood before it is still the same and still there. Never changed nor deleted.';
COMMENT ON COLUMN audit_checkpoints.company_id IS 'The company, as everywhere.';
COMMENT ON COLUMN audit_checkpoints.seq IS 'Position of the last entry that it covers.';
COMMENT ON COLUMN audit_checkpoints.hash IS 'The hash of that entry.';
COMMENT ON COLUMN audit_checkpoints.at IS 'When it was signed.';
COMMENT ON COLUMN audit_checkpoints.key IS 'Ed25519 public key of the signer, as `postil audit key` prints it.';
COMMENT ON COLUMN audit_checkpoints.signature IS 'Ed25519 signature of the checkpoint''s canonical text; docs/audit.md.';

ALTER TABLE audit_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_checkpoints_tenant ON audit_checkpoints AS RESTRICTIVE TO postil_owner, postil_definer, postil_worker, postil_app
    USING (company_id = (SELECT app.company_id())) WITH CHECK (company_id = (SELECT app.company_id()));
CREATE POLICY audit_checkpoints_members ON audit_checkpoints AS RESTRICTIVE TO postil_app
    USING ((SELECT app.is_member())) WITH CHECK ((SELECT app.is_member()));
CREATE POLICY audit_checkpoints_house ON audit_checkpoints TO postil_owner, postil_definer, postil_worker USING (true) WITH CHECK (true);
CREATE TRIGGER audit_checkpoints_immutable BEFORE UPDATE OR DELETE ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION app.immutable();
CREATE TRIGGER audit_checkpoints_not_emptied BEFORE TRUNCATE ON audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION app.immutable();

GRANT SELECT, INSERT ON audit_log, audit_checkpoints TO postil_definer;
GRANT EXECUTE ON FUNCTION app.wire_id(text, uuid), app.canonical(jsonb, integer),
    app.audit_text(uuid, bigint, text, uuid, text, jsonb, uuid, timestamptz, bytea) TO postil_definer;
GRANT EXECUTE ON FUNCTION app.wire_id(text, uuid) TO postil_app, postil_auth;

-- ---------------------------------------------------------------------------------------------------------------- writing

-- As before, without the counting: that is the chain's. Doors of earlier migrations name a message by its bare id.
CREATE OR REPLACE FUNCTION app.audit(
    p_company uuid, p_actor uuid, p_action text, p_target text, p_detail jsonb, p_correlation uuid, p_at timestamptz
) RETURNS void LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO public.audit_log (company_id, action, actor_id, target, detail, correlation_id, at)
    VALUES (p_company, p_action, p_actor,
        CASE WHEN p_target ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' AND p_action LIKE 'message.%' THEN app.wire_id('msg', p_target::uuid) ELSE p_target END,
        coalesce(p_detail, '{}'), p_correlation, p_at);
END $$;
COMMENT ON FUNCTION app.audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) IS 'Writes an entry of the audit log, as a request: under its own name, in the company at hand.';

-- For those who have no company at hand. A company without a stream is not in operation yet: nothing is told of it.
CREATE FUNCTION app.note_audit(
    p_company uuid, p_actor uuid, p_action text, p_target text, p_detail jsonb, p_correlation uuid, p_at timestamptz
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_before text := current_setting('app.company_id', true);
BEGIN
    PERFORM set_config('app.company_id', p_company::text, true);
    IF EXISTS (SELECT 1 FROM public.company_stream s WHERE s.company_id = p_company) THEN
        INSERT INTO public.audit_log (company_id, action, actor_id, target, detail, correlation_id, at)
        VALUES (p_company, p_action, nullif(p_actor, '00000000-0000-0000-0000-000000000000'), p_target, coalesce(p_detail, '{}'), p_correlation, p_at);
    END IF;
    PERFORM set_config('app.company_id', coalesce(v_before, ''), true);
END $$;
ALTER FUNCTION app.note_audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.note_audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) TO postil_auth;
COMMENT ON FUNCTION app.note_audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) IS 'Writes an entry of the audit log of any company. For sign-in and triggers only.';

-- The request that the transaction is part of, if it said so.
CREATE FUNCTION app.correlation_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.correlation', true), '')::uuid $$;
COMMENT ON FUNCTION app.correlation_id() IS 'The request that the transaction is part of (setting app.correlation); null: none said so.';
GRANT EXECUTE ON FUNCTION app.correlation_id() TO postil_app, postil_worker, postil_definer, postil_auth;

-- ------------------------------------------------------------------------------------------------------ changes of rights

-- A column's value as the log tells it: ids as on the wire, moments as yes or no.
CREATE FUNCTION app.audit_value(p_column text, p_value jsonb) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN p_column LIKE '%\_at' THEN to_jsonb(coalesce(jsonb_typeof(p_value), 'null') <> 'null')
        WHEN coalesce(jsonb_typeof(p_value), 'null') = 'null' THEN 'null'
        WHEN p_column IN ('user_id', 'owner_id') THEN to_jsonb(app.wire_id('usr', (p_value #>> '{}')::uuid))
        WHEN p_column = 'department_id' THEN to_jsonb(app.wire_id('dep', (p_value #>> '{}')::uuid))
        WHEN p_column = 'project_id' THEN to_jsonb(app.wire_id('prj', (p_value #>> '{}')::uuid))
        ELSE p_value
    END
$$;
COMMENT ON FUNCTION app.audit_value(text, jsonb) IS 'A column''s value as the audit log tells it: ids as on the wire, moments (…_at) as whether there is one.';
GRANT EXECUTE ON FUNCTION app.audit_value(text, jsonb) TO postil_definer, postil_auth;

-- TG_ARGV: the action's noun (or the whole action, if it has a dot), then the columns that are told. Nothing else of the row is.
CREATE FUNCTION app.audit_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_old jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ELSE '{}' END;
    v_new jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ELSE '{}' END;
    v_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN v_old ELSE v_new END;
    v_columns text[] := TG_ARGV[1:];
    v_action text := TG_ARGV[0];
    v_target text;
    v_detail jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(c, jsonb_build_object('from', app.audit_value(c, v_old -> c), 'to', app.audit_value(c, v_new -> c)))
        INTO v_detail FROM unnest(v_columns) AS c WHERE v_old -> c IS DISTINCT FROM v_new -> c;
        -- Said again as it was: nothing happened.
        IF v_detail IS NULL THEN RETURN NULL; END IF;
    ELSE
        SELECT jsonb_object_agg(c, app.audit_value(c, v_row -> c)) INTO v_detail FROM unnest(v_columns) AS c WHERE jsonb_typeof(v_row -> c) <> 'null';
        v_detail := coalesce(v_detail, '{}');
    END IF;
    IF octet_length(v_detail::text) > 7000 THEN
        v_detail := jsonb_build_object('too_long', (SELECT jsonb_agg(k) FROM jsonb_object_keys(v_detail) AS k));
    END IF;
    -- Not by a person through the server: then the login that did it is what there is to tell.
    IF nullif(app.user_id(), '00000000-0000-0000-0000-000000000000') IS NULL THEN
        v_detail := v_detail || jsonb_build_object('login', session_user);
    END IF;
    IF v_action NOT LIKE '%.%' THEN
        v_action := v_action || CASE TG_OP WHEN 'INSERT' THEN '.create' WHEN 'UPDATE' THEN '.change' ELSE '.delete' END;
    END IF;
    v_target := CASE TG_TABLE_NAME
        WHEN 'memberships' THEN app.wire_id('usr', (v_row ->> 'user_id')::uuid)
        WHEN 'project_members' THEN app.wire_id('usr', (v_row ->> 'user_id')::uuid)
        WHEN 'participants' THEN app.wire_id('cnv', (v_row ->> 'conversation_id')::uuid)
        WHEN 'companies' THEN app.wire_id('cmp', (v_row ->> 'id')::uuid)
        WHEN 'departments' THEN app.wire_id('dep', (v_row ->> 'id')::uuid)
        WHEN 'projects' THEN app.wire_id('prj', (v_row ->> 'id')::uuid)
        WHEN 'api_keys' THEN app.wire_id('key', (v_row ->> 'id')::uuid)
        WHEN 'embed_keys' THEN 'embed/' || (v_row ->> 'kid')
        WHEN 'roles' THEN 'role/' || (v_row ->> 'key')
        WHEN 'linked_records' THEN (v_row ->> 'kind') || '/' || (v_row ->> 'id')
        ELSE TG_TABLE_NAME
    END;
    PERFORM app.note_audit(coalesce(v_row ->> 'company_id', v_row ->> 'id')::uuid, app.user_id(), v_action, v_target, v_detail,
        app.correlation_id(), clock_timestamp());
    RETURN NULL;
END $$;
ALTER FUNCTION app.audit_change() OWNER TO postil_definer;
COMMENT ON FUNCTION app.audit_change() IS 'Trigger: tells the audit log of a change of rights, whoever makes it and by which way. Arguments: noun, columns told.';

-- At the end of the transaction, so that the stream's lock is taken last, however many rows change in whatever order.
CREATE CONSTRAINT TRIGGER companies_audit AFTER INSERT OR UPDATE OF name, slug, reply_depth_max, edit_window_s, embed_origins, deleted_at ON companies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION app.audit_change('company', 'name', 'slug', 'reply_depth_max', 'edit_window_s', 'embed_origins', 'deleted_at');
CREATE CONSTRAINT TRIGGER companies_audit_policy AFTER UPDATE OF policy_version ON companies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.policy_version IS DISTINCT FROM NEW.policy_version)
    EXECUTE FUNCTION app.audit_change('policy.version', 'policy_version');
CREATE CONSTRAINT TRIGGER memberships_audit AFTER INSERT OR UPDATE OR DELETE ON memberships
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION app.audit_change('membership', 'role_key', 'department_id', 'kind', 'status', 'deleted_at');
CREATE CONSTRAINT TRIGGER project_members_audit AFTER INSERT OR UPDATE OR DELETE ON project_members
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('project_member', 'project_id', 'deleted_at');
CREATE CONSTRAINT TRIGGER roles_audit AFTER INSERT OR UPDATE OR DELETE ON roles
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('role', 'name', 'deleted_at');
CREATE CONSTRAINT TRIGGER departments_audit AFTER INSERT OR UPDATE OR DELETE ON departments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('department', 'name', 'deleted_at');
CREATE CONSTRAINT TRIGGER projects_audit AFTER INSERT OR UPDATE OR DELETE ON projects
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('project', 'name', 'deleted_at');
CREATE CONSTRAINT TRIGGER api_keys_audit AFTER INSERT OR UPDATE OF user_id, name, revoked_at ON api_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('key', 'user_id', 'name', 'revoked_at');
CREATE CONSTRAINT TRIGGER api_keys_audit_delete AFTER DELETE ON api_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('key', 'user_id', 'name', 'revoked_at');
CREATE CONSTRAINT TRIGGER embed_keys_audit AFTER INSERT OR UPDATE OR DELETE ON embed_keys
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.audit_change('key', 'retired_at');
-- Who gets to see a record, not what it is called.
CREATE CONSTRAINT TRIGGER linked_records_audit AFTER UPDATE OF owner_id, department_id, project_id, deleted_at ON linked_records
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.owner_id, OLD.department_id, OLD.project_id, OLD.deleted_at) IS DISTINCT FROM (NEW.owner_id, NEW.department_id, NEW.project_id, NEW.deleted_at))
    EXECUTE FUNCTION app.audit_change('record.access', 'owner_id', 'department_id', 'project_id', 'deleted_at');
CREATE CONSTRAINT TRIGGER participants_audit AFTER UPDATE OF deleted_at ON participants
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION app.audit_change('participant', 'user_id', 'deleted_at');

-- A person as a whole belongs to no company: each of theirs is told.
CREATE FUNCTION auth.user_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_company uuid;
    v_detail jsonb := jsonb_build_object(
        'status', jsonb_build_object('from', OLD.status, 'to', NEW.status),
        'deleted_at', jsonb_build_object('from', OLD.deleted_at IS NOT NULL, 'to', NEW.deleted_at IS NOT NULL),
        'password', CASE WHEN OLD.password_hash IS DISTINCT FROM NEW.password_hash THEN 'changed' ELSE 'same' END);
BEGIN
    FOR v_company IN SELECT m.company_id FROM public.memberships m WHERE m.user_id = NEW.id ORDER BY m.company_id LOOP
        PERFORM app.note_audit(v_company, app.user_id(), 'user.change', app.wire_id('usr', NEW.id),
            v_detail || CASE WHEN app.user_id() IS NULL THEN jsonb_build_object('login', session_user) ELSE '{}' END, app.correlation_id(), clock_timestamp());
    END LOOP;
    RETURN NULL;
END $$;
ALTER FUNCTION auth.user_audit() OWNER TO postil_auth;
COMMENT ON FUNCTION auth.user_audit() IS 'Trigger: tells each of a person''s companies that their account was closed, opened or given another password.';
CREATE CONSTRAINT TRIGGER users_audit AFTER UPDATE OF status, deleted_at, password_hash ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.status, OLD.deleted_at, OLD.password_hash) IS DISTINCT FROM (NEW.status, NEW.deleted_at, NEW.password_hash))
    EXECUTE FUNCTION auth.user_audit();

-- ---------------------------------------------------------------------------------------------------------------- sign-in
-- These take the request's id, too.

CREATE FUNCTION auth.session_create(
    p_id uuid, p_hash bytea, p_user uuid, p_company uuid, p_kind text, p_origin text, p_at timestamptz, p_expires timestamptz, p_correlation uuid
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.sessions (id, token_hash, user_id, company_id, kind, origin, created_at, seen_at, expires_at)
    SELECT p_id, p_hash, m.user_id, m.company_id, p_kind, p_origin, p_at, p_at, p_expires
    FROM public.memberships m JOIN public.users u ON u.id = m.user_id AND u.status = 'active'
    WHERE m.user_id = p_user AND m.company_id = p_company AND m.status = 'active' AND m.deleted_at IS NULL;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM app.note_audit(p_company, p_user, CASE p_kind WHEN 'embed' THEN 'session.embed' ELSE 'session.sign_in' END, app.wire_id('ses', p_id),
        CASE WHEN p_origin IS NULL THEN '{}' ELSE jsonb_build_object('origin', p_origin) END, p_correlation, p_at);
    RETURN true;
END $$;
COMMENT ON FUNCTION auth.session_create(uuid, bytea, uuid, uuid, text, text, timestamptz, timestamptz, uuid)
    IS 'Opens a session in a company that the person is an active member of, and says so in its audit log; nothing otherwise.';
DROP FUNCTION auth.session_create(uuid, bytea, uuid, uuid, text, text, timestamptz, timestamptz);

-- Both companies are told, neither of the other.
CREATE FUNCTION auth.session_switch(p_old bytea, p_new bytea, p_company uuid, p_at timestamptz, p_correlation uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_session record;
    v_company uuid;
BEGIN
    SELECT s.id, s.user_id, s.company_id INTO v_session FROM public.sessions s
    WHERE s.token_hash = p_old AND s.kind = 'browser' AND s.revoked_at IS NULL AND s.expires_at > p_at FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE public.sessions s SET token_hash = p_new, company_id = p_company, context_epoch = s.context_epoch + 1,
        -- Together, because session_open takes the session's length from their difference.
        seen_at = p_at, expires_at = least(p_at + (s.expires_at - s.seen_at), s.created_at + auth.session_life())
    FROM public.memberships m
    WHERE s.id = v_session.id AND m.company_id = p_company AND m.user_id = s.user_id AND m.status = 'active' AND m.deleted_at IS NULL;
    IF NOT FOUND THEN RETURN false; END IF;
    -- Two streams: in the order of their ids, or two people who change places would wait for each other.
    FOREACH v_company IN ARRAY CASE
        WHEN v_session.company_id = p_company THEN ARRAY[p_company]
        ELSE ARRAY[least(v_session.company_id, p_company), greatest(v_session.company_id, p_company)]
    END LOOP
        PERFORM app.note_audit(v_company, v_session.user_id, 'session.switch', app.wire_id('ses', v_session.id),
            jsonb_build_object('direction', CASE v_company WHEN p_company THEN 'in' ELSE 'out' END), p_correlation, p_at);
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION auth.session_switch(bytea, bytea, uuid, timestamptz, uuid)
    IS 'Moves a browser''s session into another company under a fresh token, and says so in both audit logs; the old token is dead from then on.';
DROP FUNCTION auth.session_switch(bytea, bytea, uuid, timestamptz);

CREATE FUNCTION auth.session_end(p_hash bytea, p_at timestamptz, p_correlation uuid) RETURNS TABLE (id uuid, company_id uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_session record;
BEGIN
    UPDATE public.sessions s SET revoked_at = p_at WHERE s.token_hash = p_hash AND s.revoked_at IS NULL
    RETURNING s.id, s.company_id, s.user_id INTO v_session;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM app.note_audit(v_session.company_id, v_session.user_id, 'session.sign_out', app.wire_id('ses', v_session.id), '{}', p_correlation, p_at);
    RETURN QUERY SELECT v_session.id, v_session.company_id;
END $$;
COMMENT ON FUNCTION auth.session_end(bytea, timestamptz, uuid) IS 'Ends a session, and says so in the audit log; which one it was and where, if it was live.';
DROP FUNCTION auth.session_end(bytea, timestamptz);

-- Somebody tried an account's password. Not under the person's name: it need not have been them. Told to each of their
-- companies, because each is what the account opens.
CREATE FUNCTION auth.sign_in_refused(p_user uuid, p_at timestamptz, p_correlation uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_company uuid;
BEGIN
    FOR v_company IN
        SELECT m.company_id FROM public.memberships m JOIN public.companies c ON c.id = m.company_id AND c.deleted_at IS NULL
        WHERE m.user_id = p_user AND m.status = 'active' AND m.deleted_at IS NULL ORDER BY m.company_id
    LOOP
        PERFORM app.note_audit(v_company, NULL, 'session.sign_in_refused', app.wire_id('usr', p_user), '{"reason": "password"}', p_correlation, p_at);
    END LOOP;
END $$;
COMMENT ON FUNCTION auth.sign_in_refused(uuid, timestamptz, uuid) IS 'Tells each company of a known account that a sign-in to it was refused.';

-- The first use of a key on a day (UTC) is told.
ALTER TABLE api_keys ADD COLUMN used_on date;
COMMENT ON COLUMN api_keys.used_on IS 'Last day (UTC) on which the key was used; null: never, or before this was kept.';
GRANT UPDATE (used_on) ON api_keys TO postil_auth;
CREATE POLICY api_keys_auth_used ON api_keys FOR UPDATE TO postil_auth USING (true) WITH CHECK (true);
CREATE FUNCTION auth.api_key_used(p_hash bytea, p_at timestamptz, p_correlation uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    v_key record;
BEGIN
    UPDATE public.api_keys k SET used_on = (p_at AT TIME ZONE 'UTC')::date
    WHERE k.key_hash = p_hash AND k.revoked_at IS NULL AND (k.used_on IS NULL OR k.used_on < (p_at AT TIME ZONE 'UTC')::date)
    RETURNING k.company_id, k.id, k.user_id INTO v_key;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM app.note_audit(v_key.company_id, v_key.user_id, 'key.use', app.wire_id('key', v_key.id), '{}', p_correlation, p_at);
    RETURN true;
END $$;
COMMENT ON FUNCTION auth.api_key_used(bytea, timestamptz, uuid) IS 'Tells the audit log of a key''s first use on a day; whether this was it.';

-- Companies whose audit log has entries after its last checkpoint, where that is older than p_before.
CREATE FUNCTION auth.audit_due(p_before timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT s.company_id FROM public.company_stream s
    WHERE s.audit_seq > s.checkpoint_seq AND (s.checkpoint_at IS NULL OR s.checkpoint_at <= p_before) ORDER BY s.company_id
$$;
COMMENT ON FUNCTION auth.audit_due(timestamptz) IS 'Companies whose audit log has entries after its last checkpoint, where that was made before the given time.';

ALTER FUNCTION auth.session_create(uuid, bytea, uuid, uuid, text, text, timestamptz, timestamptz, uuid) OWNER TO postil_auth;
ALTER FUNCTION auth.session_switch(bytea, bytea, uuid, timestamptz, uuid) OWNER TO postil_auth;
ALTER FUNCTION auth.session_end(bytea, timestamptz, uuid) OWNER TO postil_auth;
ALTER FUNCTION auth.sign_in_refused(uuid, timestamptz, uuid) OWNER TO postil_auth;
ALTER FUNCTION auth.api_key_used(bytea, timestamptz, uuid) OWNER TO postil_auth;
ALTER FUNCTION auth.audit_due(timestamptz) OWNER TO postil_auth;
GRANT EXECUTE ON FUNCTION auth.session_create(uuid, bytea, uuid, uuid, text, text, timestamptz, timestamptz, uuid),
    auth.session_switch(bytea, bytea, uuid, timestamptz, uuid), auth.session_end(bytea, timestamptz, uuid),
    auth.sign_in_refused(uuid, timestamptz, uuid), auth.api_key_used(bytea, timestamptz, uuid) TO postil_app;
GRANT EXECUTE ON FUNCTION auth.audit_due(timestamptz) TO postil_worker;

-- ---------------------------------------------------------------------------------------------------------------- reading

-- A page, newest first, for whom admin:export is allowed in the whole company; nothing for others. Reading is told itself, once
-- for each person and hour: who reads the log all day would fill it otherwise.
CREATE FUNCTION app.audit_page(
    p_user uuid, p_company uuid, p_before bigint, p_action text, p_actor uuid, p_limit integer, p_correlation uuid, p_at timestamptz
) RETURNS TABLE (
    seq bigint, action text, actor_id uuid, actor_name text, target text, detail jsonb, correlation_id uuid, at timestamptz, hash bytea
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_last timestamptz;
BEGIN
    PERFORM app.enter(p_user, p_company);
    IF NOT app.may('admin:export', NULL, NULL) THEN
        RAISE EXCEPTION 'the audit log is not theirs to read' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT a.at INTO v_last FROM public.audit_log a
    WHERE a.company_id = p_company AND a.actor_id = p_user AND a.action = 'audit.read' ORDER BY a.seq DESC LIMIT 1;
    IF v_last IS NULL OR v_last <= p_at - interval '1 hour' THEN
        PERFORM app.audit(p_company, p_user, 'audit.read', app.wire_id('cmp', p_company), '{}', p_correlation, p_at);
    END IF;
    RETURN QUERY
    SELECT a.seq, a.action, a.actor_id, u.name, a.target, a.detail, a.correlation_id, a.at, a.hash
    FROM (
        (SELECT x.* FROM public.audit_log x
        WHERE p_actor IS NOT NULL AND x.company_id = p_company AND x.actor_id = p_actor AND x.seq < p_before AND (p_action IS NULL OR x.action = p_action)
        ORDER BY x.seq DESC LIMIT p_limit)
        UNION ALL
        (SELECT x.* FROM public.audit_log x
        WHERE p_actor IS NULL AND p_action IS NOT NULL AND x.company_id = p_company AND x.action = p_action AND x.seq < p_before
        ORDER BY x.seq DESC LIMIT p_limit)
        UNION ALL
        (SELECT x.* FROM public.audit_log x
        WHERE p_actor IS NULL AND p_action IS NULL AND x.company_id = p_company AND x.seq < p_before
        ORDER BY x.seq DESC LIMIT p_limit)
    ) AS a
    LEFT JOIN public.users u ON u.id = a.actor_id
    ORDER BY a.seq DESC;
END $$;
COMMENT ON FUNCTION app.audit_page(uuid, uuid, bigint, text, uuid, integer, uuid, timestamptz)
    IS 'Entries of the audit log before a position, newest first, of one action or person or all, for whom admin:export is allowed. Says in the log that it was read.';

-- The rest is for the worker: the company at hand, as an export, and its end, as a checkpoint.
CREATE FUNCTION app.audit_export(p_company uuid, p_after bigint, p_limit integer) RETURNS TABLE (seq bigint, entry text, hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT a.seq, app.audit_text(a.company_id, a.seq, a.action, a.actor_id, a.target, a.detail, a.correlation_id, a.at, a.prev_hash), a.hash
    FROM public.audit_log a WHERE a.company_id = p_company AND a.seq > p_after ORDER BY a.seq LIMIT p_limit
$$;
COMMENT ON FUNCTION app.audit_export(uuid, bigint, integer) IS 'Entries of the audit log after a position, oldest first, as their canonical text.';

CREATE FUNCTION app.audit_export_checkpoints(p_company uuid, p_from bigint) RETURNS TABLE (seq bigint, hash bytea, at timestamptz, key bytea, signature bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT c.seq, c.hash, c.at, c.key, c.signature FROM public.audit_checkpoints c WHERE c.company_id = p_company AND c.seq >= p_from ORDER BY c.seq
$$;
COMMENT ON FUNCTION app.audit_export_checkpoints(uuid, bigint) IS 'Checkpoints of the audit log from a position on, oldest first.';

CREATE FUNCTION app.audit_exported(p_company uuid, p_since bigint, p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT app.note_audit(p_company, NULL, 'audit.export', app.wire_id('cmp', p_company),
        jsonb_build_object('since', p_since, 'login', session_user), NULL, p_at)
$$;
COMMENT ON FUNCTION app.audit_exported(uuid, bigint, timestamptz) IS 'Says in the audit log that it is being exported.';

CREATE FUNCTION app.audit_head(p_company uuid) RETURNS TABLE (seq bigint, hash bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT s.audit_seq, s.audit_hash FROM public.company_stream s WHERE s.company_id = p_company $$;
COMMENT ON FUNCTION app.audit_head(uuid) IS 'The end of the audit log: the newest entry''s position and hash.';

-- True: stored. False: there is one for this position, or no such entry with this hash.
CREATE FUNCTION app.audit_checkpoint(p_company uuid, p_seq bigint, p_hash bytea, p_at timestamptz, p_key bytea, p_signature bytea) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.audit_checkpoints (company_id, seq, hash, at, key, signature)
    SELECT a.company_id, a.seq, a.hash, p_at, p_key, p_signature FROM public.audit_log a
    WHERE a.company_id = p_company AND a.seq = p_seq AND a.hash = p_hash
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE public.company_stream s SET checkpoint_seq = p_seq, checkpoint_at = p_at WHERE s.company_id = p_company AND s.checkpoint_seq < p_seq;
    RETURN true;
END $$;
COMMENT ON FUNCTION app.audit_checkpoint(uuid, bigint, bytea, timestamptz, bytea, bytea) IS 'Stores a signed checkpoint of an entry that is there; whether it did.';

ALTER FUNCTION app.audit_page(uuid, uuid, bigint, text, uuid, integer, uuid, timestamptz) OWNER TO postil_definer;
ALTER FUNCTION app.audit_export(uuid, bigint, integer) OWNER TO postil_definer;
ALTER FUNCTION app.audit_export_checkpoints(uuid, bigint) OWNER TO postil_definer;
ALTER FUNCTION app.audit_exported(uuid, bigint, timestamptz) OWNER TO postil_definer;
ALTER FUNCTION app.audit_head(uuid) OWNER TO postil_definer;
ALTER FUNCTION app.audit_checkpoint(uuid, bigint, bytea, timestamptz, bytea, bytea) OWNER TO postil_definer;
GRANT EXECUTE ON FUNCTION app.audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) TO postil_definer;
GRANT EXECUTE ON FUNCTION app.audit_page(uuid, uuid, bigint, text, uuid, integer, uuid, timestamptz) TO postil_app;
GRANT EXECUTE ON FUNCTION app.audit_export(uuid, bigint, integer), app.audit_export_checkpoints(uuid, bigint),
    app.audit_exported(uuid, bigint, timestamptz), app.audit_head(uuid),
    app.audit_checkpoint(uuid, bigint, bytea, timestamptz, bytea, bytea) TO postil_worker;

REVOKE CREATE ON SCHEMA app, auth FROM postil_definer, postil_auth;
