//! The checks that are taken away, one at a time. Each is a single condition, policy, trigger or grant; the tests named
//! beside it must then fail.
//!
//! A text that is replaced must stand there exactly once: a unit test looks for those in Rust, PostgreSQL for the others.

/// How a wall in the database is taken down.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// In a function's definition, as `pg_get_functiondef` writes it, the first text becomes the second.
    Function(&'static str, &'static str, &'static str),
    /// In a policy's USING, as `pg_get_expr` writes it.
    Using(&'static str, &'static str, &'static str, &'static str),
    /// In a policy's WITH CHECK.
    Check(&'static str, &'static str, &'static str, &'static str),
    /// Any statement.
    Run(&'static str),
}

/// A wall in the database, and the tests that hold it.
#[derive(Clone, Copy, Debug)]
pub struct Sql {
    pub name: &'static str,
    pub deed: Deed,
    pub tests: &'static str,
}

/// A check in the program, and the tests that hold it.
#[derive(Clone, Copy, Debug)]
pub struct Rust {
    pub name: &'static str,
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub tests: &'static str,
}

/// Finds messages by their words.
const SEARCH: &str =
    "app.search_candidates(text,uuid,text,text,uuid,timestamptz,timestamptz,uuid[],timestamptz,uuid,integer)";

/// Keeps what an access hook said.
const NARROW: &str = "app.narrow(uuid,uuid,jsonb,jsonb,timestamptz,timestamptz,text,text,uuid,uuid[])";

pub const SQL: &[Sql] = &[
    Sql {
        name: "slow mode is a moderator's to set, by hand, too",
        deed: Deed::Run("DROP TRIGGER conversations_slow_mode ON conversations"),
        tests: "test(rest::abuse::slow_mode_is_a_moderators_and_slows_everybody_else)",
    },
    Sql {
        name: "the trail is read by who looks after members",
        deed: Deed::Run("ALTER POLICY refusals_read ON refusals USING (true)"),
        tests: "test(rest::abuse::refusals_leave_a_trail_that_administrators_read_and_nobody_floods)",
    },
    Sql {
        name: "limits are changed by who looks after members",
        deed: Deed::Run("ALTER POLICY company_limits_update ON company_limits USING (true) WITH CHECK (true)"),
        tests: "test(rest::abuse::settings_have_versions_bounds_and_a_history)",
    },
    Sql {
        name: "who is required a hook's answer has one",
        deed: Deed::Function("app.remember()", "v_narrowed IS NULL", "false"),
        tests: "test(hook::an_answer_that_is_no_answer_takes_everything)",
    },
    Sql {
        name: "an answer of the hook ends",
        deed: Deed::Function("app.remember()", "now() < n.until", "true"),
        tests: "test(hook::an_answer_lasts_as_long_as_it_says_and_a_silence_then_closes)",
    },
    Sql {
        name: "an answer of the hook holds for who it was about",
        deed: Deed::Function("app.remember()", "n.attributes = app.hook_attributes(", "'' <> app.hook_attributes("),
        tests: "test(hook::whoever_becomes_something_else_is_nobody_until_the_hook_has_said_what_it_takes_from_that)",
    },
    Sql {
        name: "an answer is kept for who it was asked about",
        deed: Deed::Function(NARROW, "v_attributes IS DISTINCT FROM v_now_attributes", "false"),
        tests: "test(hook::the_database_keeps_no_answer_about_another_role_from_the_future_for_too_long_or_after_a_newer_one)",
    },
    Sql {
        name: "what was asked later stays",
        deed: Deed::Function(NARROW, "p_at < n.asked_at", "false"),
        tests: "test(hook::the_database_keeps_no_answer_about_another_role_from_the_future_for_too_long_or_after_a_newer_one)",
    },
    Sql {
        name: "no answer lasts longer than it may",
        deed: Deed::Function(NARROW, "least(p_until, clock_timestamp() + interval '300 seconds')", "p_until"),
        tests: "test(hook::the_database_keeps_no_answer_about_another_role_from_the_future_for_too_long_or_after_a_newer_one)",
    },
    Sql {
        name: "what a hook takes in force is nobody's to remove",
        deed: Deed::Run("DROP POLICY narrowing_grants_superseded ON narrowing_grants"),
        tests: "test(hook::of_an_answer_that_was_replaced_only_what_it_said_is_kept)",
    },
    Sql {
        name: "places are judged before anything found is told",
        deed: Deed::Function(SEARCH, "WHERE readable.ns[place.n]", "WHERE true"),
        tests: "test(rest::search::nobody_finds_what_they_may_not_read)",
    },
    Sql {
        name: "what a block folds is not found",
        deed: Deed::Function(SEARCH, "s.author_id <> ALL (p_folded)", "true"),
        tests: "test(rest::search::what_a_block_folds_is_not_found_but_business_is)",
    },
    Sql {
        name: "the door tells of nobody else what the hook takes",
        deed: Deed::Function("auth.narrowing(uuid,uuid)", "p_user = app.user_id()", "true"),
        tests: "test(hook::who_serves_requests_can_neither_answer_for_the_hook_nor_read_what_it_says_of_others)",
    },
    Sql {
        name: "what the hook takes is taken in the database",
        deed: Deed::Function("app.remember()", "n.since = v_narrowed", "false"),
        tests: "test(hook::what_the_hook_takes_is_gone_from_lists_counts_and_rows_and_both_walls_say_so)",
    },
    Sql {
        name: "sockets hear of another answer of the hook",
        deed: Deed::Run("DROP TRIGGER narrowings_access ON narrowings"),
        tests: "test(hook::sockets_follow_what_the_hook_says)",
    },
    Sql {
        name: "sockets hear that a hook is required",
        deed: Deed::Run("DROP TRIGGER access_hooks_access ON access_hooks"),
        tests: "test(hook::a_company_that_begins_to_require_a_hook_withdraws_until_it_answers)",
    },
    Sql {
        name: "what the hook says of others is the administrator's to read",
        deed: Deed::Run("ALTER POLICY narrowings_read ON narrowings USING (true)"),
        tests: "test(hook::who_serves_requests_can_neither_answer_for_the_hook_nor_read_what_it_says_of_others)",
    },
    Sql {
        name: "the tenant wall of messages",
        deed: Deed::Run("DROP POLICY messages_tenant ON messages"),
        tests: "test(catalogue::every_tenant_table_has_the_restrictive_wall_for_all_who_are_bound_by_it)",
    },
    Sql {
        name: "the tenant wall of conversations, but for its name",
        deed: Deed::Run("ALTER POLICY conversations_tenant ON conversations USING (true) WITH CHECK (true)"),
        tests: "test(attacks::context::the_house_and_the_worker_are_bound_to_one_company_too)",
    },
    Sql {
        name: "forced row-level security of messages",
        deed: Deed::Run("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY"),
        tests: "test(attacks::context::the_house_and_the_worker_are_bound_to_one_company_too)",
    },
    Sql {
        name: "messages are read where they may be",
        deed: Deed::Run("ALTER POLICY messages_read ON messages USING (true)"),
        tests: "test(attacks::context::a_context_that_changes_within_a_transaction_changes_the_verdict)",
    },
    Sql {
        name: "a conversation is its participants'",
        deed: Deed::Function("app.judge_conversation(uuid)", "c.kind = 'record' OR EXISTS", "true OR EXISTS"),
        tests: "test(attacks::context::a_context_that_changes_within_a_transaction_changes_the_verdict)",
    },
    Sql {
        name: "who has left a conversation is not in it",
        deed: Deed::Function("app.judge_conversation(uuid)", " AND p.deleted_at IS NULL", ""),
        tests: "test(attacks::pool::a_right_that_was_remembered_ends_with_the_transaction_at_the_latest)",
    },
    Sql {
        name: "a deactivated membership is none",
        deed: Deed::Function("app.remember()", "m.status = 'active' AND ", ""),
        tests: "test(attacks::context::somebody_who_left_sees_nothing_from_the_next_transaction_on)",
    },
    Sql {
        name: "a deactivated person is nobody",
        deed: Deed::Function("app.remember()", "u.status = 'active' AND ", ""),
        tests: "test(attacks::context::somebody_who_left_sees_nothing_from_the_next_transaction_on)",
    },
    Sql {
        name: "what is remembered bears a name",
        deed: Deed::Function("app.is_member()", "= app.caller()", "IS NOT NULL"),
        tests: "test(attacks::context::a_context_that_changes_within_a_transaction_changes_the_verdict)",
    },
    Sql {
        name: "a remembered yes bears a name",
        deed: Deed::Function(
            "app.sees_message(uuid,text,text)",
            "WHEN current_setting('app.reads', true) =",
            "WHEN app.caller() || substr(current_setting('app.reads', true), length(app.caller()) + 1) =",
        ),
        tests: "test(attacks::pool::a_memory_forged_for_the_session_is_not_the_next_persons)",
    },
    Sql {
        name: "the context is the transaction's, not the session's",
        deed: Deed::Function(
            "app.enter(uuid,uuid)",
            "''), true) || set_config('app.company_id', coalesce(p_company::text, ''), true)",
            "''), false) || set_config('app.company_id', coalesce(p_company::text, ''), false)",
        ),
        tests: "test(attacks::context::a_context_ends_with_its_transaction)",
    },
    Sql {
        name: "a message is written under one's own name",
        deed: Deed::Check("messages_insert", "messages", "(author_id = ( SELECT app.user_id() AS user_id))", "true"),
        tests: "test(attacks::writes::nobody_writes_in_anothers_name)",
    },
    Sql {
        name: "whoever deletes says so under their own name",
        deed: Deed::Run("ALTER POLICY messages_update ON messages WITH CHECK (true)"),
        tests: "test(attacks::writes::a_deletion_names_who_deleted)",
    },
    Sql {
        name: "an update does not reach what is hidden",
        deed: Deed::Using(
            "messages_update",
            "messages",
            "app.sees_message(conversation_id, link_kind, link_id)",
            "true",
        ),
        tests: "test(attacks::writes::an_update_without_a_condition_does_not_reach_what_is_hidden)",
    },
    Sql {
        name: "nobody enters a conversation by themselves",
        deed: Deed::Check("participants_insert", "participants", "app.is_new_conversation(conversation_id)", "true"),
        tests: "test(attacks::oracles::a_reference_tells_nothing_about_hidden_talk_of_the_own_company)",
    },
    Sql {
        name: "the maker of a conversation enters it once",
        deed: Deed::Run(
            "CREATE OR REPLACE FUNCTION app.is_new_conversation(p_conversation uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ BEGIN RETURN app.is_member() AND EXISTS (SELECT 1 FROM public.conversations c WHERE c.company_id = app.company_id() AND c.id = p_conversation AND c.created_by = app.user_id()); END $$",
        ),
        tests: "test(attacks::privileges::whoever_made)",
    },
    Sql {
        name: "a direct conversation is its maker's",
        deed: Deed::Check("conversations_insert", "conversations", "(direct_key IS NULL)", "true"),
        tests: "test(attacks::oracles::a_unique_key_tells_nothing_about_hidden_talk)",
    },
    Sql {
        name: "a key does not ask which messages exist",
        deed: Deed::Check("idempotency_keys_insert", "idempotency_keys", "app.is_author(message_id)", "true"),
        tests: "test(attacks::oracles::a_reference_tells_nothing_about_hidden_talk_of_the_own_company)",
    },
    Sql {
        name: "a key does not ask which conversations exist",
        deed: Deed::Check(
            "idempotency_keys_insert",
            "idempotency_keys",
            "app.sees_conversation(conversation_id)",
            "true",
        ),
        tests: "test(attacks::oracles::a_reference_tells_nothing_about_hidden_talk_of_the_own_company)",
    },
    Sql {
        name: "a notice does not ask which messages exist",
        deed: Deed::Run("ALTER POLICY notification_queue_insert ON notification_queue WITH CHECK (true)"),
        tests: "test(attacks::oracles::a_reference_tells_nothing_about_hidden_talk_of_the_own_company)",
    },
    Sql {
        name: "a read pointer does not ask which conversations exist",
        deed: Deed::Check("read_receipts_insert", "read_receipts", "app.sees_conversation(conversation_id)", "true"),
        tests: "test(attacks::oracles::a_reference_tells_nothing_about_hidden_talk_of_the_own_company)",
    },
    Sql {
        name: "a tombstone's text is withheld",
        deed: Deed::Using("message_versions_read", "message_versions", "(m.deleted_at IS NULL)", "true"),
        tests: "test(attacks::writes::a_tombstone_stays_one)",
    },
    Sql {
        name: "only the ERP writes records",
        deed: Deed::Run("ALTER POLICY linked_records_update ON linked_records USING (true) WITH CHECK (true)"),
        tests: "test(attacks::writes::only_the_erp_writes_records)",
    },
    Sql {
        name: "a record that is gone is nobody's",
        deed: Deed::Using(
            "linked_records_read",
            "linked_records",
            "(deleted_at IS NULL)",
            "(deleted_at IS NULL OR true)",
        ),
        tests: "test(attacks::privileges::a_record)",
    },
    Sql {
        name: "a deny beats whatever allows",
        deed: Deed::Run(
            "CREATE OR REPLACE FUNCTION app.denied(p_action text) RETURNS text[] LANGUAGE sql STABLE AS $$ SELECT '{}'::text[] $$",
        ),
        tests: "test(/^verdicts::/)",
    },
    Sql {
        name: "who edits is the author",
        deed: Deed::Function("app.messages_guard()", "OLD.author_id IS DISTINCT FROM app.user_id() OR ", ""),
        tests: "test(attacks::writes::others_messages_stay_as_they_are)",
    },
    Sql {
        name: "an edit ends with the window",
        deed: Deed::Function(
            "app.messages_guard()",
            " OR NEW.edited_at > OLD.created_at + make_interval(secs => v_window)",
            "",
        ),
        tests: "test(attacks::writes::an_edit_ends_with_the_window)",
    },
    Sql {
        name: "a tombstone does not change",
        deed: Deed::Function("app.messages_guard()", "IF OLD.deleted_at IS NOT NULL THEN", "IF false THEN"),
        tests: "test(attacks::writes::a_tombstone_stays_one)",
    },
    Sql {
        name: "a reply keeps the record of what it answers",
        deed: Deed::Function("app.messages_guard()", "IF v_parent.link_source IN ('own', 'parent')", "IF false"),
        tests: "test(attacks::threads::a_reply_cannot_leave_the_record_of_what_it_answers)",
    },
    Sql {
        name: "the company's depth",
        deed: Deed::Function("app.messages_guard()", "NEW.depth > coalesce(v_depth_max, 0)", "false"),
        tests: "test(attacks::threads::no_reply_is_deeper_than_the_company_allows_however_it_is_written)",
    },
    Sql {
        name: "positions are dense",
        deed: Deed::Run("DROP TRIGGER conversations_guard ON conversations"),
        tests: "test(attacks::writes::positions_only_move_forward_by_one)",
    },
    Sql {
        name: "a stream only moves forward",
        deed: Deed::Run("DROP TRIGGER stream_guard ON company_stream"),
        tests: "test(attacks::writes::positions_only_move_forward_by_one)",
    },
    Sql {
        name: "versions do not change, by nobody's hand",
        deed: Deed::Run("DROP TRIGGER message_versions_immutable ON message_versions"),
        tests: "test(attacks::writes::history_is_not_rewritten)",
    },
    Sql {
        name: "a change of membership is told to open sockets",
        deed: Deed::Run("DROP TRIGGER memberships_access ON memberships"),
        tests: "test(attacks::privileges::whatever)",
    },
    Sql {
        name: "the view asks as its reader",
        deed: Deed::Run("ALTER VIEW message_rows SET (security_invoker = false)"),
        tests: "test(attacks::leaks::a_view_is_told_to_ask_as_the_reader)",
    },
    Sql {
        name: "password hashes are sign-in's",
        deed: Deed::Run("GRANT SELECT ON users TO postil_app"),
        tests: "test(attacks::privileges::secrets_and_logs_are_out_of_reach)",
    },
    Sql {
        name: "sessions are sign-in's",
        deed: Deed::Run("GRANT SELECT ON sessions TO postil_app"),
        tests: "test(attacks::privileges::secrets_and_logs_are_out_of_reach)",
    },
    Sql {
        name: "temporary names come last",
        deed: Deed::Run("ALTER FUNCTION app.remember() SET search_path = pg_catalog, public"),
        tests: "test(attacks::shadows::a_temporary_type_is_no_way_into_a_function_of_its_owner)",
    },
    Sql {
        name: "no statistics of what people write",
        deed: Deed::Run("ALTER TABLE messages ALTER COLUMN body SET STATISTICS -1"),
        tests: "test(attacks::leaks::an_estimate_does_not_tell_what_others_wrote)",
    },
    Sql {
        name: "the same key with another request is refused",
        deed: Deed::Function("app.message_replay(uuid,bytea,uuid,bytea)", "p_stored <> p_hash", "false"),
        tests: "test(doors::send::a_retry_gets_the_same_answer_and_leaves_nothing)",
    },
    Sql {
        name: "a session ends",
        deed: Deed::Function("auth.session_open(bytea,timestamp with time zone)", "s.expires_at > p_at;", "true;"),
        tests: "test(sign_in)",
    },
    Sql {
        name: "moderators open what was reported",
        deed: Deed::Function("app.case_open(uuid,uuid,uuid,uuid,timestamptz)", "v_case.author_id = p_user OR ", ""),
        tests: "test(moderation::walls::the_door_opens_reported_messages_only_and_only_for_their_moderators)",
    },
    Sql {
        name: "a look at a case is told",
        deed: Deed::Function(
            "app.case_open(uuid,uuid,uuid,uuid,timestamptz)",
            "'moderation.view'",
            "'moderation.viewed'",
        ),
        tests: "test(moderation::queue::an_opened_case_shows_two_neighbours_of_its_thread_and_every_look_is_told)",
    },
    Sql {
        name: "nobody judges themselves",
        deed: Deed::Function(
            "app.moderate(uuid,uuid,uuid,text,uuid,text,timestamptz,boolean,uuid,timestamptz)",
            "m.author_id = p_user OR ",
            "",
        ),
        tests: "test(moderation::walls::the_door_opens_reported_messages_only_and_only_for_their_moderators)",
    },
    Sql {
        name: "versions of hidden messages are nobody's",
        deed: Deed::Using("message_versions_read", "message_versions", "(m.hidden_at IS NULL)", "true"),
        tests: "test(moderation::walls::the_text_of_a_hidden_message_is_in_no_row_that_anybody_reads)",
    },
    Sql {
        name: "reports are their reporters'",
        deed: Deed::Run("ALTER POLICY message_reports_read ON message_reports USING (true)"),
        tests: "test(moderation::walls::reports_are_the_reporters_own_and_cases_are_nobodys_to_write)",
    },
    Sql {
        name: "mutes and removals reach as far as the right over the conversation",
        deed: Deed::Function(
            "app.moderate(uuid,uuid,uuid,text,uuid,text,timestamptz,boolean,uuid,timestamptz)",
            "AND NOT app.may('admin:moderate', v_place.link_kind, v_place.link_id)",
            "AND false",
        ),
        tests: "test(moderation::rails::who_moderates_a_record_does_not_rule_over_the_group_in_which_it_is_named)",
    },
    Sql {
        name: "nobody judges who holds more",
        deed: Deed::Function(
            "app.moderate(uuid,uuid,uuid,text,uuid,text,timestamptz,boolean,uuid,timestamptz)",
            "p_act <> 'resolve' AND NOT app.may_judge(m.author_id)",
            "false",
        ),
        tests: "test(moderation::rails::nobody_judges_who_moderates_or_audits_more)",
    },
    Sql {
        name: "who moderates and who audits holds more",
        deed: Deed::Function("app.may_judge(uuid)", ", 'admin:moderate', 'admin:export'", ""),
        tests: "test(moderation::rails::nobody_judges_who_moderates_or_audits_more)",
    },
    Sql {
        name: "what holds everywhere is lifted by who may say so",
        deed: Deed::Function(
            "app.moderate(uuid,uuid,uuid,text,uuid,text,timestamptz,boolean,uuid,timestamptz)",
            "p_act = 'unmute' AND EXISTS",
            "false AND EXISTS",
        ),
        tests: "test(moderation::rails::lifting_a_mute_lifts_what_holds_here_and_says_nothing_that_is_not_so)",
    },
    Sql {
        name: "a mute elsewhere is not lifted here",
        deed: Deed::Function(
            "app.moderate(uuid,uuid,uuid,text,uuid,text,timestamptz,boolean,uuid,timestamptz)",
            "x.conversation_id IS NULL OR x.conversation_id = m.conversation_id)",
            "true)",
        ),
        tests: "test(moderation::rails::lifting_a_mute_lifts_what_holds_here_and_says_nothing_that_is_not_so)",
    },
    Sql {
        name: "deleting has a rail",
        deed: Deed::Function(
            "app.message_delete(uuid,uuid,uuid,timestamptz,uuid)",
            "NOT app.may_judge(v.author_id)",
            "false",
        ),
        tests: "test(moderation::rails::deleting_has_the_rail_that_hiding_has)",
    },
    Sql {
        name: "and by hand",
        deed: Deed::Function(
            "app.messages_guard()",
            "OLD.author_id = app.user_id() OR app.may_judge(OLD.author_id)",
            "true",
        ),
        tests: "test(moderation::rails::deleting_has_the_rail_that_hiding_has)",
    },
    Sql {
        name: "a report is of the version that stands there",
        deed: Deed::Run("DROP TRIGGER message_reports_version ON message_reports"),
        tests: "test(moderation::rails::an_edit_takes_nothing_from_a_report_and_another_report_is_about_what_stands_now)",
    },
    Sql {
        name: "a tombstone is told to whom the message was visible",
        deed: Deed::Function("app.report_version()", " AND v.is_seen", ""),
        tests: "test(moderation::rails::what_is_deleted_while_it_is_reported_is_a_tombstone_and_no_alarm)",
    },
    Sql {
        name: "a deny rule keeps texts from moderators",
        deed: Deed::Function("app.is_denied_text(uuid,text,text)", "WHEN x.is_own THEN", "WHEN false THEN"),
        tests: "test(moderation::rails::a_deny_rule_keeps_texts_from_moderators_who_judge_all_the_same)",
    },
    Sql {
        name: "notes are for whoever opened the case just now",
        deed: Deed::Function("app.case_history(uuid,uuid,uuid)", "l.xmin = pg_current_xact_id()::xid", "true"),
        tests: "test(moderation::walls::a_look_that_is_not_told_is_no_look)",
    },
    Sql {
        name: "a correlation id would name the reporter",
        deed: Deed::Function("app.report_counts()", "NULL, NEW.created_at);", "app.correlation_id(), NEW.created_at);"),
        tests: "test(moderation::rails::the_log_names_no_reporter_keeps_no_reason_and_hears_of_who_looks_at_the_queue)",
    },
    Sql {
        name: "what is folded is no number",
        deed: Deed::Function("app.unread(uuid,uuid,bigint,integer)", "m.author_id <> ALL (v_blocked)", "true"),
        tests: "test(moderation::blocks::what_is_folded_is_neither_quoted_nor_counted_and_business_is)",
    },
    Sql {
        name: "what is hidden is no number",
        deed: Deed::Function("app.unread(uuid,uuid,bigint,integer)", " AND m.hidden_at IS NULL", ""),
        tests: "test(moderation::rails::a_hidden_message_is_no_number_and_its_html_and_files_are_gone)",
    },
    Sql {
        name: "a group of two is no way around a block",
        deed: Deed::Run("DROP TRIGGER participants_blocked ON participants"),
        tests: "test(moderation::blocks::a_group_of_two_is_no_way_around_a_block)",
    },
    Sql {
        name: "a guest draws in only whom they met",
        deed: Deed::Run("DROP POLICY participants_met ON participants"),
        tests: "test(doors::conversations::a_guest_draws_in_only_whom_they_met_and_the_owner_of_a_record)",
    },
    Sql {
        name: "the muted do not write",
        deed: Deed::Run("DROP POLICY messages_muted ON messages"),
        tests: "test(moderation::walls::the_muted_can_not_write_by_hand_either)",
    },
    Sql {
        name: "the blocked begin nothing with the blocker",
        deed: Deed::Run("DROP POLICY conversations_blocked ON conversations"),
        tests: "test(moderation::blocks::blocks_are_their_owners_to_see_and_to_make)",
    },
    Sql {
        name: "the blocked notify nobody",
        deed: Deed::Run("DROP TRIGGER notification_queue_block ON notification_queue"),
        tests: "test(moderation::blocks::mentions_by_the_blocked_notify_only_about_business)",
    },
    Sql {
        name: "words are for who moderates everything",
        deed: Deed::Run("ALTER POLICY word_lists_read ON word_lists USING (true)"),
        tests: "test(moderation::words::the_list_is_bounded_versioned_and_its_keepers_own)",
    },
    Sql {
        name: "a role is given by who holds what it may",
        deed: Deed::Function("app.memberships_guard()", "NOT app.may_assign(NEW.role_key)", "false"),
        tests: "test(rest::admin::nobody_raises_anybody_above_themselves)",
    },
    Sql {
        name: "a member is changed by who holds what they may",
        deed: Deed::Function("app.memberships_guard()", "IF NOT app.may_manage(", "IF false AND NOT app.may_manage("),
        tests: "test(rest::admin::nobody_raises_anybody_above_themselves)",
    },
    Sql {
        name: "the last owner stays",
        deed: Deed::Function("app.memberships_guard()", "IF OLD.role_key = 'owner' AND", "IF false AND"),
        tests: "test(rest::admin::some_owner_can_always_administer)",
    },
    Sql {
        name: "a policy's rows are its document's",
        deed: Deed::Function(
            "app.policy_guard()",
            "RAISE EXCEPTION 'the rows are not those of the document' USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_compiled'",
            "NULL",
        ),
        tests: "test(rest::admin::what_is_written_by_hand)",
    },
    Sql {
        name: "nobody grants by policy what they do not hold",
        deed: Deed::Function("app.policy_guard()", "NOT app.holds(g.action)", "false"),
        tests: "test(rest::admin::nobody_grants_what_they_do_not_hold_by_policy)",
    },
    Sql {
        name: "a deny is lifted by who is allowed what it denies",
        deed: Deed::Function("app.policy_guard()", "o.user_id = app.user_id() OR ", ""),
        tests: "test(rest::admin::nobody_grants_what_they_do_not_hold_by_policy)",
    },
    Sql {
        name: "a policy leaves an owner who administers",
        deed: Deed::Function(
            "app.policy_guard()",
            "RAISE EXCEPTION 'an owner administers the company' USING ERRCODE = 'check_violation', CONSTRAINT = 'policies_owner'",
            "NULL",
        ),
        tests: "test(rest::admin::some_owner_can_always_administer)",
    },
    Sql {
        name: "an invitation does not outlive the right to invite",
        deed: Deed::Function(
            "auth.invitation_accept(bytea,uuid,text,text,timestamp with time zone)",
            "v_may := app.may_invite(v_invitation.role_key)",
            "v_may := true",
        ),
        tests: "test(/rest::admin::.*(invitation|demotion)/)",
    },
    Sql {
        name: "an audit entry's place is not chosen",
        deed: Deed::Function("app.audit_chain()", "NEW.seq <> v.audit_seq + 1", "false"),
        tests: "test(audit::chain::a_writer_chooses_neither)",
    },
    Sql {
        name: "the audit log's end moves with an entry only",
        deed: Deed::Function(
            "app.stream_guard()",
            "(NEW.audit_seq <> OLD.audit_seq + 1 OR current_user <> 'postil_definer')",
            "(NEW.audit_seq <> OLD.audit_seq + 1)",
        ),
        tests: "test(audit::chain::the_end_of_the_chain)",
    },
    Sql {
        name: "an audit entry stays as it is",
        deed: Deed::Run("DROP TRIGGER audit_log_immutable ON audit_log"),
        tests: "test(audit::)",
    },
    Sql {
        name: "a change of membership is told to the audit log",
        deed: Deed::Run("DROP TRIGGER memberships_audit ON memberships"),
        tests: "test(audit::events::changes_of_rights_are_told_whoever_makes_them)",
    },
    Sql {
        name: "the past is one's own, or an administrator's",
        deed: Deed::Run("ALTER POLICY membership_history_read ON membership_history USING (true)"),
        tests: "test(rest::explain::) | test(attacks::)",
    },
    Sql {
        name: "a rule holds for its kind of member",
        deed: Deed::Function("app.remember()", "(g.member_kind IS NULL OR g.member_kind = v_kind)", "true"),
        tests: "test(verdicts::what_select_shows_is_what_the_policy_allows_in_a_first)",
    },
    Sql {
        name: "a rule that is over is over",
        deed: Deed::Function("app.remember()", "(g.valid_until IS NULL OR now() < g.valid_until)", "true"),
        tests: "test(verdicts::what_select_shows_is_what_the_policy_allows_in_a_first)",
    },
    Sql {
        name: "a rule that has not begun has not",
        deed: Deed::Function("app.remember()", "(g.valid_from IS NULL OR g.valid_from <= now())", "true"),
        tests: "test(verdicts::what_select_shows_is_what_the_policy_allows_in_a_first)",
    },
    Sql {
        name: "a rule holds for its states of records",
        deed: Deed::Function("app.remember()", "CASE WHEN g.state IS NULL THEN g.token", "CASE WHEN true THEN g.token"),
        tests: "test(verdicts::what_select_shows_is_what_the_policy_allows_in_a_first)",
    },
    Sql {
        name: "message:read is remembered only where it is allowed",
        deed: Deed::Function(
            "app.judge_record(text,text,text)",
            "p_action = 'thread:read' AND v_tokens && app.allowed('message:read') AND NOT v_tokens && app.denied('message:read')",
            "p_action = 'thread:read'",
        ),
        tests: "test(verdicts::what_select_shows_is_what_the_policy_allows_in_a_first)",
    },
    Sql {
        name: "a gone record's talk is nobody's",
        deed: Deed::Function("app.judge_record(text,text,text)", " AND r.deleted_at IS NULL", ""),
        tests: "test(/attacks::|verdicts::|rest::/)",
    },
];

pub const RUST: &[Rust] = &[
    Rust {
        name: "an answer of the hook fits its own question alone",
        file: "src/backend/hook/mod.rs",
        from: "mac.update(context.as_bytes());",
        to: "mac.update(&context.as_bytes()[..0]);",
        tests: "test(hook::an_answer_that_is_no_answer_takes_everything)",
    },
    Rust {
        name: "waiting for a place says nothing about the hook",
        file: "src/backend/hook/mod.rs",
        from: "Duration::from_millis(limits::HOOK_QUEUE_MS)",
        to: "Duration::from_millis(limits::HOOK_QUEUE_MS / 100)",
        tests: "test(hook::more_people_than_the_hook_has_places_are_all_answered_and_each_is_asked_about_once)",
    },
    Rust {
        name: "one person alone does not make the hook away",
        file: "src/backend/hook/patience.rs",
        from: "!self.silent.contains(&person) && self.silent",
        to: "self.silent",
        tests: "test(a_hook_that_fails_about_one_person_is_asked_about_the_others)",
    },
    Rust {
        name: "an answer that runs out while messages are read shows none",
        file: "server/src/ws/company/events.rs",
        from: "        // Reading took its time.\n        self.see_to_narrowings();\n",
        to: "",
        tests: "test(ws::tests::rights::an_answer_that_runs_out_while_messages_are_read_shows_none_of_them)",
    },
    Rust {
        name: "a change by cookie needs our own page",
        file: "server/src/http/credentials.rs",
        from: "if !origin::is_safe(method) && !origin::from_our_page(headers, ours) {",
        to: "if false && !origin::is_safe(method) && !origin::from_our_page(headers, ours) {",
        tests: "test(rest::) | test(credentials)",
    },
    Rust {
        name: "the origin is exactly ours",
        file: "server/src/http/origin.rs",
        from: "origin.as_bytes() == ours.to_string().as_bytes()",
        to: "origin.as_bytes().starts_with(ours.to_string().as_bytes())",
        tests: "test(origin)",
    },
    Rust {
        name: "the mark of a request of our own",
        file: "server/src/http/origin.rs",
        from: "headers.get(CSRF).is_some_and(|value| value == \"1\") && is_ours(headers, ours)",
        to: "is_ours(headers, ours)",
        tests: "test(origin)",
    },
    Rust {
        name: "a bad bearer is not rescued by a cookie",
        file: "server/src/http/credentials.rs",
        from: "let token = value.to_str().ok().and_then(bearer).ok_or(Refusal::new(Code::Unauthenticated))?;\n        return Ok(Some(token));",
        to: "if let Some(token) = value.to_str().ok().and_then(bearer) {\n            return Ok(Some(token));\n        }",
        tests: "test(credentials)",
    },
    Rust {
        name: "a stated company is compared",
        file: "src/backend/service/mod.rs",
        from: "if credentials.company.is_some_and(|company| company != opened.caller.company()) {",
        to: "if credentials.company.is_some_and(|company| false && company != opened.caller.company()) {",
        tests: "test(rest::)",
    },
    Rust {
        name: "requests are counted",
        file: "src/backend/service/mod.rs",
        from: "toll.tell(standing);\n                Err(ServiceError::rate_limited(standing.after.as_secs() + 1))",
        to: "toll.tell(standing);\n                Ok(())",
        tests: "test(rest::) | test(sign_in)",
    },
    Rust {
        name: "copies are told by letters and digits",
        file: "src/backend/service/spam.rs",
        from: "body.chars().filter(|c| c.is_alphanumeric())",
        to: "body.chars().filter(|_| true)",
        tests: "test(spam) | test(rest::abuse)",
    },
    Rust {
        name: "no part of a receipt's name passes for another",
        file: "src/backend/bus/rate.rs",
        from: "name.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());",
        to: "",
        tests: "test(no_part_of_a_receipts_name) | test(rest::abuse)",
    },
    Rust {
        name: "moderators alone are free of slow mode",
        file: "src/backend/service/message.rs",
        from: "let slow = if moderates { None } else { Some(conversation) };",
        to: "let slow = if true || moderates { None } else { Some(conversation) };",
        tests: "test(rest::abuse)",
    },
    Rust {
        name: "slow mode is a moderator's to set",
        file: "src/backend/service/abuse.rs",
        from: "let Some(permit) = caller.permit(Action::AdminModerate, &facts.resource, id) else {",
        to: "let Some(permit) = caller.permit(Action::AdminModerate, &facts.resource, id).or_else(|| caller.permit(Action::MessageRead, &facts.resource, id)) else {",
        tests: "test(rest::abuse)",
    },
    Rust {
        name: "what the audit log was told is not told again",
        file: "src/backend/service/abuse.rs",
        from: ".filter(|_| is_abuse && !toll.is_audited())",
        to: ".filter(|_| is_abuse)",
        tests: "test(rest::abuse)",
    },
    Rust {
        name: "a minute of the trail has a bound",
        file: "src/backend/service/abuse.rs",
        from: "                || *rows >= limits::REFUSALS_PER_MINUTE_MAX\n",
        to: "",
        tests: "test(service::abuse)",
    },
    Rust {
        name: "what is left of a company's share is not told",
        file: "src/backend/bus/quota.rs",
        from: "            Self::Company(_)\n                | Self::Address(Class::SignIn)",
        to: "            Self::Address(Class::SignIn)",
        tests: "test(quota)",
    },
    Rust {
        name: "rubbish and wrong tokens are counted",
        file: "server/src/http/meter.rs",
        from: "if toll.told().is_none()\n",
        to: "if false && toll.told().is_none()\n",
        tests: "test(rest::limits)",
    },
    Rust {
        name: "an IPv6 customer is one network",
        file: "src/backend/toll.rs",
        from: "prefix(address, 32, 64)",
        to: "prefix(address, 32, 128)",
        tests: "test(rest::limits)",
    },
    Rust {
        name: "a familiar place is not kept out by strangers",
        file: "src/backend/service/session.rs",
        from: "if self.bus().is_familiar(&place).await {",
        to: "if false {",
        tests: "test(rest::limits)",
    },
    Rust {
        name: "strange places share what an account takes",
        file: "src/backend/service/session.rs",
        from: "if self.bus().is_familiar(&place).await {",
        to: "if true {",
        tests: "test(rest::limits)",
    },
    Rust {
        name: "a sign-in that succeeds gives back",
        file: "src/backend/service/session.rs",
        from: "self.bus().give_back(&attempt.suspicion, None).await;",
        to: "",
        tests: "test(rest::limits)",
    },
    Rust {
        name: "sign-ins are not guessed at while nobody counts",
        file: "src/backend/bus/rate.rs",
        from: "if draws.iter().any(|draw| draw.bucket.fails_closed()) {",
        to: "if false {",
        tests: "test(realtime::outage) | test(bus::)",
    },
    Rust {
        name: "an API key is no person",
        file: "src/backend/service/mod.rs",
        from: "        .cloned()\n        .ok_or_else(|| ServiceError::detail(Code::Forbidden, \"an API key",
        to: "        .cloned()\n        .or_else(|| Some(Session { id: crate::ids::SessionId::from_uuid(caller.user().uuid()), kind: crate::wire::SessionKind::Browser, context_epoch: 1, expires_at: Timestamp::from_micros(4_000_000_000_000_000) }))\n        .ok_or_else(|| ServiceError::detail(Code::Forbidden, \"an API key",
        tests: "test(rest::)",
    },
    Rust {
        name: "the conversation itself must be writable",
        file: "src/backend/service/message.rs",
        from: "Some(conversation) if caller.may(action, &conversation.resource) => conversation.id,",
        to: "Some(conversation) if true || caller.may(action, &conversation.resource) => conversation.id,",
        tests: "test(rest::) | test(doors::)",
    },
    Rust {
        name: "another's message is deleted by moderators",
        file: "src/backend/service/message.rs",
        from: "let own = if message.author_id == caller.user() {",
        to: "let own = if true || message.author_id == caller.user() {",
        tests: "test(rest::)",
    },
    Rust {
        name: "an idempotency key covers the body",
        file: "src/backend/service/message.rs",
        from: "let request_hash = sha256(&serde_json::to_vec(intent)",
        to: "let request_hash = sha256(&serde_json::to_vec(&intent.parent)",
        tests: "test(rest::)",
    },
    Rust {
        name: "a guest meets only people they know",
        file: "src/backend/service/conversation.rs",
        from: "if found.len() == people.len() && !shut_out {",
        to: "if found.len() <= people.len() && !shut_out {",
        tests: "test(rest::conversations)",
    },
    Rust {
        name: "records are written with the right to",
        file: "src/backend/service/record.rs",
        from: "caller.permit(Action::AdminRecords, &whole",
        to: "caller.permit(Action::ThreadRead, &whole",
        tests: "test(rest::)",
    },
    Rust {
        name: "an embed token is used once",
        file: "src/backend/service/embed.rs",
        from: "if !self.store().embed_token_use(company, &claims.jti, forget_at).await? {",
        to: "if !self.store().embed_token_use(company, &claims.jti, forget_at).await? && false {",
        tests: "test(rest::embed)",
    },
    Rust {
        name: "an embed token is for its origin",
        file: "src/backend/service/embed.rs",
        from: "if !origins.contains(&claims.origin) && claims.origin != self.inner.origin {",
        to: "if false {",
        tests: "test(rest::embed)",
    },
    Rust {
        name: "a socket by cookie needs our own origin",
        file: "server/src/ws/upgrade.rs",
        from: "if !ours {\n                return Err(Refusal::new(Code::CrossOrigin));",
        to: "if false {\n                return Err(Refusal::new(Code::CrossOrigin));",
        tests: "test(realtime::) | test(rest::)",
    },
    Rust {
        name: "a socket by ticket needs an allowed origin",
        file: "server/src/ws/upgrade.rs",
        from: "if !embedding.iter().any(|allowed| allowed.as_bytes() == origin) {",
        to: "if false && !embedding.iter().any(|allowed| allowed.as_bytes() == origin) {",
        tests: "test(realtime::) | test(rest::)",
    },
    Rust {
        name: "hello names the session's company",
        file: "server/src/ws/state.rs",
        from: "Ok(ClientFrame::Hello { company_id, .. }) if company_id != self.company => {",
        to: "Ok(ClientFrame::Hello { company_id, .. }) if false && company_id != self.company => {",
        tests: "test(realtime::) | test(ws::state)",
    },
    Rust {
        name: "frames are counted",
        file: "server/src/ws/state.rs",
        from: "if full.duration_since(now) > FRAME_STEP * limits::SOCKET_FRAMES_BURST {",
        to: "if false {",
        tests: "test(ws::state) | test(realtime::)",
    },
    Rust {
        name: "a group's frames are its participants'",
        file: "server/src/ws/sight.rs",
        from: "self.unlinked.thread && audience.participants.contains(&self.member.subject.user)",
        to: "self.unlinked.thread",
        tests: "test(realtime::) | test(ws::sight)",
    },
    Rust {
        name: "a frame is judged by its record",
        file: "server/src/ws/sight.rs",
        from: "rights.message && (rights.thread || matches!(governing, Resource::Unlinked))",
        to: "rights.message || (rights.thread || matches!(governing, Resource::Unlinked))",
        tests: "test(ws::sight) | test(realtime::)",
    },
    Rust {
        name: "a replay is refused when rights have changed",
        file: "server/src/ws/replay.rs",
        from: "if !harmless {",
        to: "if false && !harmless {",
        tests: "test(ws::) | test(realtime::)",
    },
    Rust {
        name: "a password is compared",
        file: "src/backend/crypto/password.rs",
        from: "    fits && known",
        to: "    let _ = fits;\n    known",
        tests: "test(sign_in) | test(password)",
    },
    Rust {
        name: "a deny beats whatever allows, in Rust",
        file: "src/access/permit.rs",
        from: "decide(policy, subject, action, resource, at).is_allowed().then_some(Self {",
        to: "(decide(policy, subject, action, resource, at).is_allowed() || true).then_some(Self {",
        tests: "test(rest::) | test(doors::)",
    },
    Rust {
        name: "the muted are told so",
        file: "src/backend/service/moderation.rs",
        from: "facts.muted_until.filter(|until| *until > at)",
        to: "facts.muted_until.filter(|until| *until < at)",
        tests: "test(moderation::acts::the_muted_read_and_do_not_write_until_the_time_has_come_or_the_mute_is_lifted)",
    },
];
