//! One file per task; run.rs is the one way in.
