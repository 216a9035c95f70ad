//! A simulated world of services, asked over HTTP or in memory.
//!
//! An independent reading of every service: it names only `domain` and `core::clock` and writes its
//! wire shapes itself, so a field misread by a client cannot pass here by sharing the same struct.
//!
//! Refuses: knowing our clients, and answers that the world does not bear out.

#![warn(missing_docs)]
#![cfg_attr(
    test,
    allow(clippy::expect_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")
)]

pub mod act;
pub mod actors;
pub mod auth;
pub mod chance;
pub mod control;
pub mod control_answers;
pub mod control_client;
pub mod disturbances;
pub mod elliott;
pub mod events;
pub mod facts;
pub mod faults;
mod history;
pub mod journal;
pub mod original;
pub mod people;
pub mod reactions;
pub mod records;
pub mod refusals;
pub mod scenario;
pub mod server;
pub mod services;
pub(crate) mod wire;
pub mod world;

#[cfg(test)]
mod tests;
