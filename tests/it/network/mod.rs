//! The simulated network as servers, people and tests meet it: over HTTP, and over both kinds of link.

mod erase;
mod faults;
mod imessage;
mod link;
mod live;
mod requests;
mod throughput;
mod world;
