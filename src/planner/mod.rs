//! What follows from what: a pure function from one snapshot of the world to a plan.
//!
//! [`plan::plan`] walks the rows of the decision table once, top to bottom; each family of rows has its
//! file. Rows are named by letter: T any task, A the whole release, B preparation, C candidate, D promotion,
//! F gate, E consistency, S stage testing, G and H approval, X stalls. Refuses: I/O, async, clocks, logging, and errors: odd input becomes a message in the plan.

mod approval;
mod build_record;
mod candidate;
mod consistency;
mod draft;
mod gate;
#[cfg(test)]
mod given;
pub mod input;
pub mod messages;
pub mod old_fail;
pub mod plan;
mod preparation;
mod promotion;
mod stage;
mod stall;
mod start;
mod tasks;
