-- iMessage whole: what our numbers do besides texting, who can be reached, who was written to.

-- Reactions, typing, backgrounds and group names on their way out; settled like messages and kept for a while.
CREATE TABLE acts (
    id TEXT PRIMARY KEY,                -- a reaction's rxn_ or a background's bg_; else act_
    account_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    number_id TEXT NOT NULL,
    kind TEXT NOT NULL,                 -- reaction, typing, background, group_name
    message_id TEXT,                    -- what a reaction is on
    value TEXT,                         -- the word or emoji, the image's URL, the name; null takes back
    hash TEXT,                          -- of the image's bytes
    version BIGINT,                     -- the background's, with this act
    status TEXT NOT NULL,               -- queued, sending, sent, failed, unconfirmed
    error_code TEXT,
    failure_reason TEXT,
    seq BIGINT NOT NULL,                -- its place in the conversation's order
    created_at BIGINT NOT NULL
);
CREATE INDEX acts_on_message ON acts (message_id);
CREATE INDEX acts_of_conversation ON acts (conversation_id, seq);
CREATE INDEX acts_by_age ON acts (created_at);

-- How persons could be reached when their carrier was last asked.
CREATE TABLE reaches (
    account_id TEXT NOT NULL,
    address TEXT NOT NULL,
    imessage BIGINT NOT NULL,
    sms BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, address)
);
CREATE INDEX reaches_by_age ON reaches (checked_at);

-- Persons to whom a line has written by iMessage on a day, other than in answer to a text of the day before.
CREATE TABLE new_contacts (
    number_id TEXT NOT NULL,
    day BIGINT NOT NULL,                -- since 1970, UTC
    participant TEXT NOT NULL,
    wrote_first BIGINT NOT NULL,        -- 1: the conversation was begun by the person
    PRIMARY KEY (number_id, day, participant)
);
CREATE INDEX new_contacts_by_day ON new_contacts (day);
