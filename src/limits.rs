//! Every bound in one place: inputs, pages, queues, times. The unit is the last word of the name.
//!
//! A number that bounds something and is not here is a bug. Database CHECKs repeat the ones that guard stored data;
//! `server/tests/it` compares the two.

/// Longest message source, in Unicode scalar values: eight dense pages; longer texts belong into an attachment.
pub const MESSAGE_BODY_CHARS_MAX: usize = 8_000;
/// Most nodes of a parsed message: a body of [`MESSAGE_BODY_CHARS_MAX`] can alternate markup at most every 4 characters.
pub const TEXT_NODES_MAX: usize = 2_000;
/// Deepest nesting of quotes and lists in a message; deeper markup is kept as plain text.
pub const TEXT_DEPTH_MAX: usize = 8;
/// Longest address in a link, in bytes: what browsers and proxies agree on.
pub const TEXT_LINK_BYTES_MAX: usize = 2_000;
/// Longest preview shown in lists, in characters: one line of 384 px holds about 60, search results two lines.
pub const PREVIEW_CHARS_MAX: usize = 140;
/// Longest title of a conversation, in characters.
pub const TITLE_CHARS_MAX: usize = 120;
/// Longest name of a person or company, in characters.
pub const NAME_CHARS_MAX: usize = 80;
/// Longest e-mail address, in bytes (RFC 5321: 254).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Longest password, in bytes: argon2 costs the same for any length, but reading a megabyte does not.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Shortest password that we store, in characters (NIST SP 800-63B: 8; we ask for more).
pub const PASSWORD_CHARS_MIN: usize = 12;

/// Deepest nesting of what the browser reads, in brackets: `serde_json` goes as deep on the server, and a text of
/// [`TEXT_DEPTH_MAX`] in a page of messages needs a quarter.
pub const JSON_DEPTH_MAX: usize = 128;

/// Depth of a root message's direct reply is 1. No company may allow more than this, whatever it configures.
pub const REPLY_DEPTH_MAX: u8 = 32;
/// Reply depth of a new company.
pub const REPLY_DEPTH_DEFAULT: u8 = 8;
/// Edit window of a new company, in seconds: a quarter of an hour.
pub const EDIT_WINDOW_DEFAULT_S: u32 = 900;
/// Most people in one direct or group conversation; a record's conversation is bounded by the company.
pub const PARTICIPANTS_MAX: usize = 500;
/// Most people named when a conversation is created.
pub const PARTICIPANTS_CREATE_MAX: usize = 50;

/// Longest id of a linked record, in bytes, as the ERP writes it ("INV-2026-004711", "PLAN/7/2").
pub const RECORD_ID_BYTES_MAX: usize = 128;
/// Longest title of a linked record, in characters.
pub const RECORD_TITLE_CHARS_MAX: usize = 200;
/// Longest status or reference text of a linked record, in characters.
pub const RECORD_STATUS_CHARS_MAX: usize = 40;
/// Longest address of a linked record in its ERP, in bytes.
pub const RECORD_URL_BYTES_MAX: usize = 2_000;
/// Most records resolved in one request: a page of messages mentions fewer.
pub const RECORDS_RESOLVE_MAX: usize = 50;

/// Page size when none is asked for, and the most that may be asked for.
pub const PAGE_DEFAULT: u16 = 30;
/// Largest page.
pub const PAGE_MAX: u16 = 100;
/// Replies that come with each root of a message page, earliest first; the rest load with the thread.
pub const THREAD_PREVIEW_REPLIES: u16 = 12;
/// Largest unread count that is counted; clients show `99+` above 99, and the database stops looking at 100.
pub const UNREAD_COUNT_MAX: u16 = 100;
/// Longest opaque cursor, in bytes. The longest position is a person's name of 80 characters, six bytes each in JSON, with
/// their id: 580, in base64 with nonce and tag 820; the place in a thread has 33 numbers of at most 20 digits, 1 000.
pub const CURSOR_BYTES_MAX: usize = 1_200;

/// Longest `Idempotency-Key`, in bytes: a UUID is 36, a prefixed id 40.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;
/// Largest REST body, in bytes: a message of four-byte characters, doubled by JSON escapes.
pub const REQUEST_BODY_BYTES_MAX: usize = 128 * 1024;
/// Longest value of a query parameter, in bytes: [`PRESENCE_USERS_MAX`] ids with commas.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Time to receive a request body, in seconds.
pub const REQUEST_TIMEOUT_S: u64 = 15;

/// Largest frame a client may send, in bytes: the biggest legal one watches [`PRESENCE_USERS_MAX`] people.
pub const FRAME_IN_BYTES_MAX: usize = 16 * 1024;
/// Read buffer of a socket, in bytes. tungstenite's default takes 128 KiB for every idle person.
pub const SOCKET_READ_BUFFER_BYTES: usize = 2 * 1024;
/// Write buffer of a socket, in bytes.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// Bytes queued in the transport before a write fails: a dozen of the largest frames.
pub const SOCKET_WRITE_BYTES_MAX: usize = 512 * 1024;
/// Frames queued for one socket; a full queue means one `resync` and the end of the connection.
pub const SOCKET_QUEUE_FRAMES_MAX: usize = 256;
/// Time for a new socket to say hello, in seconds.
pub const SOCKET_HELLO_TIMEOUT_S: u64 = 10;
/// Time without a pong after which a socket is dead, in seconds: two missed pings.
pub const SOCKET_SILENCE_S: u64 = 60;
/// Ping interval, in seconds: below the 30 s idle timeout of common proxies.
pub const SOCKET_PING_S: u64 = 25;
/// How often session and membership of an open socket are read again, in seconds, beside the epoch events.
pub const SOCKET_RECHECK_S: u64 = 30;
/// Frames a client may send in a burst, and per second after that.
pub const SOCKET_FRAMES_BURST: u32 = 40;
/// Sustained frames per second from one client.
pub const SOCKET_FRAMES_PER_S: u32 = 10;
/// Sockets of one person on one node: ten tabs on five devices.
pub const SOCKETS_PER_USER_MAX: usize = 50;
/// Most events replayed to a resuming socket; a client further behind is told to resync.
pub const REPLAY_EVENTS_MAX: u32 = 1_000;
/// How often a node compares its tail with the log when Redis works, in milliseconds: half of the two seconds within which
/// a revocation made by hand in SQL must reach open sockets.
pub const TAIL_CHECK_MS: u64 = 1_000;
/// How often a node polls the log while Redis is away, in milliseconds.
pub const TAIL_POLL_MS: u64 = 500;
/// Events read from the log at once.
pub const TAIL_BATCH_EVENTS: u32 = 500;
/// Sockets that read the log for a resume at the same time on one node: fewer than the hub's connections, which live events need.
pub const REPLAYS_CONCURRENT_MAX: usize = 3;
/// Longest time that one frame may take to leave for a socket, in seconds; a reader slower than that is gone.
pub const SOCKET_SEND_S: u64 = 10;
/// How often sessions are read again while Redis is away and can't tell of their end, in milliseconds.
pub const SESSION_POLL_MS: u64 = 1_500;
/// Commands waiting for one company's part of the hub; whispers beyond that are dropped, events are read from the log.
pub const HUB_QUEUE_COMMANDS: usize = 1_024;
/// Conversations and records whose facts one company's part of the hub remembers: a few hundred bytes each.
pub const HUB_FACTS_MAX: usize = 4_096;
/// Events that one company's part of the hub keeps as they were told, a kilobyte each: half a minute of a busy company, for a
/// crowd that reconnects.
pub const HUB_RING_EVENTS: usize = 256;
/// Records whose verdict the hub remembers for one person, some 100 bytes each: the few that a day's talk is about.
pub const HUB_VERDICTS_MAX: usize = 64;
/// Time for the hub to let a socket in, in seconds: it waits for PostgreSQL.
pub const SOCKET_JOIN_S: u64 = 5;
/// Read receipts of one company are sent together, at most this often, in milliseconds.
pub const RECEIPT_BATCH_MS: u64 = 200;
/// Life of a socket ticket, in seconds.
pub const TICKET_TTL_S: u64 = 30;

/// Life of a connection's presence lease, in seconds: outlives a reload and one lost refresh.
pub const PRESENCE_LEASE_S: u64 = 60;
/// How often a live connection refreshes its lease, in seconds.
pub const PRESENCE_REFRESH_S: u64 = 20;
/// Time between the loss of the last connection and "offline", in milliseconds: longer than a page reload takes.
pub const PRESENCE_GRACE_MS: u64 = 5_000;
/// Presence changes of one company are sent together, at most this often, in milliseconds.
pub const PRESENCE_BATCH_MS: u64 = 1_000;
/// How long somebody's last transition is remembered, in days.
pub const PRESENCE_FORGET_DAYS: u32 = 30;
/// Most people whose leases ran out that one look settles: the next look is a second later.
pub const PRESENCE_SWEEP_USERS: u32 = 500;
/// Most people asked for or watched at once.
pub const PRESENCE_USERS_MAX: usize = 200;
/// One typing whisper per conversation and person in this time, in milliseconds.
pub const TYPING_INTERVAL_MS: u64 = 3_000;
/// Shortest time between two typing signals of one person that are passed on, over all conversations, in milliseconds.
pub const TYPING_PERSON_MS: u64 = 1_000;
/// A typing mark disappears after this time without another, in milliseconds.
pub const TYPING_TTL_MS: u64 = 6_000;

/// Life of a browser session without use, in seconds: a week.
pub const SESSION_IDLE_S: u64 = 7 * 24 * 3600;
/// Life of a browser session however much it is used, in seconds: thirty days, so that a stolen cookie dies of itself.
/// `auth.session_life()` has the same figure.
pub const SESSION_LIFE_S: u64 = 30 * 24 * 3600;
/// Life of an embedded session, in seconds: a working day; the host mints a new token after that.
pub const EMBED_SESSION_S: u64 = 12 * 3600;
/// Longest life of an embed token, in seconds, from `iat` to `exp`.
pub const EMBED_TOKEN_S_MAX: u64 = 300;
/// Longest embed token, in bytes.
pub const EMBED_TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Sign-in attempts to one account from one address, at once and per minute: somebody who tries all their passwords.
pub const SIGN_IN_PER_MINUTE: u32 = 10;
/// Sign-in attempts from one address, at once and per minute. What succeeds is given back, so that an office may share one.
pub const SIGN_IN_ADDRESS_PER_MINUTE: u32 = 3 * SIGN_IN_PER_MINUTE;
/// Failed sign-ins from one neighbourhood of addresses (/24, /48), to whatever accounts, at once and per minute: three addresses
/// as busy as they can be. Lists of stolen passwords are tried from a rack, one try an account.
pub const SIGN_IN_NEIGHBOURHOOD_PER_MINUTE: u32 = 90;
/// Failed sign-ins to one account from all neighbourhoods together that it was never signed in from, at once; and from each that it
/// was signed in from.
pub const SIGN_IN_ELSEWHERE_BURST: u32 = 20;
/// Likewise per minute: 3 000 guesses a day are far from any password of [`PASSWORD_CHARS_MIN`] characters.
pub const SIGN_IN_ELSEWHERE_PER_MINUTE: u32 = 2;
/// How long a neighbourhood stays familiar that an account was signed in from, in seconds: ninety days.
pub const FAMILIAR_S: u64 = 90 * 24 * 3600;
/// Passwords that wait to be worked on, two at a time: two or three seconds' worth. More are told to come again.
pub const PASSWORDS_WAITING_MAX: usize = 100;
/// Embed tokens exchanged from one network address in a minute: a whole office behind one address loads a page every
/// ten people and second; the tokens are signed, so this only guards the database.
pub const EMBED_PER_MINUTE: u32 = 600;
/// Sends of one person in a burst, and per minute after that.
pub const SEND_BURST: u32 = 30;
/// Sustained sends of one person per minute.
pub const SEND_PER_MINUTE: u32 = 120;
/// Reads of one person or key in a burst: opening the widget takes about ten.
pub const REQUESTS_BURST: u32 = 200;
/// Sustained reads of one person or key per minute.
pub const REQUESTS_PER_MINUTE: u32 = 1_200;
/// Pages read by one person in a burst: scrolling through a long year.
pub const LISTS_BURST: u32 = 200;
/// Sustained pages per minute: an export by hand of 60 000 messages.
pub const LISTS_PER_MINUTE: u32 = 600;
/// Small changes of one person or key in a burst: an ERP that tells of a batch of invoices.
pub const WRITES_BURST: u32 = 200;
/// Sustained small changes per minute.
pub const WRITES_PER_MINUTE: u32 = 1_200;
/// Requests of one administrator in a burst.
pub const ADMIN_BURST: u32 = 200;
/// Sustained requests of one administrator per minute.
pub const ADMIN_PER_MINUTE: u32 = 600;
/// Heavy requests of one person in a burst: a dry run asks up to two million verdicts.
pub const HEAVY_BURST: u32 = 30;
/// Sustained heavy requests of one person per minute.
pub const HEAVY_PER_MINUTE: u32 = 30;
/// Requests of nobody known from one address in a burst: an office whose sessions all ended at once.
pub const PUBLIC_BURST: u32 = 600;
/// Sustained requests of nobody known from one address per minute.
pub const PUBLIC_PER_MINUTE: u32 = 1_200;
/// How many people's worth of requests a company may do at once: a node serves ten thousand people, and few work at full speed.
pub const COMPANY_SHARE: u32 = 100;
/// How many people's worth of requests may come from one address: an office behind one router.
pub const ADDRESS_SHARE: u32 = 50;
/// Largest factor by which an operator may lift what companies and addresses share.
pub const LIMIT_FACTOR_MAX: u32 = 1_000;
/// How long it is remembered that a send was paid for, in seconds: as long as clients try again.
pub const RECEIPT_S: u64 = 600;
/// Rate buckets kept in process while Redis is away: some 100 bytes each.
pub const RATE_BUCKETS_MAX: usize = 50_000;
/// Receipts kept in process while Redis is away, some 100 bytes each: eighty sends a second for as long as each lasts.
pub const RATE_RECEIPTS_MAX: usize = 50_000;
/// Shortest time between two looks through the buckets in process for those that are empty again, in milliseconds.
pub const RATE_SWEEP_MS: u64 = 1_000;

/// Signals waiting for the hub, or for its subscriber connection; more are dropped and the log is read instead.
pub const BUS_INBOX_SIGNALS: usize = 8_192;
/// Signals waiting to be sent to Redis.
pub const BUS_OUTBOX_SIGNALS: usize = 8_192;
/// Longest wait for one answer of Redis, in milliseconds.
pub const REDIS_COMMAND_MS: u64 = 500;
/// How often the subscriber connection is checked, in milliseconds.
pub const REDIS_PING_MS: u64 = 1_000;
/// Longest pause between two attempts to reach Redis, in milliseconds.
pub const REDIS_RETRY_MS_MAX: u64 = 2_000;

/// Connections that the server opens to PostgreSQL for people's requests: eight beat thirty-two on two cores.
pub const DB_POOL_CONNECTIONS: u32 = 8;
/// Connections for the hub and the jobs.
pub const DB_WORKER_CONNECTIONS: u32 = 4;
/// Longest wait for a connection before the answer is 503, in seconds.
pub const DB_ACQUIRE_S: u64 = 5;

/// Attempts of a job before it is buried.
pub const JOB_ATTEMPTS_MAX: u16 = 8;
/// Lease of a claimed job, in seconds.
pub const JOB_LEASE_S: u64 = 60;
/// Rules in one policy document.
pub const POLICY_RULES_MAX: usize = 500;
/// Record states that one rule's condition names: an ERP's document flow has a dozen.
pub const POLICY_STATES_MAX: usize = 20;
/// Pairs of subject, action and record state in one policy document, which are the rows that row-level security reads: the
/// presets have about a hundred.
pub const POLICY_GRANTS_MAX: usize = 20_000;
/// How far the clocks of server and database may lie apart, in milliseconds. Sockets follow a rule that begins or ends this
/// much later, so that whoever loads afresh finds a database for which the moment has passed too.
pub const CLOCK_MARGIN_MS: i64 = 500;

/// Longest comment of a policy version, in characters: a paragraph.
pub const POLICY_COMMENT_CHARS_MAX: usize = 500;
/// Members that a dry run looks at.
pub const DRY_RUN_MEMBERS_MAX: usize = 1_000;
/// Linked records that a dry run looks at.
pub const DRY_RUN_RECORDS_MAX: usize = 2_000;
/// Members or records that a dry run reads at once.
pub const DRY_RUN_PAGE_ROWS: u16 = 500;
/// Verdicts that a dry run asks, under the old and the new policy together: a hundred people whose rules change, in ten actions,
/// on a thousand records.
pub const DRY_RUN_VERDICTS_MAX: usize = 2_000_000;
/// Changes (of one person and one action) that a dry run lists; more are counted.
pub const DRY_RUN_CHANGES_MAX: usize = 500;
/// Records that each change of a dry run names; more are counted.
pub const DRY_RUN_EXAMPLES_MAX: usize = 10;
/// Life of an invitation, in seconds: a week.
pub const INVITATION_S: u64 = 7 * 24 * 3600;
/// Longest text to search messages for, in characters.
pub const SEARCH_TEXT_CHARS_MAX: usize = 100;
/// Words of such a text: each is looked up by itself.
pub const SEARCH_WORDS_MAX: usize = 10;
/// What is shown of a message that was found, in characters: three lines.
pub const SEARCH_EXCERPT_CHARS_MAX: usize = 200;
/// What an excerpt shows before the first word that was found, in characters.
pub const SEARCH_EXCERPT_LEAD_CHARS: usize = 50;
/// A search answers at the end of a step of that many milliseconds since it began: how long it takes would tell, by fractions of
/// a millisecond, how much was found and not shown. Nobody who types notices 25.
pub const SEARCH_STEP_MS: u64 = 25;
/// Messages whose words a job fills in at once, in one transaction: some tenths of a second.
pub const SEARCH_FILL_ROWS: u16 = 500;
/// Such batches of one job, within its lease; the next job goes on.
pub const SEARCH_FILL_BATCHES: u16 = 20;
/// Longest search for members, in bytes: the longest address.
pub const SEARCH_BYTES_MAX: usize = 254;
/// Projects of one member.
pub const MEMBER_PROJECTS_MAX: usize = 200;
/// Departments, projects or roles listed at once: a company has dozens.
pub const PLACES_MAX: i64 = 1_000;
/// Embed keys of one company that sign at a time: the old and the new, while one follows the other.
pub const EMBED_KEYS_ACTIVE_MAX: i64 = 2;
/// Refusals of one person in a company that the audit log is told of, at once and per minute: more say nothing more, and would
/// let anybody who is refused write as fast as they can ask.
pub const AUDIT_REFUSALS_PER_MINUTE: u32 = 10;
/// Age of the newest checkpoint of a company's audit log before the next is signed: what can be rewritten unseen, at most.
pub const AUDIT_CHECKPOINT_S: u64 = 3_600;
/// Keys whose use on the present day a node remembers; beyond that it starts anew and asks the database again.
pub const AUDIT_KEYS_MAX: usize = 10_000;
/// Entries that an export reads at once.
pub const AUDIT_EXPORT_PAGE: u16 = 500;

/// Copies of one text that a person sends within [`DUPLICATE_WINDOW_S`], over all conversations, unless the company says otherwise:
/// a notice for three rooms.
pub const DUPLICATES_MAX: u32 = 3;
/// The window for copies, in seconds, unless the company says otherwise.
pub const DUPLICATE_WINDOW_S: u32 = 300;
/// Letters and digits from which on a text can be a copy: "Thank you very much!" has 16.
pub const DUPLICATE_CHARS_MIN: usize = 24;
/// Most links in a message, unless the company says otherwise: a list of sources.
pub const LINKS_PER_MESSAGE: u32 = 20;
/// Most links of one person in a minute, unless the company says otherwise.
pub const LINKS_PER_MINUTE: u32 = 60;
/// Most people mentioned in a message, unless the company says otherwise: a department.
pub const MENTIONS_PER_MESSAGE: u32 = 20;
/// Most people mentioned by one person in a minute, unless the company says otherwise.
pub const MENTIONS_PER_MINUTE: u32 = 60;
/// How long a membership is new, in hours, unless the company says otherwise.
pub const NEWCOMER_HOURS: u32 = 24;
/// What share of the limits new members have, in percent, unless the company says otherwise: seven messages at once, thirty a minute.
pub const NEWCOMER_PERCENT: u32 = 25;
/// The most that a company may say for [`DUPLICATES_MAX`].
pub const DUPLICATES_LIMIT_MAX: u32 = 100;
/// Shortest and longest window for copies, in seconds: a day.
pub const DUPLICATE_WINDOW_S_MIN: u32 = 10;
/// Longest window for copies.
pub const DUPLICATE_WINDOW_S_MAX: u32 = 86_400;
/// The most that a company may say for links or mentions in a message: what [`MESSAGE_BODY_CHARS_MAX`] has room for.
pub const PER_MESSAGE_MAX: u32 = 200;
/// The most that a company may say for links or mentions in a minute.
pub const PER_MINUTE_MAX: u32 = 1_000;
/// Longest time that a membership is new, in hours: thirty days.
pub const NEWCOMER_HOURS_MAX: u32 = 720;
/// Longest pause of slow mode, in seconds: six hours.
pub const SLOW_MODE_S_MAX: u32 = 21_600;

/// Refusals (of a person, kind and minute) that wait in a node to be written; companies have equal shares, and what is more is counted
/// together.
pub const REFUSALS_WAITING_MAX: usize = 5_000;
/// Rows that one node writes for one company and minute; what is beyond them is counted in one row for each kind.
pub const REFUSALS_PER_MINUTE_MAX: usize = 200;
/// How often refusals are written, in seconds.
pub const REFUSALS_WRITE_S: u64 = 5;
/// How long refusals are kept, in days.
pub const REFUSALS_KEEP_DAYS: i64 = 90;

/// Longest note of a report or reason of a moderator, in characters: a paragraph.
pub const MODERATION_NOTE_CHARS_MAX: usize = 500;
/// Longest time for which somebody can be muted at once, in days: a year; longer is what ending a membership is for.
pub const MUTE_DAYS_MAX: i64 = 366;
/// Earlier versions of a reported message that its moderator is shown: those that were reported. `app.case_open()` says the same.
pub const REPORTED_VERSIONS_MAX: usize = 3;
/// Unacknowledged notices told at once; older ones come when these are read.
pub const NOTICES_MAX: i64 = 50;
/// People whom one person can block: nobody knows more whom they can't stand.
pub const BLOCKS_MAX: i64 = 200;
/// Entries of a company's word list, in a tree by their words: judging a message takes at most [`WORD_PHRASE_MAX`] + 1 steps from each
/// of its words, however many entries begin alike, so that the number costs memory, not time: some 100 bytes for each word.
pub const WORD_ENTRIES_MAX: usize = 500;
/// Longest entry of a word list, in characters.
pub const WORD_CHARS_MAX: usize = 60;
/// Words in one entry of a word list: a phrase.
pub const WORD_PHRASE_MAX: usize = 8;
/// Versions of word lists that a process keeps in memory: 50 kB each at most.
pub const WORD_LISTS_CACHED: usize = 500;

/// How long an access hook may take over one answer, in milliseconds, connecting included: a request waits for it.
pub const HOOK_TIMEOUT_MS: u64 = 500;
/// Questions to the hook under way in one process; more wait for a place.
pub const HOOK_CONCURRENT_MAX: usize = 32;
/// How long a question waits for a place, in milliseconds: at 300 ms an answer, three times as many people as there are places.
pub const HOOK_QUEUE_MS: u64 = 1_000;
/// How long anybody waits for all that a question takes, in milliseconds: reading, a place, the answer, keeping it.
pub const HOOK_WAIT_MS: u64 = 2_000;
/// About so many people in a row the hook must be out of reach or too slow before a process takes it to be away: a hook that
/// fails about one person is there for the others.
pub const HOOK_AWAY_PEOPLE: usize = 3;
/// How long a process leaves a hook alone that is away, in milliseconds, and how long it does not ask about somebody again after
/// the hook failed about them for the first time: those who come meanwhile are refused at once.
pub const HOOK_RETRY_MS: u64 = 1_000;
/// The longest that the second may grow to, in milliseconds: it doubles with each failure in a row.
pub const HOOK_RETRY_MS_MAX: u64 = 16_000;
/// Largest answer of a hook, in bytes.
pub const HOOK_ANSWER_BYTES_MAX: usize = 65_536;
/// Most denials in one answer.
pub const HOOK_DENIALS_MAX: usize = 200;
/// Most pairs of action and record state in one answer: rows that each request of that person reads.
pub const HOOK_GRANTS_MAX: usize = 2_000;
/// Longest id of a denial, in characters.
pub const HOOK_DENIAL_ID_CHARS_MAX: usize = 80;
/// How long an answer holds when it does not say, in seconds.
pub const HOOK_VALID_S: u32 = 60;
/// Shortest time that an answer may hold, in seconds: everybody who is there is asked about that often.
pub const HOOK_VALID_S_MIN: u32 = 10;
/// Longest time that an answer may hold, in seconds: that long a right that was withdrawn there may last here.
pub const HOOK_VALID_S_MAX: u32 = 300;
/// An answer that holds no longer than this is asked for anew before it runs out, in seconds.
pub const HOOK_RENEW_S: i64 = 5;
/// Open sockets ask for theirs up to this long before it runs out, in seconds, each at a moment of its own, so that those whom the
/// hook answered at once are not asked about at once for ever.
pub const HOOK_RENEW_S_MAX: i64 = 15;
/// An answer that holds no longer than this does not carry a request to its end, in seconds.
pub const HOOK_MARGIN_S: i64 = 1;
