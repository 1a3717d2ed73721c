-- The meter of voice AI: one row for each request that an engine did something for, never changed.
CREATE TABLE voice_usage (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    task TEXT NOT NULL,                 -- transcription, speech, chat
    model TEXT NOT NULL,                -- the name that was asked for
    engine TEXT NOT NULL,               -- what really ran
    millis BIGINT NOT NULL,             -- of sound (transcription, speech) or of generating (chat)
    prompt_tokens BIGINT,               -- null: the engine did not say
    completion_tokens BIGINT,
    at BIGINT NOT NULL                  -- when the request ended
);
CREATE INDEX voice_usage_of_account ON voice_usage (account_id, at);
