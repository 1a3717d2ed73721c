-- A line's new contacts of a day have places, counted up: two processes that both take the last one left meet in this
-- index. No place where there is no limit.
ALTER TABLE new_contacts ADD COLUMN place BIGINT;
CREATE UNIQUE INDEX new_contacts_in_place ON new_contacts (number_id, day, wrote_first, place);
