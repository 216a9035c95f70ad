//! The stories: each is told by one town, in the words of [`crate::rehearsal`]. One file per task.

mod create_test_report;
