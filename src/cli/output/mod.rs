//! How answers leave: colour, width, progress, the log on stderr, exit codes.
//!
//! Refuses: wording that other front ends need, too (that is `render`).

pub mod error;
pub mod exit;
pub mod log_file;
pub mod logging;
pub mod progress;
pub mod terminal;
