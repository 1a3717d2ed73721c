-- The messaging core. Conventions: migrations/README.md.

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    parent_id TEXT REFERENCES accounts (id),
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,          -- SHA-256 of the whole key, hex
    hint TEXT NOT NULL,                 -- the last four characters, to tell keys apart
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    profile TEXT NOT NULL,              -- JSON: every other field of the contract
    created_at BIGINT NOT NULL
);
CREATE INDEX agents_by_account ON agents (account_id, created_at);

CREATE TABLE numbers (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    agent_id TEXT REFERENCES agents (id) ON DELETE SET NULL,
    e164 TEXT NOT NULL,
    country TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- sms, imessage
    status TEXT NOT NULL,               -- active, activating, suspended, released
    carrier TEXT NOT NULL,              -- the name of its [[carriers]] table
    external_id TEXT,
    expires_at BIGINT,
    echo BIGINT NOT NULL DEFAULT 0,     -- answers with what it was sent until a webhook covers it
    attached_at BIGINT,                 -- when it came to its agent: the first attached sends for the agent
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX numbers_in_service ON numbers (e164) WHERE status <> 'released';
CREATE INDEX numbers_by_account ON numbers (account_id, created_at);
CREATE INDEX numbers_by_agent ON numbers (agent_id, attached_at);

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    number_id TEXT NOT NULL,
    agent_id TEXT,
    participant TEXT NOT NULL,          -- E.164, short code, e-mail; the group id for a group
    channel TEXT NOT NULL,              -- of the last message
    last_message_at BIGINT NOT NULL,
    last_message_preview TEXT NOT NULL,
    message_count BIGINT NOT NULL,
    next_seq BIGINT NOT NULL,           -- orders the jobs of the conversation
    metadata TEXT,                      -- JSON as JSON.stringify writes it
    no_imessage_until BIGINT,           -- the person was found not to be on iMessage
    group_provider_id TEXT,
    group_name TEXT,
    group_icon_url TEXT,
    group_members TEXT,                 -- JSON: [{"identifier", "name"}]; null one-to-one
    background_id TEXT,
    background_url TEXT,
    background_hash TEXT,
    background_version BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX conversations_of_number ON conversations (number_id, participant);
CREATE INDEX conversations_by_activity ON conversations (account_id, last_message_at);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    number_id TEXT NOT NULL,
    agent_id TEXT,                      -- the agent it was sent as, or the number's when it came
    direction TEXT NOT NULL,            -- inbound, outbound
    channel TEXT NOT NULL,              -- the actual one; while queued, the planned one
    status TEXT NOT NULL,               -- contract 4.6
    from_address TEXT NOT NULL,
    to_address TEXT NOT NULL,
    body TEXT NOT NULL,
    media_urls TEXT NOT NULL,           -- JSON array
    received_at BIGINT NOT NULL,        -- strictly increasing within a conversation
    encoding TEXT,
    segments BIGINT NOT NULL,           -- SMS segments; 0 by MMS and iMessage
    sender TEXT,                        -- the group member who wrote an inbound group message
    effect TEXT,
    reply_to TEXT,                      -- the quoted message
    reply_unresolved BIGINT,            -- null: no reply asked for
    provider_id TEXT,
    answers TEXT,                       -- the inbound message that this one answers inline
    attempt BIGINT NOT NULL DEFAULT 0,  -- hand-overs so far
    keyword TEXT,                       -- stop, help, start
    content TEXT,                       -- JSON: non-text content
    error_code TEXT,
    failure_reason TEXT,
    delivered_at BIGINT,
    delivered_channel TEXT,
    read_at BIGINT
);
CREATE INDEX messages_of_conversation ON messages (conversation_id, received_at);
CREATE INDEX messages_of_number ON messages (number_id, received_at);
CREATE UNIQUE INDEX messages_by_provider ON messages (number_id, provider_id) WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX messages_answering ON messages (answers) WHERE answers IS NOT NULL;

CREATE TABLE reactions (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    from_address TEXT NOT NULL,
    reaction TEXT NOT NULL,
    status TEXT NOT NULL,               -- as a message's
    provider_id TEXT,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX reactions_of_message ON reactions (message_id, direction, from_address);

CREATE TABLE media (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    token TEXT NOT NULL UNIQUE,         -- the permission in its URL
    source_url TEXT NOT NULL,
    status TEXT NOT NULL,               -- waiting, stored, failed
    content_type TEXT,
    file_name TEXT,
    bytes BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX media_of_message ON media (message_id, position);

-- The meter: one row for what is counted, written with what it counts, never changed.
CREATE TABLE usage (
    account_id TEXT NOT NULL,
    number_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- sms_segment, mms, imessage
    direction TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    scope TEXT NOT NULL,                -- account, agent, number
    scope_id TEXT NOT NULL,             -- the account's, agent's or number's id
    url TEXT,                           -- null: none set; a number's secret outlives its URL
    secret TEXT NOT NULL,
    previous_secret TEXT,
    previous_until BIGINT,
    context_limit BIGINT NOT NULL,
    timeout_millis BIGINT NOT NULL,
    events TEXT NOT NULL,               -- JSON array of event names
    failures BIGINT NOT NULL DEFAULT 0, -- attempts failed in a row
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX webhooks_of ON webhooks (scope_id, scope);
CREATE INDEX webhooks_by_account ON webhooks (account_id);

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- agent.message, message.sent, …
    message_id TEXT,
    conversation_id TEXT,
    number_id TEXT,
    data TEXT,                          -- JSON: what was true then and may change; null where the message says it all
    at BIGINT NOT NULL
);
CREATE INDEX events_by_account ON events (account_id, id);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    message_id TEXT,
    kind TEXT NOT NULL,                 -- the event's name as sent: agent.message, message.inbound, …
    channel TEXT NOT NULL,
    test BIGINT NOT NULL DEFAULT 0,
    payload TEXT,                       -- rendered once, at the first attempt
    status TEXT NOT NULL,               -- pending, success, failed
    http_status BIGINT,
    error_message TEXT,
    response_body TEXT,
    response_millis BIGINT,
    attempt_count BIGINT NOT NULL,
    last_attempt_at BIGINT,
    next_retry_at BIGINT,
    delivered_at BIGINT,
    reply_message_id TEXT,
    reply_error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX deliveries_by_account ON deliveries (account_id, created_at, id);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, id);

CREATE TABLE attempts (
    delivery_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,      -- JSON object
    http_status BIGINT,
    response_headers TEXT,              -- JSON object
    response_body TEXT,
    error_message TEXT,
    response_millis BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- Programs that follow an account's events (`agentphone listen`); a row lives while its stream does.
CREATE TABLE listeners (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    secret TEXT NOT NULL,
    until BIGINT NOT NULL
);
CREATE INDEX listeners_by_account ON listeners (account_id, until);

CREATE TABLE idempotency (
    account_id TEXT NOT NULL,
    operation TEXT NOT NULL,            -- method and path
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    object_id TEXT,
    holder TEXT,                        -- the incarnation whose request is under way
    status BIGINT,                      -- of the stored answer
    body TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, operation, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    class TEXT NOT NULL,                -- the kind of work: send, hook, media, upkeep
    lane TEXT NOT NULL,
    task TEXT NOT NULL,                 -- what to do, JSON of ids only
    unique_key TEXT,                    -- at most one job of this key waits
    order_key TEXT,                     -- claimed only when no older job of this key is left
    seq BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    lease TEXT,                         -- the incarnation that works on it
    origin TEXT,                        -- the incarnation where a request waits for it
    last_error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX jobs_due ON jobs (class, lane, run_at);
CREATE INDEX jobs_in_order ON jobs (order_key, seq) WHERE order_key IS NOT NULL;
CREATE UNIQUE INDEX jobs_once ON jobs (unique_key) WHERE unique_key IS NOT NULL;

-- Which process works a number's sending lane.
CREATE TABLE lanes (
    lane TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until BIGINT NOT NULL               -- by the database's clock
);

CREATE TABLE incarnations (
    id TEXT PRIMARY KEY
);

-- The dashboard: one-time sign-in links and the sessions they open, both by hash only.
CREATE TABLE sign_ins (
    hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    session BIGINT NOT NULL,            -- 0: a link not used yet, 1: a session
    expires_at BIGINT NOT NULL
);
