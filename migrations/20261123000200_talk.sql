-- Records, conversations, messages. Every key begins with company_id and every reference carries it, so that a reference
-- across companies can't be written, by anyone. No ON DELETE CASCADE on talk: rows are soft-deleted; a hard delete is a
-- retention job that knows what it does.

CREATE TABLE linked_records (
    company_id    uuid NOT NULL REFERENCES companies (id),
    kind          text NOT NULL CHECK (kind IN ('transaction', 'plan', 'topic')),
    id            text NOT NULL CHECK (id ~ '^[A-Za-z0-9._/:#-]{1,128}$'),
    title         text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
    amount_minor  bigint,
    currency      text CHECK (currency ~ '^[A-Z]{3}$'),
    status        text CHECK (char_length(status) BETWEEN 1 AND 40),
    url           text CHECK (octet_length(url) <= 2000),
    owner_id      uuid,
    department_id uuid,
    project_id    uuid,
    -- What scopes of policies match on, precomputed: one array comparison instead of a function call per row.
    scope_tokens  text[] NOT NULL GENERATED ALWAYS AS (array_remove(ARRAY[
        '*', 'k:' || kind, 'r:' || kind || '/' || id, 'o:' || owner_id::text, 'd:' || department_id::text, 'p:' || project_id::text
    ], NULL)) STORED,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    uuid REFERENCES users (id),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    deleted_by    uuid REFERENCES users (id),
    PRIMARY KEY (company_id, kind, id),
    FOREIGN KEY (company_id, owner_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, department_id) REFERENCES departments (company_id, id),
    FOREIGN KEY (company_id, project_id) REFERENCES projects (company_id, id),
    CONSTRAINT linked_records_money CHECK ((amount_minor IS NULL) = (currency IS NULL))
);

CREATE TABLE conversations (
    company_id  uuid NOT NULL REFERENCES companies (id),
    id          uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('direct', 'group', 'record')),
    title       text CHECK (char_length(title) BETWEEN 1 AND 120),
    direct_key  text,
    link_kind   text,
    link_id     text,
    last_seq    bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    activity_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  uuid NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,
    deleted_by  uuid,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, link_kind, link_id) REFERENCES linked_records (company_id, kind, id),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, deleted_by) REFERENCES memberships (company_id, user_id),
    CONSTRAINT conversations_shape CHECK (CASE kind
        WHEN 'direct' THEN direct_key IS NOT NULL AND title IS NULL AND link_kind IS NULL AND link_id IS NULL
        WHEN 'group' THEN direct_key IS NULL AND title IS NOT NULL AND link_kind IS NULL AND link_id IS NULL
        ELSE direct_key IS NULL AND link_kind IS NOT NULL AND link_id IS NOT NULL
    END)
);
CREATE UNIQUE INDEX conversations_direct ON conversations (company_id, direct_key) WHERE kind = 'direct';
CREATE UNIQUE INDEX conversations_record ON conversations (company_id, link_kind, link_id) WHERE kind = 'record';
CREATE INDEX conversations_activity ON conversations (company_id, activity_at DESC, id DESC);

CREATE TABLE participants (
    company_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    created_at      timestamptz NOT NULL,
    created_by      uuid NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    deleted_by      uuid,
    PRIMARY KEY (company_id, conversation_id, user_id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, deleted_by) REFERENCES memberships (company_id, user_id)
);
CREATE INDEX participants_inbox ON participants (company_id, user_id, conversation_id) WHERE deleted_at IS NULL;

CREATE TABLE messages (
    company_id      uuid NOT NULL,
    id              uuid NOT NULL,
    conversation_id uuid NOT NULL,
    seq             bigint NOT NULL CHECK (seq > 0),
    parent_id       uuid,
    root_id         uuid NOT NULL,
    path            bigint[] NOT NULL,
    depth           smallint NOT NULL CHECK (depth BETWEEN 0 AND 32),
    author_id       uuid NOT NULL,
    client_key      text CHECK (octet_length(client_key) BETWEEN 1 AND 64),
    body            text NOT NULL CHECK (char_length(body) <= 8000),
    text_ast        jsonb NOT NULL,
    preview         text NOT NULL CHECK (char_length(preview) <= 140),
    link_kind       text,
    link_id         text,
    link_source     text CHECK (link_source IN ('own', 'parent', 'conversation')),
    version         integer NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    created_by      uuid NOT NULL,
    updated_at      timestamptz NOT NULL,
    edited_at       timestamptz,
    deleted_at      timestamptz,
    deleted_by      uuid,
    PRIMARY KEY (company_id, id),
    -- The conversation is in the keys that replies refer to: a reply can't leave its parent's conversation.
    CONSTRAINT messages_in_conversation UNIQUE (company_id, conversation_id, id),
    CONSTRAINT messages_position UNIQUE (company_id, conversation_id, seq),
    -- What message_links refers to, so that a link's row can't disagree with its message.
    CONSTRAINT messages_link UNIQUE (company_id, id, link_kind, link_id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id),
    FOREIGN KEY (company_id, conversation_id, parent_id) REFERENCES messages (company_id, conversation_id, id),
    FOREIGN KEY (company_id, conversation_id, root_id) REFERENCES messages (company_id, conversation_id, id),
    FOREIGN KEY (company_id, author_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, deleted_by) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, link_kind, link_id) REFERENCES linked_records (company_id, kind, id),
    CONSTRAINT messages_own CHECK (created_by = author_id),
    CONSTRAINT messages_one_link CHECK (num_nonnulls(link_kind, link_id, link_source) IN (0, 3)),
    CONSTRAINT messages_tree CHECK (
        (parent_id IS NULL) = (depth = 0) AND (parent_id IS NULL) = (root_id = id)
        AND cardinality(path) = depth + 1 AND path[depth + 1] = seq
    ),
    CONSTRAINT messages_tombstone CHECK (deleted_at IS NULL OR (body = '' AND preview = ''))
);
CREATE INDEX messages_roots ON messages (company_id, conversation_id, seq DESC) WHERE parent_id IS NULL;
CREATE INDEX messages_thread ON messages (company_id, root_id, path) WHERE parent_id IS NOT NULL;
CREATE INDEX messages_linked ON messages (company_id, link_kind, link_id, created_at DESC, id DESC) WHERE link_kind IS NOT NULL;

-- Beside the root, not on it: whoever may reply may count, without a right to touch the message.
CREATE TABLE threads (
    company_id      uuid NOT NULL,
    root_id         uuid NOT NULL,
    conversation_id uuid NOT NULL,
    reply_count     integer NOT NULL CHECK (reply_count >= 0),
    last_reply_at   timestamptz NOT NULL,
    -- A reply named a record of its own: not everyone who sees the root sees all replies, and who doesn't must not count them.
    is_mixed        boolean NOT NULL DEFAULT false,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (company_id, root_id),
    FOREIGN KEY (company_id, conversation_id, root_id) REFERENCES messages (company_id, conversation_id, id)
);

CREATE TABLE message_versions (
    company_id uuid NOT NULL,
    message_id uuid NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    body       text NOT NULL CHECK (char_length(body) <= 8000),
    text_ast   jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    PRIMARY KEY (company_id, message_id, version),
    FOREIGN KEY (company_id, message_id) REFERENCES messages (company_id, id),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id)
);

-- At most one row a message (the key), about one record of three kinds (the check), the one the message names (the key of four).
CREATE TABLE message_links (
    company_id   uuid NOT NULL,
    message_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('transaction', 'plan', 'topic')),
    record_id    text NOT NULL,
    title        text NOT NULL,
    amount_minor bigint,
    currency     text,
    status       text,
    created_at   timestamptz NOT NULL,
    created_by   uuid NOT NULL,
    PRIMARY KEY (company_id, message_id),
    FOREIGN KEY (company_id, message_id, kind, record_id) REFERENCES messages (company_id, id, link_kind, link_id),
    FOREIGN KEY (company_id, kind, record_id) REFERENCES linked_records (company_id, kind, id),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id)
);
CREATE INDEX message_links_record ON message_links (company_id, kind, record_id);

CREATE TABLE read_receipts (
    company_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    read_seq        bigint NOT NULL CHECK (read_seq >= 0),
    read_at         timestamptz NOT NULL,
    PRIMARY KEY (company_id, conversation_id, user_id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);

CREATE TABLE attachments (
    company_id      uuid NOT NULL,
    id              uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id      uuid,
    file_name       text NOT NULL CHECK (char_length(file_name) BETWEEN 1 AND 255),
    media_type      text NOT NULL CHECK (octet_length(media_type) <= 127),
    size_bytes      bigint NOT NULL CHECK (size_bytes >= 0),
    sha256          bytea NOT NULL CHECK (octet_length(sha256) = 32),
    state           text NOT NULL DEFAULT 'quarantined' CHECK (state IN ('quarantined', 'clean', 'infected')),
    created_at      timestamptz NOT NULL,
    created_by      uuid NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    deleted_by      uuid,
    PRIMARY KEY (company_id, id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id),
    FOREIGN KEY (company_id, conversation_id, message_id) REFERENCES messages (company_id, conversation_id, id),
    FOREIGN KEY (company_id, created_by) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, deleted_by) REFERENCES memberships (company_id, user_id)
);
CREATE INDEX attachments_message ON attachments (company_id, message_id) WHERE message_id IS NOT NULL;

-- Written on transitions only: presence itself lives in Redis.
CREATE TABLE user_presence (
    company_id   uuid NOT NULL,
    user_id      uuid NOT NULL,
    status       text NOT NULL CHECK (status IN ('online', 'away', 'offline')),
    last_seen_at timestamptz NOT NULL,
    PRIMARY KEY (company_id, user_id),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id)
);

CREATE TABLE notification_queue (
    company_id uuid NOT NULL,
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('mention', 'reply', 'message')),
    message_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz,
    PRIMARY KEY (company_id, id),
    UNIQUE (company_id, user_id, message_id, kind),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, message_id) REFERENCES messages (company_id, id)
);

-- In the same transaction as what it stands for, kept as long as that lives: a retry after a week still answers the same.
CREATE TABLE idempotency_keys (
    company_id      uuid NOT NULL,
    user_id         uuid NOT NULL,
    key             text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 64),
    request_hash    bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    conversation_id uuid,
    message_id      uuid,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (company_id, user_id, key),
    FOREIGN KEY (company_id, user_id) REFERENCES memberships (company_id, user_id),
    FOREIGN KEY (company_id, conversation_id) REFERENCES conversations (company_id, id),
    FOREIGN KEY (company_id, message_id) REFERENCES messages (company_id, id),
    CONSTRAINT idempotency_keys_one_result CHECK (num_nonnulls(conversation_id, message_id) = 1)
);

-- One row a company, updated last in each transaction that changes something: its lock makes seq dense and in commit order.
CREATE TABLE company_stream (
    company_id uuid PRIMARY KEY REFERENCES companies (id),
    last_seq   bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    audit_seq  bigint NOT NULL DEFAULT 0 CHECK (audit_seq >= 0)
)
-- Updated by every send: room on the page keeps the updates on it (HOT).
WITH (fillfactor = 10);

-- It refers to the stream and not to the company: the writer holds that row already, while a share lock on the company's would be
-- one that all of its senders fight over.
CREATE TABLE event_log (
    company_id      uuid NOT NULL REFERENCES company_stream (company_id),
    seq             bigint NOT NULL CHECK (seq > 0),
    kind            text NOT NULL CHECK (kind IN (
        'message.created', 'thread.reply.created', 'message.updated', 'message.deleted', 'conversation.updated', 'record.updated', 'access.changed'
    )),
    conversation_id uuid,
    message_id      uuid,
    link_kind       text,
    link_id         text,
    user_id         uuid,
    at              timestamptz NOT NULL,
    PRIMARY KEY (company_id, seq)
);

CREATE TABLE jobs (
    company_id   uuid NOT NULL REFERENCES companies (id),
    id           uuid NOT NULL,
    kind         text NOT NULL CHECK (kind ~ '^[a-z_]{1,40}$'),
    payload      jsonb NOT NULL DEFAULT '{}',
    dedupe_key   text,
    state        text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'buried')),
    run_at       timestamptz NOT NULL,
    attempts     smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    locked_by    text,
    locked_until timestamptz,
    last_error   text CHECK (char_length(last_error) <= 500),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (company_id, id)
);
CREATE INDEX jobs_ready ON jobs (run_at) WHERE state IN ('ready', 'running');
CREATE UNIQUE INDEX jobs_dedupe ON jobs (company_id, kind, dedupe_key) WHERE dedupe_key IS NOT NULL AND state IN ('ready', 'running');

CREATE TABLE audit_log (
    company_id     uuid NOT NULL REFERENCES company_stream (company_id),
    seq            bigint NOT NULL CHECK (seq > 0),
    action         text NOT NULL CHECK (action ~ '^[a-z_.]{1,60}$'),
    actor_id       uuid,
    target         text NOT NULL CHECK (octet_length(target) <= 200),
    detail         jsonb NOT NULL DEFAULT '{}',
    correlation_id uuid,
    at             timestamptz NOT NULL,
    PRIMARY KEY (company_id, seq)
);
