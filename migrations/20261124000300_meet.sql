-- A guest meets nobody by writing to them: wall 2 of what the service says (src/backend/service/conversation.rs, `meet`).

GRANT CREATE ON SCHEMA app TO postil_definer;

-- Reads participants of conversations that the guest does not see any more, as the service's question does: who was met stays met.
CREATE FUNCTION app.may_draw_in(p_conversation uuid, p_user uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN p_user = app.user_id() OR EXISTS (
        SELECT 1 FROM public.memberships me
        WHERE me.company_id = app.company_id() AND me.user_id = app.user_id() AND me.kind = 'internal'
    ) OR EXISTS (
        SELECT 1 FROM public.participants mine
        JOIN public.participants theirs ON theirs.company_id = mine.company_id AND theirs.conversation_id = mine.conversation_id
        WHERE mine.company_id = app.company_id() AND mine.user_id = app.user_id() AND mine.deleted_at IS NULL
        AND theirs.user_id = p_user AND theirs.deleted_at IS NULL
    ) OR EXISTS (
        -- Whoever answers for a record follows the talk about it, whoever begins it.
        SELECT 1 FROM public.conversations c
        JOIN public.linked_records r ON r.company_id = c.company_id AND r.kind = c.link_kind AND r.id = c.link_id
        WHERE c.company_id = app.company_id() AND c.id = p_conversation AND c.kind = 'record' AND r.owner_id = p_user
    );
END $$;
COMMENT ON FUNCTION app.may_draw_in(uuid, uuid) IS
    'Whether the person at hand may make another a participant of a conversation: a guest only whom they met already, or the owner of the record.';
ALTER FUNCTION app.may_draw_in(uuid, uuid) OWNER TO postil_definer;
REVOKE ALL ON FUNCTION app.may_draw_in(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.may_draw_in(uuid, uuid) TO postil_app;

-- Restrictive: no other policy lifts it.
CREATE POLICY participants_met ON participants AS RESTRICTIVE FOR INSERT TO postil_app
    WITH CHECK (user_id = (SELECT app.user_id()) OR app.may_draw_in(conversation_id, user_id));

REVOKE CREATE ON SCHEMA app FROM postil_definer;
