//! Adds, resolves and lists issues.
