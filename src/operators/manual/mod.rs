//! What a person changes by hand: statuses, issues and their resolution, answers to questions.
//!
//! Refuses: deciding instead of the person, and changes without a record of who made them and why.

pub mod answer;
pub mod issues;
pub mod update_task_status;
