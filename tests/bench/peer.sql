-- pgbench's tables for what one message costs PostgreSQL; of the peer's own, with our shape in small.
CREATE TABLE peer_conversation (number BIGINT, person BIGINT, seq BIGINT NOT NULL, last_at BIGINT NOT NULL,
  PRIMARY KEY (number, person));
CREATE TABLE peer_message (id BIGINT PRIMARY KEY, number BIGINT NOT NULL, person BIGINT NOT NULL, seq BIGINT NOT NULL,
  body TEXT NOT NULL, status TEXT NOT NULL, at BIGINT NOT NULL) WITH (fillfactor = 50);
CREATE INDEX peer_message_by_conversation ON peer_message (number, person, seq);
CREATE TABLE peer_usage (message BIGINT NOT NULL, segments BIGINT NOT NULL, at BIGINT NOT NULL);
CREATE TABLE peer_job (id BIGINT PRIMARY KEY, number BIGINT NOT NULL, run_at BIGINT NOT NULL, lease BIGINT);
CREATE TABLE peer_event (message BIGINT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL);
CREATE SEQUENCE peer_id CACHE 100;
INSERT INTO peer_conversation SELECT number, person, 0, 0 FROM generate_series(1, 100) number, generate_series(1, 2000) person;
ANALYZE;
