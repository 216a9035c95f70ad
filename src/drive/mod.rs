//! Moves a release as far as it can go: look at the world, ask the planner, carry the plan out, again.
//!
//! `rounds` is the loop, `gather` its look, `act` its hands, `report` its words. Refuses: rules (the planner's),
//! services (the operators'), wording beyond what messages carry.

pub mod act;
pub mod gather;
pub mod lease;
pub mod memory;
pub mod rounds;
