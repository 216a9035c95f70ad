//! Every command with its arguments. Help texts are the manual: every command says what it changes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::config::ConfigCommand;
use super::job::JobArgs;
use super::jobctl::JobctlArgs;
use super::mcp::McpCommand;
use super::rehearse::RehearseArgs;
use super::sim::SimCommand;
use super::state::StateCommand;
use super::task::TaskCommand;
use crate::domain::ids::MrIid;
use crate::domain::pull_spec::PullSpec;
use crate::domain::task::{Task, TaskStatus};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// One task
    #[command(flatten)]
    Task(TaskCommand),
    /// Show where the release stands: statuses, jobs, waits and blockers, as stored
    Status,
    /// Tell whether the release is out of our hands
    ///
    /// Asks GitLab and the Errata Tool, not the stored state. Exit 7: not everything could be asked.
    IsShipped,
    /// Show what build data says about the release, and what changed since it was stored
    Metadata,
    /// List the releases that need attention; needs no -r
    ActiveReleases {
        /// Finished and given-up ones, too
        #[arg(long)]
        all: bool,
    },
    /// Show what is next and why, without doing anything
    Plan(PlanArgs),
    /// Move the release as far as it can go
    Drive(DriveArgs),
    /// Set the status of a task by hand, within the rules
    UpdateTaskStatus {
        /// The task
        #[arg(value_name = "TASK")]
        task: Task,
        /// "Not Started", "In Progress", Pass or Fail
        #[arg(value_name = "STATUS")]
        status: TaskStatus,
        /// Why; recorded in the state. A Pass or a Fail needs it
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Change even a Pass; needs --reason
        #[arg(long = "override", requires = "reason")]
        override_: bool,
    },
    /// Answer a question of status or plan: did this happen?
    ///
    /// Asked when something was tried whose answer got lost, and no look shows any more whether it happened. The first
    /// answer counts.
    Answer {
        /// Id of the question
        #[arg(value_name = "ID")]
        id: String,
        /// happened or did-not-happen
        #[arg(value_name = "CHOICE")]
        choice: String,
        /// How you know; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Add, resolve and list issues of the release
    #[command(subcommand)]
    Issue(IssueCommand),
    /// Settings: show, check, seal and open
    #[command(subcommand)]
    Config(ConfigCommand),
    /// State files: show, check, format
    #[command(subcommand)]
    State(StateCommand),
    /// Rehearse a whole release against the simulator
    Rehearse(RehearseArgs),
    /// The simulator on its own
    #[command(subcommand)]
    Sim(SimCommand),
    /// The server for AI agents
    #[command(subcommand)]
    Mcp(McpCommand),
    /// Commands for cron and controllers (also: oarctl)
    #[command(version, display_name = "oarctl")]
    Ctl {
        /// What to do
        #[command(subcommand)]
        command: CtlCommand,
    },
    /// Single test jobs: run one, look at a run (also: job)
    #[command(version, display_name = "job")]
    Job(JobArgs),
    /// Job controllers, registries and test records (also: jobctl)
    #[command(version, display_name = "jobctl")]
    Jobctl(JobctlArgs),
    /// Print the script that completes commands and values in a shell
    ///
    /// Releases known on this machine, tasks, scenarios, events and statuses are completed, too. Completing asks no
    /// service and reads no credential.
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of oar, or write the pages of all commands
    Man {
        /// Write the pages of all commands into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Command {
    /// Does it change nothing and ask nothing, whatever its arguments are?
    pub const fn only_looks(&self) -> bool {
        match self {
            Self::Status
            | Self::IsShipped
            | Self::Metadata
            | Self::ActiveReleases { .. }
            | Self::Plan(_)
            | Self::Completions { .. }
            | Self::Man { .. } => true,
            Self::Task(_)
            | Self::Drive(_)
            | Self::UpdateTaskStatus { .. }
            | Self::Answer { .. }
            | Self::Issue(_)
            | Self::Config(_)
            | Self::State(_)
            | Self::Rehearse(_)
            | Self::Sim(_)
            | Self::Mcp(_)
            | Self::Ctl { .. }
            | Self::Job(_)
            | Self::Jobctl(_) => false,
        }
    }

    /// Is every call to be logged?
    pub const fn debugs(&self) -> bool {
        match self {
            Self::Job(args) => args.debug.debug,
            Self::Jobctl(args) => args.debug.debug,
            Self::Task(_)
            | Self::Status
            | Self::IsShipped
            | Self::Metadata
            | Self::ActiveReleases { .. }
            | Self::Plan(_)
            | Self::Drive(_)
            | Self::UpdateTaskStatus { .. }
            | Self::Answer { .. }
            | Self::Issue(_)
            | Self::Config(_)
            | Self::State(_)
            | Self::Rehearse(_)
            | Self::Sim(_)
            | Self::Mcp(_)
            | Self::Ctl { .. }
            | Self::Completions { .. }
            | Self::Man { .. } => false,
        }
    }
}

/// A shell with a script of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    /// GNU bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

/// Commands for cron and controllers.
#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// One pass over the final approval of a release that is waiting for its advisory page
    ApprovalChecker,
    /// Compare the images of a payload with a shipment merge request
    ///
    /// Exit 0: consistent; 5: an image is neither in the shipment nor released earlier; 7: not all could be
    /// looked up.
    ImageConsistencyCheck {
        /// The payload: host/repository:tag or host/repository@sha256:…
        #[arg(short, long, value_name = "PULL_SPEC")]
        payload_url: PullSpec,
        /// Number of the merge request in the shipment project
        #[arg(short, long, value_name = "NUMBER")]
        mr_id: MrIid,
        /// An architecture to compare (amd64, arm64, ppc64le, s390x); repeat for several
        #[arg(long, value_name = "ARCH", default_value = "amd64")]
        arch: Vec<String>,
    },
}

/// What a plan takes into account.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Mail address of the owner whom the drive would get
    #[arg(short, long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Plan with an approval earlier than one day before the release date
    #[arg(long)]
    pub ignore_release_date: bool,
}

/// How to drive.
#[derive(Debug, Args)]
pub struct DriveArgs {
    /// Mail address of the owner, for take-ownership
    #[arg(short, long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// One look and one round of actions
    #[arg(long, conflicts_with = "watch")]
    pub once: bool,
    /// Stay and look again whenever something may have changed, until the release is done
    #[arg(long)]
    pub watch: bool,
    /// Decide about a rejected build: candidate=accept, promoted=reject; needs --reason
    #[arg(long, value_name = "BUILD=DECISION", requires = "reason", group = "reasoned")]
    pub decide: Option<String>,
    /// Take the lease from a driver on another machine that is dead; needs --reason
    #[arg(long, requires = "reason", group = "reasoned")]
    pub take_over: bool,
    /// Why; recorded in the state
    #[arg(long, value_name = "TEXT", requires = "reasoned")]
    pub reason: Option<String>,
    /// Try a failed task again
    #[arg(long, value_name = "TASK")]
    pub retry: Option<Task>,
    /// Approve earlier than one day before the release date; needs --reason, and asks
    #[arg(long, requires = "reason", group = "reasoned")]
    pub ignore_release_date: bool,
}

/// Issues of a release.
#[derive(Debug, Subcommand)]
pub enum IssueCommand {
    /// Report an issue; a blocker unless asked otherwise
    Add {
        /// What is wrong, in one sentence
        text: String,
        /// A task it concerns; repeat for several, leave out for the whole release
        #[arg(long = "task", value_name = "TASK")]
        tasks: Vec<Task>,
        /// It does not block the release
        #[arg(long)]
        no_blocker: bool,
    },
    /// Close an open issue
    Resolve {
        /// Its id, or a part of its text
        issue: String,
        /// How it was resolved
        #[arg(long, value_name = "TEXT")]
        resolution: String,
    },
    /// List the issues
    List,
}
