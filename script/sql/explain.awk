# Reads what auto_explain says of one call and prints what matters of it: each statement once, with its plan, without
# costs, times and sizes; and how often the policies had to look at the tables to give a verdict.

function helper(text) {
    if (text ~ /set_config\(g\.setting/) return "app.remember"
    # Its two others: who it is, and that it is known.
    if (text ~ /SELECT m\.role_key, m\.kind, c\.policy_version/ || text ~ /set_config\('app\.known'/) return "-"
    if (text ~ /app\.may\('thread:read', c\.link_kind/) return "app.judge_conversation"
    if (text ~ /SELECT r\.scope_tokens *FROM public\.linked_records/) return "app.judge_record"
    if (text ~ /m\.author_id = app\.user_id\(\) *FROM/) return "app.judge_author"
    if (text ~ /^ARRAY\(/ && text ~ /public\.participants/) return "app.my_conversation_ids"
    return ""
}

function finish(    flat, name) {
    if (query == "") return
    flat = query
    gsub(/[ \n]+/, " ", flat)
    sub(/^ /, "", flat)
    name = helper(flat)
    if (name == "-" || flat ~ /FROM app\.(inbox|thread_page|record_page|message_page)\(/ || flat ~ /app\.enter\(/) {
        # The call itself, and the words before it.
    } else if (name != "") {
        if (!(name in asked)) order[++helpers] = name
        asked[name]++
    } else if (flat in seen) {
        seen[flat]++
    } else {
        seen[flat] = 1
        statement[++statements] = flat
        shown[statements] = query
        plans[statements] = plan
    }
    query = plan = ""
}

# Policies are inlined into every filter: said again by the name of the function they call.
function shorten(text, name, slow, fast,    from, to, rest, inside) {
    while ((from = index(text, "CASE WHEN (current_setting('app." name "'")) > 0) {
        rest = substr(text, from)
        to = index(rest, "ELSE " slow "(")
        if (to == 0) return text
        inside = substr(rest, to + length("ELSE " slow "("))
        text = substr(text, 1, from - 1) fast "(" substr(inside, 1, index(inside, ") END") - 1) ")" substr(inside, index(inside, ") END") + 5)
    }
    return text
}

/NOTICE: +duration:/ { finish(); in_query = in_plan = 0; next }
/^Query Text:/ { query = substr($0, 12); in_query = 1; next }
in_query && /^[A-Z].*\(cost=/ { in_query = 0; in_plan = 1 }
in_query { query = query "\n" $0; next }
in_plan {
    if ($0 ~ /^ *(Sort Method|Buckets|Batches|Cache Mode|Hits|Heap Blocks|Heap Fetches|Planning|Worker)/) next
    sub(/ *\(cost=[^)]*\)/, "")
    text = shorten($0, "reads", "app.judge_message", "app.sees_message")
    $0 = shorten(text, "sees", "app.judge_conversation", "app.sees_conversation")
    plan = plan "\n" $0
}

END {
    finish()
    for (i = 1; i <= statements; i++) {
        print ""
        n = split(shown[i], line, "\n")
        # The statement's own indentation is that of its function.
        indent = 1000
        for (j = 2; j <= n; j++) {
            if (line[j] ~ /^ *$/) continue
            match(line[j], /^ */)
            if (RLENGTH < indent) indent = RLENGTH
        }
        for (j = 1; j <= n; j++) {
            text = j == 1 ? line[j] : substr(line[j], indent + 1)
            if (text !~ /^ *$/) print "-- " text
        }
        if (seen[statement[i]] > 1) print "-- " seen[statement[i]] " times in this call; the first:"
        print substr(plans[i], 2)
    }
    if (helpers) {
        print ""
        print "# What policies asked the tables for, besides:"
        for (i = 1; i <= helpers; i++) printf "#   %s  %d\n", order[i], asked[order[i]]
    }
}
