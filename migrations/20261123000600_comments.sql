-- What every table, column and function is, where people look for it: \d+ and \df+ in psql, every database browser, and
-- docs/data-model.md. A migration that adds something comments on it in the same file; a test fails otherwise.
--
-- Columns that mean the same everywhere are commented by rule at the end; whatever a table says for itself stands first.

-- ------------------------------------------------------------------------------------------------------------- schemas

COMMENT ON SCHEMA app IS 'What row-level security asks (who, where, may they) and the doors: one function for each hot path, run with the caller''s rights.';
COMMENT ON SCHEMA auth IS 'Sign-in: the few questions that must be answered before a company is known. Owned by postil_auth, which reads no talk and no record.';

-- --------------------------------------------------------------------------------------------------- people and companies

COMMENT ON TABLE companies IS 'A company: the border that nothing crosses. Its own id is what company_id is elsewhere.';
COMMENT ON COLUMN companies.id IS 'UUIDv7, cmp_ on the wire. Never changes.';
COMMENT ON COLUMN companies.name IS 'As people see it, 1 to 80 characters. May change.';
COMMENT ON COLUMN companies.slug IS 'Name for addresses: lower-case letters, digits, hyphens; unique on this installation. May change, addresses with it.';
COMMENT ON COLUMN companies.hue IS 'Colour on the OKLCH wheel, in degrees 0 to 359: people must see at a glance which company they are in. May change.';
COMMENT ON COLUMN companies.reply_depth_max IS 'How deep replies go: 0 allows none, a direct reply has depth 1. May change; messages that are deeper stay.';
COMMENT ON COLUMN companies.edit_window_s IS 'How long an author may edit a message after sending it, in seconds; 0 is never. May change, for old messages too.';
COMMENT ON COLUMN companies.embed_origins IS 'Origins (scheme://host[:port]) whose pages may frame the widget; empty is none. Becomes frame-ancestors. May change.';
COMMENT ON COLUMN companies.policy_version IS 'The version of policies in force; 0 before there is one, and then nobody may do anything. Moves forward by one; a trigger then tells the open sockets.';
COMMENT ON COLUMN companies.created_by IS 'Who made it; null: the operator. Never changes.';

COMMENT ON TABLE users IS 'A person, across all their companies, or an ERP''s service account. Belongs to no company: a request sees those that its company shares.';
COMMENT ON COLUMN users.id IS 'UUIDv7, usr_ on the wire. Never changes.';
COMMENT ON COLUMN users.email IS 'What they sign in with, in lower case; unique on this installation. May change.';
COMMENT ON COLUMN users.name IS 'As others see it, 1 to 80 characters. May change, in old messages too.';
COMMENT ON COLUMN users.locale IS 'Language tag (BCP 47) of their interface. May change.';
COMMENT ON COLUMN users.time_zone IS 'IANA time zone of their clock. May change.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id as a PHC string; null: no password opens this account. Only auth.account() reads it. May change.';
COMMENT ON COLUMN users.status IS 'active | deactivated: nothing opens a deactivated person''s account, in any company. May change; a trigger then tells the open sockets.';

COMMENT ON TABLE permissions IS 'The catalogue of actions, the same for every company: a policy can name nothing else. Equal to access::Action, which a test compares.';
COMMENT ON COLUMN permissions.action IS 'Its name, as policies write it. Never changes.';
COMMENT ON COLUMN permissions.description IS 'What it allows, for administrators.';

COMMENT ON TABLE roles IS 'The roles that members of a company can have. What a role may do stands in the policy.';
COMMENT ON COLUMN roles.key IS 'Name in policies: lower-case letters, digits, underscores. Never changes.';
COMMENT ON COLUMN roles.name IS 'As people see it. May change.';

COMMENT ON TABLE departments IS 'Departments of a company, as its ERP has them: policies speak of "their own department".';
COMMENT ON COLUMN departments.id IS 'UUIDv7, dep_ on the wire. Never changes.';
COMMENT ON COLUMN departments.name IS 'As people see it. May change.';

COMMENT ON TABLE projects IS 'Projects of a company, as its ERP has them: policies speak of "their own projects".';
COMMENT ON COLUMN projects.id IS 'UUIDv7, prj_ on the wire. Never changes.';
COMMENT ON COLUMN projects.name IS 'As people see it. May change.';

COMMENT ON TABLE memberships IS 'Who is in a company, as what. Never deleted: one that ended is deactivated, so that authors keep their names and keys their targets.';
COMMENT ON COLUMN memberships.user_id IS 'The person. Never changes.';
COMMENT ON COLUMN memberships.role_key IS 'Their role here. May change; a trigger then tells the open sockets.';
COMMENT ON COLUMN memberships.department_id IS 'Their department here; null: none, and then nothing is "of their own department". May change, with the same trigger.';
COMMENT ON COLUMN memberships.kind IS 'internal | external: whether they come from outside. Shown beside their name; rights come from the role alone. May change.';
COMMENT ON COLUMN memberships.job_title IS 'What they do here, 1 to 80 characters; null: not said. May change.';
COMMENT ON COLUMN memberships.status IS 'active | deactivated: a deactivated member sees nothing of the company. May change; a trigger then tells the open sockets.';

COMMENT ON TABLE project_members IS 'Who is in a project.';
COMMENT ON COLUMN project_members.project_id IS 'The project. Never changes.';
COMMENT ON COLUMN project_members.user_id IS 'The member. Never changes.';

COMMENT ON TABLE policies IS 'Versions of a company''s policy document. A version never changes: servers cache it for ever.';
COMMENT ON COLUMN policies.version IS '1, 2, 3 … within the company. Which one is in force says companies.policy_version.';
COMMENT ON COLUMN policies.document IS 'access::Policy as JSON: roles and rules.';
COMMENT ON COLUMN policies.comment IS 'Why it was changed, for the next administrator; empty: not said.';

COMMENT ON TABLE policy_grants IS 'A policy''s rules as row-level security reads them: one row for each rule, subject and action. Compiled from the document in the same transaction; never changes.';
COMMENT ON COLUMN policy_grants.version IS 'The version of the policy.';
COMMENT ON COLUMN policy_grants.ordinal IS 'Position in the compiled policy, from 1. Identifies, and means nothing: order does not matter to a verdict.';
COMMENT ON COLUMN policy_grants.rule_id IS 'The rule it comes from, as "why?" shows it.';
COMMENT ON COLUMN policy_grants.effect IS 'allow | deny. Any deny wins.';
COMMENT ON COLUMN policy_grants.role_key IS 'The role it is for; null when it is for one person.';
COMMENT ON COLUMN policy_grants.user_id IS 'The person it is for; null when it is for a role.';
COMMENT ON COLUMN policy_grants.action IS 'What it is about.';
COMMENT ON COLUMN policy_grants.scope IS 'Where it holds: company | unlinked | department | own_department | project | own_projects | kind | record | own_records.';
COMMENT ON COLUMN policy_grants.target IS 'Which department, project (uuid), kind, or record (kind/id); null for scopes that need none.';
COMMENT ON COLUMN policy_grants.token IS 'Generated: what is compared with linked_records.scope_tokens. A word with $ stands for the person''s own, which app.remember() puts in its place.';
COMMENT ON COLUMN policy_grants.setting IS 'Generated: the transaction-local setting under which app.remember() keeps the tokens of this effect and action.';

-- --------------------------------------------------------------------------------------------------------------- doors in

COMMENT ON TABLE sessions IS 'A signed-in browser or an embedded widget, in one company at a time. Purged some time after it ended.';
COMMENT ON COLUMN sessions.id IS 'UUIDv7, ses_ on the wire. Never changes; a switch of company changes the token, not the id.';
COMMENT ON COLUMN sessions.token_hash IS 'SHA-256 of the bearer token, 32 bytes: the token itself is nowhere. Changes with each switch of company.';
COMMENT ON COLUMN sessions.user_id IS 'Whose. Never changes.';
COMMENT ON COLUMN sessions.company_id IS 'Where it is now. Changes with a switch of company.';
COMMENT ON COLUMN sessions.kind IS 'browser: use prolongs it | embed: it ends when its token said. Never changes.';
COMMENT ON COLUMN sessions.context_epoch IS 'Counts the switches of company, from 1: answers that were under way during a switch are dropped by it.';
COMMENT ON COLUMN sessions.origin IS 'The page that embeds the widget; null for browser sessions. Never changes.';
COMMENT ON COLUMN sessions.created_at IS 'When the person signed in. Never changes.';
COMMENT ON COLUMN sessions.seen_at IS 'When it was last used, to the minute.';
COMMENT ON COLUMN sessions.expires_at IS 'When it ends unless used again. Its distance from seen_at is the idle time.';
COMMENT ON COLUMN sessions.revoked_at IS 'When it was ended by signing out or from outside; null: it was not. Set once.';

COMMENT ON TABLE realtime_tickets IS 'One-time tickets with which a page without cookies opens its socket. A row is gone when its ticket was used.';
COMMENT ON COLUMN realtime_tickets.ticket_hash IS 'SHA-256 of the ticket, 32 bytes.';
COMMENT ON COLUMN realtime_tickets.session_id IS 'The session it stands for; the ticket goes when the session goes.';
COMMENT ON COLUMN realtime_tickets.expires_at IS 'Half a minute after it was made.';

COMMENT ON TABLE api_keys IS 'Keys with which an ERP speaks to the REST API, as a service account of the company.';
COMMENT ON COLUMN api_keys.id IS 'UUIDv7, key_ on the wire: what administrators see of it. Never changes.';
COMMENT ON COLUMN api_keys.user_id IS 'The service account it acts as. Never changes.';
COMMENT ON COLUMN api_keys.name IS 'What it is for, as administrators call it. May change.';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the key, 32 bytes: the key itself was shown once. Never changes.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Since when it opens nothing; null: it works. Set once.';

COMMENT ON TABLE embed_keys IS 'Secrets with which an ERP signs embed tokens (HS256). Two at a time, so that one can replace the other without a gap.';
COMMENT ON COLUMN embed_keys.kid IS 'Its name in the token''s header. Never changes.';
COMMENT ON COLUMN embed_keys.secret_sealed IS 'The secret, sealed under the server''s secret for this purpose and company (nonce, ChaCha20-Poly1305): a stolen database forges no token. Changes when it is sealed again.';
COMMENT ON COLUMN embed_keys.retired_at IS 'Since when it signs nothing; null: it works. Set once.';

COMMENT ON TABLE embed_token_uses IS 'Embed tokens that were used: a token opens one session. Purged after expiry.';
COMMENT ON COLUMN embed_token_uses.jti IS 'The token''s own id.';
COMMENT ON COLUMN embed_token_uses.expires_at IS 'When the token would have expired anyway, and the row may go.';

-- ------------------------------------------------------------------------------------------------------------------- talk

COMMENT ON TABLE linked_records IS 'The registry of what talk is about: transactions, plans and topics of the ERP, kept current by its API key. Access to talk follows the record.';
COMMENT ON COLUMN linked_records.kind IS 'transaction | plan | topic. Never changes.';
COMMENT ON COLUMN linked_records.id IS 'The ERP''s own id, 1 to 128 of letters, digits and . _ / : # -. Never changes.';
COMMENT ON COLUMN linked_records.title IS 'As the ERP calls it now, 1 to 200 characters.';
COMMENT ON COLUMN linked_records.amount_minor IS 'Its amount now, in the currency''s smallest unit (cents; yen have none); null: it has none.';
COMMENT ON COLUMN linked_records.currency IS 'ISO 4217 code of the amount; null exactly when there is no amount.';
COMMENT ON COLUMN linked_records.status IS 'Its state now, in the ERP''s words; null: not said.';
COMMENT ON COLUMN linked_records.url IS 'Where it is in the ERP; null: nowhere to go.';
COMMENT ON COLUMN linked_records.owner_id IS 'The member who owns it in the ERP; null: nobody. Decides who may see it; a trigger tells the open sockets of a change.';
COMMENT ON COLUMN linked_records.department_id IS 'Its department; null: none. Decides who may see it, likewise.';
COMMENT ON COLUMN linked_records.project_id IS 'Its project; null: none. Decides who may see it, likewise.';
COMMENT ON COLUMN linked_records.scope_tokens IS 'Generated: * and k:, r:, o:, d:, p: with kind, kind/id, owner, department, project. Policies compare it with app.allowed() and app.denied().';
COMMENT ON COLUMN linked_records.created_by IS 'The service account that told of it first; null: set-up. Never changes.';
COMMENT ON COLUMN linked_records.updated_at IS 'When the ERP last told of it.';

COMMENT ON TABLE conversations IS 'Who talks about what: two people, a group, or everyone who may see a record. Deleted ones are visible to nobody.';
COMMENT ON COLUMN conversations.id IS 'UUIDv7, cnv_ on the wire. Never changes.';
COMMENT ON COLUMN conversations.kind IS 'direct (two people) | group (its participants) | record (whoever may see the record). Never changes.';
COMMENT ON COLUMN conversations.title IS 'A group''s name, 1 to 120 characters; null for direct ones, optional for a record''s. May change.';
COMMENT ON COLUMN conversations.direct_key IS 'The two people of a direct one, smaller id first, joined by a colon: so that there is one for each pair. Null for others.';
COMMENT ON COLUMN conversations.link_kind IS 'Kind of the record it is about; null unless kind is record. Never changes.';
COMMENT ON COLUMN conversations.link_id IS 'Id of the record it is about; null unless kind is record. Never changes.';
COMMENT ON COLUMN conversations.last_seq IS 'Position of its newest message, 0 before the first. Grows by one with each, under the row''s lock: positions are dense and in commit order.';
COMMENT ON COLUMN conversations.activity_at IS 'When something was last said: the order of the inbox. Never goes back.';
COMMENT ON COLUMN conversations.created_by IS 'Who began it. Never changes.';

COMMENT ON TABLE participants IS 'Who is in a direct or group conversation, and who follows a record''s. Following gives no right to see.';
COMMENT ON COLUMN participants.conversation_id IS 'The conversation. Never changes.';
COMMENT ON COLUMN participants.user_id IS 'The member. Never changes.';
COMMENT ON COLUMN participants.created_at IS 'Since when. Never changes.';
COMMENT ON COLUMN participants.created_by IS 'Who brought them in. Never changes.';
COMMENT ON COLUMN participants.deleted_at IS 'Since when they are out; null: they are in. A trigger tells the open sockets.';
COMMENT ON COLUMN participants.deleted_by IS 'Who put them out; null while they are in.';

COMMENT ON TABLE messages IS 'A message, root or reply, as it stands now. Changed only by its author within the window and by deletion, which leaves a tombstone.';
COMMENT ON COLUMN messages.id IS 'UUIDv7, msg_ on the wire. Never changes.';
COMMENT ON COLUMN messages.conversation_id IS 'Where it was said. Never changes.';
COMMENT ON COLUMN messages.seq IS 'Position in the conversation, from 1, dense, in commit order. Never changes.';
COMMENT ON COLUMN messages.parent_id IS 'The message it answers, of the same conversation; null for a root. Never changes.';
COMMENT ON COLUMN messages.root_id IS 'The message that began its thread; its own id for a root. Never changes.';
COMMENT ON COLUMN messages.path IS 'Positions (seq) from the root down to itself: sorted by it, a thread reads as a tree. Never changes.';
COMMENT ON COLUMN messages.depth IS 'How many messages are above it: 0 for a root, at most companies.reply_depth_max when it is written. Never changes.';
COMMENT ON COLUMN messages.author_id IS 'Who wrote it. Never changes.';
COMMENT ON COLUMN messages.client_key IS 'The Idempotency-Key it was sent with, by which its author''s client knows it again; null: set-up. Told to its author only. Never changes.';
COMMENT ON COLUMN messages.body IS 'Markdown as it was written, at most 8000 characters; empty for a tombstone.';
COMMENT ON COLUMN messages.text_ast IS 'The body parsed (domain::text::Document): what is sent and rendered. An empty list for a tombstone.';
COMMENT ON COLUMN messages.preview IS 'Its beginning without markup, on one line, at most 140 characters; empty for a tombstone.';
COMMENT ON COLUMN messages.link_kind IS 'Kind of the record that governs who may read it; null: no record does. Never changes.';
COMMENT ON COLUMN messages.link_id IS 'Id of that record; null: none. Never changes.';
COMMENT ON COLUMN messages.link_source IS 'Where the record comes from: own (named by the author) | parent (a reply stays with what it answers) | conversation; null: none. Never changes.';
COMMENT ON COLUMN messages.version IS '1, plus one for each edit: the row of message_versions that it shows.';
COMMENT ON COLUMN messages.created_at IS 'When the server took it. Never changes.';
COMMENT ON COLUMN messages.created_by IS 'The author, as in every table. Never changes.';
COMMENT ON COLUMN messages.edited_at IS 'When it was last edited; null: never.';
COMMENT ON COLUMN messages.deleted_at IS 'When it was deleted; null: it was not. Set once, together with the emptied text; the row stays for its replies.';
COMMENT ON COLUMN messages.deleted_by IS 'Who deleted it, its author or a moderator; null: it was not deleted.';

COMMENT ON TABLE threads IS 'Counters of a root''s replies, beside the root: whoever may reply may count, without a right to touch the message. No row before the first reply.';
COMMENT ON COLUMN threads.root_id IS 'The root. Never changes.';
COMMENT ON COLUMN threads.conversation_id IS 'The root''s conversation. Never changes.';
COMMENT ON COLUMN threads.reply_count IS 'Replies below the root at any depth, tombstones among them.';
COMMENT ON COLUMN threads.is_mixed IS 'Whether a reply named a record of its own. Then message_rows counts what its reader sees instead of showing the counters. Never goes back.';
COMMENT ON COLUMN threads.last_reply_at IS 'When the newest of them was written.';

COMMENT ON TABLE message_versions IS 'Every text that a message ever had. Rows are never changed. A tombstone''s are visible to moderators only.';
COMMENT ON COLUMN message_versions.message_id IS 'The message.';
COMMENT ON COLUMN message_versions.version IS '1 is what was sent; each edit adds one.';
COMMENT ON COLUMN message_versions.body IS 'Markdown of this version.';
COMMENT ON COLUMN message_versions.text_ast IS 'The body parsed.';
COMMENT ON COLUMN message_versions.created_at IS 'When it was written.';
COMMENT ON COLUMN message_versions.created_by IS 'Who wrote it: the message''s author.';

COMMENT ON TABLE message_links IS 'The record that a message is about, as it was when the message was written. At most one row a message, about one record of three kinds, the one the message names. Never changes.';
COMMENT ON COLUMN message_links.message_id IS 'The message.';
COMMENT ON COLUMN message_links.kind IS 'transaction | plan | topic.';
COMMENT ON COLUMN message_links.record_id IS 'The record''s id.';
COMMENT ON COLUMN message_links.title IS 'Its title then.';
COMMENT ON COLUMN message_links.amount_minor IS 'Its amount then, in the currency''s smallest unit; null: it had none.';
COMMENT ON COLUMN message_links.currency IS 'ISO 4217 code of that amount; null: it had none.';
COMMENT ON COLUMN message_links.status IS 'Its state then; null: not said.';
COMMENT ON COLUMN message_links.created_at IS 'When the message was written.';
COMMENT ON COLUMN message_links.created_by IS 'The message''s author.';

COMMENT ON TABLE read_receipts IS 'How far someone has read a conversation: one row a person and conversation, nothing is written for the others when a message is sent.';
COMMENT ON COLUMN read_receipts.conversation_id IS 'The conversation. Never changes.';
COMMENT ON COLUMN read_receipts.user_id IS 'The reader. Never changes.';
COMMENT ON COLUMN read_receipts.read_seq IS 'Position of the newest message they have read; 0 or no row: none. Moves forward only.';
COMMENT ON COLUMN read_receipts.read_at IS 'When it was last moved.';

COMMENT ON TABLE attachments IS 'Files that belong to messages; the bytes lie in the object store. Only clean ones are visible.';
COMMENT ON COLUMN attachments.id IS 'UUIDv7, att_ on the wire; also the object''s name in the store. Never changes.';
COMMENT ON COLUMN attachments.conversation_id IS 'Where it was uploaded. Never changes.';
COMMENT ON COLUMN attachments.message_id IS 'The message it came with; null: uploaded, not yet sent. Set once.';
COMMENT ON COLUMN attachments.file_name IS 'As the sender called it, 1 to 255 characters. Never a path on our side.';
COMMENT ON COLUMN attachments.media_type IS 'As it was detected, not as it was claimed.';
COMMENT ON COLUMN attachments.size_bytes IS 'Its length in bytes. Never changes.';
COMMENT ON COLUMN attachments.sha256 IS 'SHA-256 of its bytes, 32 bytes. Never changes.';
COMMENT ON COLUMN attachments.state IS 'quarantined (being checked) | clean | infected.';

COMMENT ON TABLE user_presence IS 'When someone was last there, written on transitions only: presence itself lives in Redis.';
COMMENT ON COLUMN user_presence.user_id IS 'The member. Never changes.';
COMMENT ON COLUMN user_presence.status IS 'online | away | offline, as of last_seen_at: a hint for when Redis is away, no truth.';
COMMENT ON COLUMN user_presence.last_seen_at IS 'When they were last seen. Never goes back.';

COMMENT ON TABLE notification_queue IS 'What someone should be told of: mentions, replies, messages. Shown only while they may read the message.';
COMMENT ON COLUMN notification_queue.id IS 'ntf_ on the wire. Never changes.';
COMMENT ON COLUMN notification_queue.user_id IS 'Who is to be told. Never changes.';
COMMENT ON COLUMN notification_queue.kind IS 'mention | reply | message. Never changes.';
COMMENT ON COLUMN notification_queue.message_id IS 'Of what. Never changes.';
COMMENT ON COLUMN notification_queue.seen_at IS 'When they saw it; null: not yet.';

COMMENT ON TABLE idempotency_keys IS 'What a request with an Idempotency-Key made, written with it in one transaction and kept as long: a retry after a week answers the same. Never changes.';
COMMENT ON COLUMN idempotency_keys.user_id IS 'Whose key: two people may use the same.';
COMMENT ON COLUMN idempotency_keys.key IS 'The key, 1 to 64 bytes.';
COMMENT ON COLUMN idempotency_keys.request_hash IS 'SHA-256 of the request, 32 bytes: the same key with another request is a mistake.';
COMMENT ON COLUMN idempotency_keys.conversation_id IS 'The conversation that was made; null when it was a message.';
COMMENT ON COLUMN idempotency_keys.message_id IS 'The message that was made; null when it was a conversation.';

-- ---------------------------------------------------------------------------------------------------- log, jobs and audit

COMMENT ON TABLE company_stream IS 'The ends of a company''s event and audit log. Updated last in each transaction that writes an event: the lock makes positions dense and in commit order.';
COMMENT ON COLUMN company_stream.last_seq IS 'Position of the newest event, 0 before the first. Moves forward only.';
COMMENT ON COLUMN company_stream.audit_seq IS 'Position of the newest audit entry, 0 before the first. Moves forward only.';

COMMENT ON TABLE event_log IS 'What happened in a company, in commit order: ids, never text. Sockets are fed from it, and resume by it. Rows never change; old ones may be dropped.';
COMMENT ON COLUMN event_log.seq IS 'Position in the company''s log, from 1, dense, in commit order.';
COMMENT ON COLUMN event_log.kind IS 'What happened: message.created | thread.reply.created | message.updated | message.deleted | conversation.updated | record.updated | access.changed.';
COMMENT ON COLUMN event_log.conversation_id IS 'Where; null: in no conversation.';
COMMENT ON COLUMN event_log.message_id IS 'To which message; null: to none.';
COMMENT ON COLUMN event_log.link_kind IS 'Kind of the record that governs who may learn of it, or that changed; null: none.';
COMMENT ON COLUMN event_log.link_id IS 'Id of that record; null: none.';
COMMENT ON COLUMN event_log.user_id IS 'Who did it; for access.changed whose access changed, null: that of everyone who could see the thing named, or of all.';
COMMENT ON COLUMN event_log.at IS 'When.';

COMMENT ON TABLE jobs IS 'Work to be done after the transaction that asked for it, at least once.';
COMMENT ON COLUMN jobs.id IS 'UUIDv7, job_ in logs. Never changes.';
COMMENT ON COLUMN jobs.kind IS 'Which work: lower-case letters and underscores. Never changes.';
COMMENT ON COLUMN jobs.payload IS 'What it needs to know: ids, never text of messages. Never changes.';
COMMENT ON COLUMN jobs.dedupe_key IS 'While a job of this kind and key is ready or running there is no second one; null: as many as are asked for.';
COMMENT ON COLUMN jobs.state IS 'ready | running | done | buried (given up; somebody must look).';
COMMENT ON COLUMN jobs.run_at IS 'Not before. Moves away with each failure.';
COMMENT ON COLUMN jobs.attempts IS 'How often it was begun.';
COMMENT ON COLUMN jobs.locked_by IS 'The worker that has it; null: nobody.';
COMMENT ON COLUMN jobs.locked_until IS 'When the worker''s lease ends and another may take it; null: nobody has it.';
COMMENT ON COLUMN jobs.last_error IS 'Why it failed last, at most 500 characters, no text of messages; null: it did not.';

COMMENT ON TABLE audit_log IS 'Who did what that must be answerable for: edits, deletions, changes of rights. Rows are never changed nor deleted.';
COMMENT ON COLUMN audit_log.seq IS 'Position in the company''s audit log, from 1, dense, in commit order.';
COMMENT ON COLUMN audit_log.action IS 'What was done, such as message.delete.';
COMMENT ON COLUMN audit_log.actor_id IS 'Who did it; null: the system.';
COMMENT ON COLUMN audit_log.target IS 'To what: an id, or kind/id.';
COMMENT ON COLUMN audit_log.detail IS 'What else must be known, as JSON; never text of messages.';
COMMENT ON COLUMN audit_log.correlation_id IS 'The request it was part of, as in answers and log lines; null: none.';
COMMENT ON COLUMN audit_log.at IS 'When.';

COMMENT ON VIEW message_rows IS 'A message as it travels: with its author, its record as it was then, and its thread''s counters. Shows what its reader''s policies show.';

-- ------------------------------------------------------------------------------------------------- functions: who and where

COMMENT ON FUNCTION app.user_id() IS 'The person for whom this transaction acts; null: nobody, who sees nothing.';
COMMENT ON FUNCTION app.company_id() IS 'The company in which this transaction acts; null: none, in which there is nothing.';
COMMENT ON FUNCTION app.enter(uuid, uuid) IS 'Makes this transaction act for a person in a company. Checks nothing: policies do. What it returns is of no use.';
COMMENT ON FUNCTION app.caller() IS 'Person and company of this transaction as one text: under this name what was worked out is remembered.';
COMMENT ON FUNCTION app.remember() IS 'Works out what the person may do in the company and keeps it in transaction-local settings. Returns whether they are an active member.';
COMMENT ON FUNCTION app.is_member() IS 'Whether the person is an active member of the company.';
COMMENT ON FUNCTION app.allowed(text) IS 'Tokens of the scopes in which the person is allowed an action; compare with linked_records.scope_tokens.';
COMMENT ON FUNCTION app.denied(text) IS 'Tokens of the scopes in which the person is denied an action; any match wins over every allow.';
COMMENT ON FUNCTION app.may(text, text, text) IS 'The verdict: action, kind and id of the record (both null: talk about none). A record that is not visible is not permitted.';
COMMENT ON FUNCTION app.judge_record(text, text, text) IS 'app.may() for a record, from the tables; remembers a yes.';
COMMENT ON FUNCTION app.my_conversation_ids() IS 'The conversations that the person takes part in, whether or not they see them.';
COMMENT ON FUNCTION app.is_new_conversation(uuid) IS 'Whether the person made this conversation and nobody is in it yet.';
COMMENT ON FUNCTION app.sees_conversation(uuid) IS 'Whether the person sees a conversation.';
COMMENT ON FUNCTION app.judge_conversation(uuid) IS 'app.sees_conversation(), from the tables; remembers a yes.';
COMMENT ON FUNCTION app.sees_message(uuid, text, text) IS 'Whether the person reads messages of a conversation about a record (both null: about none).';
COMMENT ON FUNCTION app.judge_message(uuid, text, text) IS 'app.sees_message(), from the tables; remembers a yes.';
COMMENT ON FUNCTION app.is_author(uuid) IS 'Whether the person wrote a message and sees it.';
COMMENT ON FUNCTION app.judge_author(uuid) IS 'app.is_author(), from the tables; remembers a yes.';
COMMENT ON FUNCTION app.schema_generation() IS 'The oldest generation of builds that can live with this schema; see migrations/README.md.';

-- ------------------------------------------------------------------------------------------------------ functions: guards

COMMENT ON FUNCTION app.messages_guard() IS 'Trigger: a message stands right below its parent and not too deep, a reply stays with its parent''s record, edits are the author''s and in time, tombstones stay.';
COMMENT ON FUNCTION app.conversations_guard() IS 'Trigger: positions grow by one.';
COMMENT ON FUNCTION app.stream_guard() IS 'Trigger: a stream moves forward, by at most 1000 at once.';
COMMENT ON FUNCTION app.immutable() IS 'Trigger: refuses every change of an append-only table.';
COMMENT ON FUNCTION app.access_changed() IS 'Trigger: writes access.changed when a role, membership, participant, record or policy changes who may see what, whoever changes it.';
COMMENT ON FUNCTION app.note_access(uuid, uuid) IS 'Writes access.changed for a person into a company''s log.';

-- ------------------------------------------------------------------------------------------------------- functions: doors

COMMENT ON FUNCTION app.facts(uuid, uuid, uuid, uuid, text, text) IS 'What a verdict must know about a conversation, a message and a record, as far as the caller sees them; no row: one that was asked for is not there for them.';
COMMENT ON FUNCTION app.next_seq(uuid, integer) IS 'Takes n positions of the company''s stream and returns the first. The last thing before the events.';
COMMENT ON FUNCTION app.audit(uuid, uuid, text, text, jsonb, uuid, timestamptz) IS 'Writes an entry of the audit log.';
COMMENT ON FUNCTION app.message_send(uuid, uuid, text, bytea, uuid, uuid, uuid, text, text, text, jsonb, text, uuid[], timestamptz) IS
    'One send: idempotency, place in the thread, position, message, version, link, counters, read pointer, event. Outcome: created | replayed | mismatch | not_found | too_deep | parent_deleted | link_conflict. PT409: a racing twin won.';
COMMENT ON FUNCTION app.message_replay(uuid, bytea, uuid, bytea) IS 'The answer to a send that had been stored before, as far as the sender still sees it: replayed | mismatch | not_found.';
COMMENT ON FUNCTION app.message_edit(uuid, uuid, uuid, integer, text, jsonb, text, timestamptz, uuid) IS 'Edits a message of the caller: updated | not_found | deleted | version (someone was quicker) | window (too late).';
COMMENT ON FUNCTION app.message_delete(uuid, uuid, uuid, timestamptz, uuid) IS 'Leaves a tombstone: deleted | not_found | already.';
COMMENT ON FUNCTION app.message_page(uuid, uuid, uuid, bigint, integer, integer) IS 'Threads of a conversation before a position, newest first, each with its first replies.';
COMMENT ON FUNCTION app.record_page(uuid, uuid, text, text, timestamptz, uuid, integer) IS 'Everything about one record, in any conversation, newest first.';
COMMENT ON FUNCTION app.thread_page(uuid, uuid, uuid, bigint[], integer) IS 'A root and a page of its replies in thread order, after a path.';
COMMENT ON FUNCTION app.unread(uuid, uuid, bigint, integer) IS 'Messages of others after a position that the caller sees, counted to a bound and not further.';
COMMENT ON FUNCTION app.inbox(uuid, uuid, uuid, text, text, timestamptz, uuid, integer, integer) IS 'Conversations that the caller takes part in (or the one named, or those about a record), with what a list shows of each.';
COMMENT ON FUNCTION app.unread_total(uuid, uuid, integer) IS 'Unread messages in everything that the caller takes part in, counted to a bound and not further.';
COMMENT ON FUNCTION app.mark_read(uuid, uuid, uuid, bigint, timestamptz, integer) IS 'Moves the caller''s read pointer forward, never past the end; no row: they don''t see the conversation.';
COMMENT ON FUNCTION app.conversation_create(uuid, uuid, text, bytea, uuid, text, text, uuid[], text, text, timestamptz) IS 'Begins a conversation: created | existing (direct and record) | replayed | mismatch | not_found.';
COMMENT ON FUNCTION app.record_upsert(uuid, uuid, text, text, text, bigint, text, text, text, uuid, uuid, uuid, timestamptz) IS 'Stores what the ERP says a record is now. Returns the event''s position.';

-- ----------------------------------------------------------------------------------------------------- functions: sign-in

COMMENT ON FUNCTION auth.account(text) IS 'Person and password hash for an address; no row: nobody active has it.';
COMMENT ON FUNCTION auth.profile(uuid) IS 'A person''s own profile, before a company is known.';
COMMENT ON FUNCTION auth.companies(uuid) IS 'The companies that a person is an active member of, with their role in each.';
COMMENT ON FUNCTION auth.session_create(uuid, bytea, uuid, uuid, text, text, timestamptz, timestamptz) IS 'Opens a session in a company; false: the person is no active member there.';
COMMENT ON FUNCTION auth.session_open(bytea, timestamptz) IS 'A live session with membership and policy version as of now; no row: there is none. Use prolongs a browser''s.';
COMMENT ON FUNCTION auth.session_switch(bytea, bytea, uuid, timestamptz) IS 'Moves a browser''s session into another company under a fresh token; false: not theirs, or no member there.';
COMMENT ON FUNCTION auth.session_end(bytea, timestamptz) IS 'Ends a session; no row: it had ended.';
COMMENT ON FUNCTION auth.ticket_create(bytea, uuid, timestamptz) IS 'Stores a one-time ticket for a session''s socket.';
COMMENT ON FUNCTION auth.ticket_redeem(bytea, timestamptz) IS 'Uses up a ticket and returns its session''s token hash; null: it opens nothing.';
COMMENT ON FUNCTION auth.api_key_open(bytea) IS 'The service account behind an API key; no row: it opens nothing.';
COMMENT ON FUNCTION auth.embed_key(uuid, text) IS 'A company''s sealed embed secret and its origins; no row: no such key.';
COMMENT ON FUNCTION auth.embed_origins(uuid) IS 'Origins that may frame a company''s widget; null: no such company.';
COMMENT ON FUNCTION auth.embed_token_use(uuid, text, timestamptz) IS 'True for the first use of an embed token.';
COMMENT ON FUNCTION auth.member_by_email(uuid, text) IS 'The active member with an address; null: none.';
COMMENT ON FUNCTION auth.stream_tails(uuid[]) IS 'Ends of several companies'' streams: positions only. For the hub.';
COMMENT ON FUNCTION auth.sessions_alive(uuid[], timestamptz) IS 'Those of some sessions that are still good, with their company. For open sockets.';
COMMENT ON FUNCTION auth.jobs_claim(text, timestamptz, integer, integer) IS 'Leases the next jobs that are due, of any company, to one worker.';
COMMENT ON FUNCTION auth.purge_expired(timestamptz) IS 'Deletes sessions, tickets and token uses that ended before a moment. Returns how many.';
COMMENT ON FUNCTION auth.user_changed() IS 'Trigger: tells every company of a person that their account was closed or opened.';

-- --------------------------------------------------------------------------------------------- what is the same everywhere

DO $$
DECLARE
    c record;
    v_text text;
BEGIN
    FOR c IN
        SELECT t.relname AS table_name, a.attname AS column_name, a.attnotnull AS is_required
        FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND col_description(t.oid, a.attnum) IS NULL
        AND a.attname IN ('company_id', 'created_at', 'created_by', 'updated_at', 'deleted_at', 'deleted_by')
    LOOP
        v_text := CASE c.column_name
            WHEN 'company_id' THEN 'The company whose row this is: first in every key, checked by row-level security. Never changes.'
            WHEN 'created_at' THEN 'When the row was made. Never changes.'
            WHEN 'created_by' THEN CASE WHEN c.is_required THEN 'Who made it. Never changes.' ELSE 'Who made it; null: set-up or the system. Never changes.' END
            WHEN 'updated_at' THEN 'When the row last changed.'
            WHEN 'deleted_at' THEN 'When it was deleted; null: it was not. The row stays.'
            WHEN 'deleted_by' THEN 'Who deleted it; null: it was not deleted, or the system did.'
        END;
        EXECUTE format('COMMENT ON COLUMN public.%I.%I IS %L', c.table_name, c.column_name, v_text);
    END LOOP;
END $$;
