//! Sets a task's status by hand, within the rules.
