//! Moves a release as far as it can go: look at the world, ask the planner, carry the plan out, again.
//!
//! `rounds` is the loop, `gather` its look, `act` carries a plan out; `options` is what a person wants, `event` what
//! is reported on the way. Refuses: rules (the planner's), services (the operators'), wording beyond what messages carry.

mod act;
mod broken_file;
pub mod event;
mod gather;
pub mod lease;
mod memory;
pub mod options;
pub mod rounds;
