//! The tests against the real server, in one binary. They run on SQLite, each in a folder of its own; with
//! `TEST_POSTGRES_URL` (a database from which others may be made) they run on PostgreSQL, each on a fresh database.
//! Every statement of the program is prepared on both by running the whole suite on both.
//!
//! A test is named after the rule it proves. Time stands still unless the test moves it ([`server::TestServer::advance`]),
//! so what happens without an advance happened without a poll.

#![expect(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

// What the tests stand on.
mod browser;
mod client;
mod place;
mod receiver;
mod schema;
mod server;
mod support;
mod wait;

// Right under crashes and with several processes: the eight rules.
mod batches;
mod clock;
mod database_tls;
mod direct;
mod hang_ups;
mod happened;
mod lanes;
mod leases;
mod order;
mod races;
mod sending;
mod waking;

// The dashboard: what hangs on time, and its forms.
mod dashboard;
mod forms;
// What carriers bring in.
mod arrivals;
// Contract 5.2, 10.2 and 15: numbers that are not to be had, how large a webhook gets, what may be attached.
mod attachments;
mod bodies;
mod stock;
// Contract 6 and 7: what only iMessage has.
mod imessage;

// Contract 11.
mod replies;
mod retries;

// Search, and deleting.
mod erase;
mod search;

// Contract 13 and 19: what voice AI used is counted.
mod metering;

// Properties.
mod backoff;
mod paging;

// Peers: Node.
mod json;
mod segments;

// Upstreams of voice AI that behave as they are told.
mod upstream;

// The child process of the built-in engines.
mod engines;
mod real_models;

// The simulated network by itself.
mod network;

// The house in order.
mod house;
mod layers;
mod migrations;
mod openapi;
mod supply;
