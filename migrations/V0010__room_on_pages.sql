-- A message's row is changed twice or three times in its first seconds, a conversation's with every message. PostgreSQL
-- writes each change as a new row; with room for it on the same page, the indexes need not hear of it.
--@postgres
ALTER TABLE messages SET (fillfactor = 50);
--@both
