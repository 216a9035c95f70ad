//! What a person changes by hand: statuses, issues and their resolution, answers to questions; and what still waits to be stored.
//!
//! Refuses: deciding instead of the person, and changes without a record of who made them and why.

pub mod answer;
pub mod issues;
pub mod unsent;
pub mod update_task_status;
