//! The front end for browsers, probes and whoever speaks HTTP: who may come in, and the pages beside the tools.
//!
//! Refuses: rules about releases, calls to services, and knowing what is mounted behind its guard.

pub mod approval_page;
pub mod connections;
pub mod guard;
pub mod health;
mod holding_body;
pub mod metrics;
pub mod protected_resource;
pub mod routes;
pub mod tls;
