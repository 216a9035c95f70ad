//! When the final approval may start, how long it waits, and when it is done.
