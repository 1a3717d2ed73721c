-- The list of conversations comes from this index alone, in its whole order: rows are looked at only once they are known
-- to be on the page.
DROP INDEX conversations_by_activity;
CREATE INDEX conversations_by_activity ON conversations (account_id, last_message_at, id);
