-- An agent's conversations, and the conversation of a carrier's group. Neither holds what every message changes.
CREATE INDEX conversations_of_agent ON conversations (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX conversations_of_group ON conversations (number_id, group_provider_id) WHERE group_provider_id IS NOT NULL;
-- What has run out is looked for by its time.
CREATE INDEX sign_in_failures_by_expiry ON sign_in_failures (expires_at);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);
