//! How long an unsigned payload is a wait, and when it becomes a failure.
