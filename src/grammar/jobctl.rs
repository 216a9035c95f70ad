//! The arguments of `jobctl`.

use std::path::PathBuf;

use crate::domain::acceptance::AcceptancePolicy;
use crate::domain::build::{Arch, Stream};
use crate::domain::build_stream::BuildStream;
use crate::domain::ids::{BuildName, ProwJobId};
use crate::domain::release::Minor;
use crate::domain::result_file::name::ResultName;
use crate::grammar::debug::DebugArgs;

/// What `jobctl` takes before its command.
#[derive(Debug, Clone, clap::Args)]
pub struct JobctlArgs {
    #[command(flatten)]
    pub debug: DebugArgs,
    /// What to do
    #[command(subcommand)]
    pub command: JobctlCommand,
}

/// What can be done with jobs of builds, their registries and records.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum JobctlCommand {
    /// Judge test records by their registry, without asking anybody
    ///
    /// Prints the verdict by the strict rule (a required job that never ran is not a passed job), that of the older rule
    /// beside it, and where a record contradicts them. Needs no credential. Files of the current build (ocp-latest-…)
    /// are only checked, files of other kinds left out. Exit 0: every file could be judged, whatever the verdicts; 5: a
    /// file is damaged or its registry is unusable; 4: no record has a registry to be judged by; 2: a file cannot be
    /// read, or none is a test record.
    Evaluate(EvaluateArgs),
    /// Look at streams of builds once, and trigger the test jobs of new builds
    ///
    /// A new build is planned with all its jobs before the first of them is triggered; what the gateway does not take
    /// waits in the plan for the next pass. A build that is older than the one before, or one of another minor, is
    /// reported and not tested. Repeat it every few minutes. Exit 0: nothing is left to do; 3: runs wait in the plan; 7:
    /// a stream could not be looked at, or a job was refused; what the others came to stands beside it.
    StartController(ControllerArgs),
    /// Trigger the jobs that a build lacks
    ///
    /// Runs that it has are kept. Exit codes as those of start-controller.
    TriggerJobsForBuild(TriggerArgs),
    /// Look at all open test records once: store how runs ended, trigger the further ones that the verdict needs, judge
    ///
    /// Repeat it every few minutes. Exit 0: nothing is open; 3: runs are open; 5: a build was rejected in this pass; 7:
    /// a record could not be judged.
    StartAggregator(AggregatorArgs),
    /// Accept a build whatever its jobs say
    ///
    /// The next pass of the aggregator carries it out. Who, when and why is stored.
    PromoteTestResults {
        #[command(flatten)]
        build: BuildArgs,
        /// Why; stored
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Label the payload of a build as rejected, whatever its jobs say, or take that back
    ///
    /// Who, when and why is stored. While it stands the aggregator sets no label for the build.
    RejectPayload {
        #[command(flatten)]
        build: BuildArgs,
        /// Take it back: the payload carries the label that it had before
        #[arg(long)]
        take_back: bool,
        /// Why; stored
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Let another run of a job count; the build is judged anew
    ///
    /// The run that counts no more stays in the history of the job. Who, when and why is stored.
    UpdateRetriedJobRun {
        #[command(flatten)]
        build: BuildArgs,
        /// The job, as in the registry
        #[arg(long, value_name = "JOB")]
        job_name: String,
        /// The run that counts now
        #[arg(long, value_name = "ID")]
        current_job_id: ProwJobId,
        /// The run that is to count
        #[arg(long, value_name = "ID")]
        new_job_id: ProwJobId,
        /// Why; stored
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Registries of test jobs
    #[command(subcommand)]
    Registry(RegistryCommand),
}

/// A build and its architecture.
#[derive(Debug, Clone, clap::Args)]
pub struct BuildArgs {
    /// The build, as the release controller names it
    #[arg(long, value_name = "BUILD")]
    pub build: BuildName,
    /// Its architecture: amd64, arm64, ppc64le, s390x or multi
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = arch)]
    pub arch: Arch,
}

impl BuildArgs {
    /// The record of the build.
    pub fn record(&self) -> ResultName {
        ResultName { build: self.build.to_string(), arch: self.arch }
    }
}

/// What a pass may do.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct PassArgs {
    /// Judge and report, and change nothing
    #[arg(long)]
    pub shadow: bool,
    /// Also change files that another program wrote within the last two hours; take a lease that a wrong clock wrote for days
    #[arg(long, conflicts_with = "shadow")]
    pub take_over: bool,
    /// One pass, as without it
    #[arg(long, hide = true)]
    pub once: bool,
}

/// Which streams, and what may be done.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("streams").args(["minors", "all"]).required(true))]
pub struct ControllerArgs {
    /// The minor, X.Y; -r X.Y and --release X.Y are the same here. Repeat it for several
    #[arg(long = "minor-release", value_name = "X.Y")]
    pub minors: Vec<Minor>,
    /// Both streams of every minor that has a registry
    #[arg(long)]
    pub all: bool,
    /// Nightly builds, as without it
    #[arg(long, overrides_with = "no_nightly")]
    pub nightly: bool,
    /// Stable builds
    #[arg(long, overrides_with = "nightly", conflicts_with = "all")]
    pub no_nightly: bool,
    /// Trigger jobs? false only looks
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        default_value = "true",
        default_missing_value = "true",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub trigger_prow_job: bool,
    /// Only look
    #[arg(long)]
    pub no_trigger_prow_job: bool,
    /// The architecture: amd64, arm64, ppc64le, s390x or multi
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = arch)]
    pub arch: Arch,
    #[command(flatten)]
    pub pass: PassArgs,
}

impl ControllerArgs {
    /// The streams that were named; nothing when all are meant.
    pub fn streams(&self) -> Option<Vec<BuildStream>> {
        let stream = if self.no_nightly { Stream::Stable } else { Stream::Nightly };
        let named = self.minors.iter().map(|minor| BuildStream { minor: *minor, stream, arch: self.arch });
        (!self.all).then(|| named.collect())
    }

    /// Is anything to be changed?
    pub const fn only_looks(&self) -> bool {
        !self.trigger_prow_job || self.no_trigger_prow_job || self.pass.shadow
    }
}

/// Which build, and what of it.
#[derive(Debug, Clone, clap::Args)]
pub struct TriggerArgs {
    #[command(flatten)]
    pub build: BuildArgs,
    /// Keep the runs that there are, as without it
    #[arg(long, overrides_with = "no_skip_existing")]
    pub skip_existing: bool,
    /// Also trigger a new run in the place of each first one; the old ones stay in the history
    #[arg(long, overrides_with = "skip_existing", requires = "reason")]
    pub no_skip_existing: bool,
    /// A job that certainly was not triggered, although nobody can see that any more
    #[arg(long, value_name = "JOB", requires = "reason")]
    pub never_started: Vec<String>,
    /// Why; stored
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub pass: PassArgs,
}

/// Which records, and what may be done.
#[derive(Debug, Clone, clap::Args)]
pub struct AggregatorArgs {
    /// The architecture: amd64, arm64, ppc64le, s390x or multi
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = arch)]
    pub arch: Arch,
    #[command(flatten)]
    pub pass: PassArgs,
}

/// Reads the name of an architecture.
pub(super) fn arch(text: &str) -> Result<Arch, String> {
    Arch::named(text).ok_or_else(|| format!("there is no architecture {text:?}; there are {}", Arch::NAMES.join(", ")))
}

/// Before clap sees them: `start-controller` takes a minor where every other command takes a release.
pub fn minor_for_release(mut arguments: Vec<String>) -> Vec<String> {
    let Some(command) = arguments.iter().position(|argument| argument == "start-controller") else { return arguments };
    for argument in arguments.iter_mut().skip(command) {
        let rest = ["--release=", "-r="].iter().find_map(|begin| argument.strip_prefix(begin));
        let joined = argument.strip_prefix("-r").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(minor) = rest.or(joined) {
            *argument = format!("--minor-release={minor}");
        } else if matches!(argument.as_str(), "-r" | "--release") {
            *argument = "--minor-release".to_owned();
        }
    }
    arguments
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_takes_a_minor_where_other_commands_take_a_release() {
        let of = |line: &str| minor_for_release(line.split(' ').map(str::to_owned).collect()).join(" ");
        for line in ["-r 4.20", "--release 4.20", "--minor-release 4.20"] {
            assert_eq!(of(&format!("jobctl start-controller {line}")), "jobctl start-controller --minor-release 4.20");
        }
        for line in ["-r4.20", "-r=4.20", "--release=4.20"] {
            assert_eq!(of(&format!("jobctl start-controller {line}")), "jobctl start-controller --minor-release=4.20");
        }
        let other = "oar -r 4.20.17 jobctl start-controller --minor-release 4.20 --reason -r-";
        assert_eq!(of(other), other);
        assert_eq!(of("oar -r 4.20.17 status"), "oar -r 4.20.17 status");
    }
}
