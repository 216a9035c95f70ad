//! The integration tests: one binary, one link.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test says when it skips, and reads its own switches"
)]

mod architecture;
mod bad_input;
mod canaries;
mod config;
mod contract;
mod corpus;
mod crash;
mod fuzz;
mod install;
mod jobctl;
mod json;
#[cfg(feature = "kerberos")]
mod kerberos;
mod kube_python;
mod many_writers;
mod mcp;
mod properties;
mod published;
mod pyyaml;
mod races;
mod real_files;
mod real_program;
mod records;
mod rehearsal;
mod rehearsals;
mod reliability;
mod surface;
mod sweep;
mod terminal;
mod worlds;
