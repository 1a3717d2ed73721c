//! The `simulated` carrier: a link to the simulated network.
