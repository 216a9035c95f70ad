//! Lock files and heartbeats of one machine.
