//! The end of a run, written once for all tasks.
