//! The arguments of `jobctl`.

use std::path::PathBuf;

use crate::domain::acceptance::AcceptancePolicy;

/// What can be done with jobs of builds, their registries and records.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum JobctlCommand {
    /// Judge test records by their registry, without asking anybody
    ///
    /// Prints the verdict by the strict rule (a required job that never ran is not a passed job), that of the older rule
    /// beside it, and where a record contradicts them. Needs no credential. Files of the current build (ocp-latest-…)
    /// are only checked, files of other kinds left out. Exit 0: every file could be judged, whatever the verdicts; 5: a
    /// file is damaged or its registry is unusable; 2: a file cannot be read, or none is a test record.
    Evaluate(EvaluateArgs),
    /// Registries of test jobs
    #[command(subcommand)]
    Registry(RegistryCommand),
}

/// Which records, by which registry, and how to show the verdicts.
#[derive(Debug, Clone, clap::Args)]
pub struct EvaluateArgs {
    /// Test records: ocp-test-result-BUILD-ARCH.json, or folders of them
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Judge all of them by this registry
    ///
    /// Without it and --registry-history: by the jobs that the record itself was planned by, else by the registry that
    /// lies beside it.
    #[arg(long, value_name = "FILE", conflicts_with = "registry_history")]
    pub registry: Option<PathBuf>,
    /// Judge each by the registry of its time: the newest version in this folder that is not younger than its first run
    ///
    /// Versions are named STAMP__ocp-X.Y-test-jobs-ARCH.json, removed ones end with .deleted. A record without a run is
    /// judged by the date in the name of its build, else by the newest version.
    #[arg(long, value_name = "DIR")]
    pub registry_history: Option<PathBuf>,
    /// Whose verdict to show as text and JSON; the table has both
    #[arg(long, value_name = "POLICY", default_value = "both")]
    pub policy: ShownPolicy,
    /// How to show it; --json is the same as json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: EvaluationFormat,
}

/// Which of the two verdicts is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ShownPolicy {
    /// A required job that never ran is not a passed job
    Strict,
    /// The older rule: only the jobs of the record count
    Compat,
    /// Both, side by side
    Both,
}

impl ShownPolicy {
    /// The rules whose verdict is shown, the first one first.
    pub const fn policies(self) -> &'static [AcceptancePolicy] {
        match self {
            Self::Strict => &[AcceptancePolicy::Strict],
            Self::Compat => &[AcceptancePolicy::Compat],
            Self::Both => &[AcceptancePolicy::Strict, AcceptancePolicy::Compat],
        }
    }
}

/// How verdicts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EvaluationFormat {
    /// For people
    Text,
    /// A table with one row per record, separated by tabs
    Tsv,
    /// For programs
    Json,
}

/// What can be done with registries.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum RegistryCommand {
    /// Tell what is wrong with registries (without FILE: with all that are stored)
    ///
    /// Exit 0: no error, perhaps warnings; 5: an error; 2: a file cannot be read. Nothing is triggered or judged by a
    /// section with a flag that is not true or false, a job that stands twice or tests another minor, or without jobs
    /// that can be read; an unknown key keeps nothing from running.
    Check {
        /// Registries: ocp-X.Y-test-jobs-ARCH.json, or folders of them
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}
