-- The same rule read the other way round: a receipt may name nothing but the carrier's own id of a message.
DROP INDEX messages_by_provider;
CREATE UNIQUE INDEX messages_by_provider ON messages (provider_id, number_id) WHERE provider_id IS NOT NULL;
