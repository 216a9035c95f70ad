//! What follows from what: a pure function from one snapshot of the world to a plan.
//!
//! [`walk::plan`] walks the rows of one decision table once, top to bottom. A row is a condition on the
//! snapshot and what follows from it: an action, a message, or the end of the walk. Each family of rows has
//! its file, in the order of the walk: `start` (the whole release), `preparation`, `candidate`, `promotion`,
//! `gate`, `consistency`, `stage_testing`, `approval`, then `stall`, then `owed` and `other_driver`, then `conditions` (one for each task that is not Pass); `tasks` holds what is the same for every task,
//! `messages` the kinds of messages, and `needed` which facts
//! a plan can depend on. The code is the only copy of the table. Refuses: I/O, async, clocks,
//! logging, and errors: odd input becomes a message in the plan.

mod approval;
mod build_record;
mod candidate;
mod conditions;
mod consistency;
mod draft;
pub mod facts;
mod gate;
#[cfg(test)]
mod given;
pub mod input;
pub mod limits;
pub mod messages;
mod needed;
pub mod old_fail;
mod other_driver;
mod owed;
pub mod plan;
mod preparation;
mod promotion;
mod stage_testing;
mod stall;
mod start;
pub mod table;
mod tasks;
pub mod walk;
