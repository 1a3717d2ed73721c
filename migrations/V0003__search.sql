-- Full-text search, and deleting. Conventions: migrations/README.md.

-- What is searched: one row a message that has words. Its place orders by time: unix milliseconds times 1024, and
-- a count within the millisecond.
CREATE TABLE search_documents (
    place BIGINT PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    conversation_id TEXT NOT NULL
);

-- The words of each document, by its place. Text becomes words in src/text/terms.rs, so that both databases hold the
-- same ones: they split nothing and fold nothing by themselves.
--@sqlite
CREATE VIRTUAL TABLE search_words USING fts5 (words, content = '', columnsize = 0, tokenize = 'ascii');
-- What is deleted is taken out of the index, not only marked.
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);
--@postgres
CREATE TABLE search_words (
    rowid BIGINT NOT NULL,              -- named as FTS5 names it
    account_id TEXT NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (account_id, rowid)
);
-- Words wait for company before they are merged into the index, but few: every search reads those that wait.
CREATE INDEX search_words_by_word ON search_words USING gin (words) WITH (gin_pending_list_limit = 256);
--@both

-- Since when a message is nothing but ids, times and counts. What reads messages leaves such rows out.
ALTER TABLE messages ADD COLUMN erased_at BIGINT;

-- Conversations that are gone already while their messages are still being erased.
CREATE TABLE erasures (
    conversation_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- From a message to everything that repeats what it says.
CREATE INDEX IF NOT EXISTS deliveries_of_message ON deliveries (message_id);
CREATE INDEX IF NOT EXISTS events_with_data ON events (conversation_id, message_id) WHERE data IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_quoting ON messages (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX IF NOT EXISTS idempotency_of_object ON idempotency (object_id) WHERE object_id IS NOT NULL;
