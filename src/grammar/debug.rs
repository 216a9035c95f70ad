//! How much a command of the job system shows of what happens.

/// How much is shown of what happens.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct DebugArgs {
    /// Log every call, as -vv
    #[arg(long, overrides_with = "no_debug")]
    pub debug: bool,
    /// Do not, as without it
    #[arg(long, hide = true, overrides_with = "debug")]
    pub no_debug: bool,
}
