//! Creates the state file.
