-- The dashboard: passwords, what the charts add up, and what a message's story tells beside its row.

CREATE TABLE passwords (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    hash TEXT NOT NULL,                 -- argon2id, as a PHC string
    changed_at BIGINT NOT NULL
);

-- Attempts to sign in with a password that were not followed by a right one; gone an hour after the last.
CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,           -- SHA-256 of the project as it was typed
    failures BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

ALTER TABLE sign_ins ADD COLUMN by_password BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sign_ins_by_account ON sign_ins (account_id);

-- The meter by quarters of an hour, the grain in which every time zone can be told.
CREATE TABLE usage_quarters (
    account_id TEXT NOT NULL,
    quarter BIGINT NOT NULL,            -- when it began
    kind TEXT NOT NULL,
    direction TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    PRIMARY KEY (account_id, quarter, kind, direction)
);
CREATE INDEX usage_quarters_by_time ON usage_quarters (quarter);
CREATE INDEX usage_by_time ON usage (at, account_id, kind, direction, quantity);

ALTER TABLE messages ADD COLUMN route TEXT;             -- why it went by its channel
ALTER TABLE messages ADD COLUMN fallback_reason TEXT;   -- why it left iMessage for SMS or MMS
ALTER TABLE messages ADD COLUMN sent_at BIGINT;         -- when its carrier accepted it
