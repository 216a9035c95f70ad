//! Hands arguments, environment and streams to the command line; nothing else touches them.

use std::process::ExitCode;

fn main() -> ExitCode {
    oar::cli::program::main()
}
