//! The log lines of one run, collected for the state file.
