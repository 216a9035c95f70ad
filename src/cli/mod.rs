//! The command line: arguments to one request, report to text or JSON.

pub mod config;
