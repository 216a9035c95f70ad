//! The arguments of the command line. Help texts are the manual: every command says what it changes.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::config::ConfigCommand;
use super::examples;
use super::mcp::McpCommand;
use super::rehearse::RehearseArgs;
use super::sim::SimCommand;
use super::state::StateCommand;
use crate::domain::ids::{BuildNumber, MrIid, ProwJobId};
use crate::domain::pull_spec::PullSpec;
use crate::domain::release::ZStream;
use crate::domain::task::{Task, TaskStatus};

/// Other names of the executable, and the command each of them stands for.
pub const NAMES: [(&str, &str); 3] = [("oarctl", "ctl"), ("job", "job"), ("jobctl", "jobctl")];

/// Above the options that every command takes.
pub const GLOBAL: &str = "Global options";

/// Ships OpenShift z-stream releases
///
/// Every task can be run alone; `drive` moves a release as far as it can go and says what it waits for;
/// `rehearse` does all of it against a simulator, without any credential.
#[derive(Debug, Parser)]
#[command(name = "oar", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  oar rehearse 4.20.17                  a whole release against the simulator, no credentials\n  oar -r 4.20.17 status                 where the release stands\n  oar -r 4.20.17 drive                  do everything that can be done now\n  oar -r 4.20.17 stage-testing          one task alone\n\nExit codes: 0 done, 3 waiting, 4 a person is needed, 5 a Fail verdict, 6 credential, 7 service down, 8 conflict, 2 usage, 1 internal."
)]
pub struct Cli {
    /// The release: 4.20.17, 4.21.0-rc.1
    #[arg(short, long, global = true, help_heading = GLOBAL, value_name = "RELEASE")]
    pub release: Option<ZStream>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Post no messages
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_notify: bool,
    /// Change nothing, neither outside nor in the state
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub dry_run: bool,
    /// Answer every question with yes
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub yes: bool,
    /// When to colour the output
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Keep the state in this folder or Git repository instead of GitHub
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Settings file (TOML) instead of the user's own
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// More log on stderr: -v steps, -vv calls
    #[arg(short, long, global = true, help_heading = GLOBAL, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// When to colour the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the state file of the release
    CreateTestReport,
    /// Make one engineer the owner of advisories, merge request and sub-tasks
    ///
    /// Without -e the owner named in the sealed settings is taken.
    TakeOwnership {
        /// Mail address of the owner
        #[arg(short, long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Look for CVE trackers that are attached to no advisory and no shipment
    CheckCveTrackerBug,
    /// Look for security alerts on the RHCOS advisory
    #[command(alias = "check-blocking-sec-alerts")]
    CheckRhcosSecurityAlerts,
    /// Push the advisories to the staging CDN, or look how the pushes go
    PushToCdnStaging {
        /// Only look, start no push
        #[arg(long)]
        check_only: bool,
        /// Push although a check before it is not done; needs --reason
        #[arg(long, requires = "reason", conflicts_with = "check_only")]
        force: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT", requires = "force")]
        reason: Option<String>,
    },
    /// Start the image-consistency job, or look how it goes
    ImageConsistencyCheck {
        /// A Prow job that was started by hand
        #[arg(short = 'i', long, value_name = "PROW_ID", conflicts_with = "local")]
        job_id: Option<ProwJobId>,
        /// Compare here, image by image, instead of starting a job
        #[arg(long)]
        local: bool,
        /// An architecture to compare (amd64, arm64, ppc64le, s390x); repeat for several
        #[arg(long, value_name = "ARCH", requires = "local", default_value = "amd64")]
        arch: Vec<String>,
    },
    /// Start the stage pipeline, or look how it goes
    StageTesting {
        /// A Jenkins build that was started by hand
        #[arg(short = 'n', long, alias = "build_number", value_name = "NUMBER")]
        build_number: Option<BuildNumber>,
        /// Start although a gate is closed; needs --reason
        #[arg(long, requires = "reason")]
        force: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT", requires = "force")]
        reason: Option<String>,
    },
    /// Check that the promoted payload is signed on the public mirror
    ///
    /// Exit 0: signed, or not due yet; 5: still unsigned on the release date.
    ImageSignedCheck,
    /// Judge the tests of the nightly chosen for the release
    AnalyzeCandidateBuild(Decide),
    /// Judge the tests of the promoted payload: the gate
    AnalyzePromotedBuild(Decide),
    /// Final approval: approve the merge request and move the advisories
    ///
    /// One pass: while the advisory page is not public yet, run it again (or let `drive --watch`).
    ChangeAdvisoryStatus {
        /// Start earlier than one day before the release date
        #[arg(long)]
        ignore_release_date: bool,
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Approve the shipment merge request, nothing else
    ///
    /// Nothing is merged and no advisory moves; change-advisory-status does this and more.
    AddQeApproval,
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
        /// Why; recorded in the state
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Change even a Pass; needs --reason
        #[arg(long = "override", requires = "reason")]
        override_: bool,
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
    Ctl {
        /// What to do
        #[command(subcommand)]
        command: CtlCommand,
    },
    /// Test jobs of builds (also: job)
    Job,
    /// Job controllers (also: jobctl)
    Jobctl,
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

/// The command line with all its help texts.
pub fn command() -> clap::Command {
    let mut root = examples::with_examples(Cli::command());
    let senseless: Vec<clap::Arg> = root
        .get_arguments()
        .filter(|arg| ["no_notify", "dry_run", "yes"].contains(&arg.get_id().as_str()))
        .map(|arg| arg.clone().hide(true))
        .collect();
    for name in READERS {
        root = root.mut_subcommand(name, |command| command.args(senseless.clone()));
    }
    root
}

/// Commands that change nothing and ask nothing: they take the options against that, and do not offer them.
const READERS: [&str; 7] = ["status", "plan", "is-shipped", "metadata", "active-releases", "completions", "man"];

/// The command that `words` name as far as they name one, as it is typed: `oar issue add`.
pub fn named_by(tokens: &[String]) -> String {
    let root = command();
    let (mut place, mut name) = (&root, "oar".to_owned());
    let mut takes_value = false;
    for token in tokens.iter().skip(1) {
        if std::mem::take(&mut takes_value) {
            continue;
        }
        let option = token.trim_start_matches('-');
        let known = root.get_arguments().chain(place.get_arguments());
        takes_value = token.starts_with('-')
            && known.filter(|arg| arg.get_action().takes_values()).any(|arg| {
                arg.get_long() == Some(option) || arg.get_short().is_some_and(|short| option == short.to_string())
            });
        if let Some(sub) = place.find_subcommand(token).filter(|_| !token.starts_with('-')) {
            (place, name) = (sub, format!("{name} {}", sub.get_name()));
        }
    }
    name
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

/// A person's decision about a rejected build.
#[derive(Debug, Args)]
pub struct Decide {
    /// Decide about a rejected build
    #[arg(long, value_name = "DECISION", requires = "reason")]
    pub decide: Option<Decision>,
    /// Why; recorded in the state
    #[arg(long, value_name = "TEXT", requires = "decide")]
    pub reason: Option<String>,
}

/// Accept or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Decision {
    /// Ship it all the same
    Accept,
    /// Do not ship it
    Reject,
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
    #[arg(long, value_name = "BUILD=DECISION", requires = "reason")]
    pub decide: Option<String>,
    /// Why; recorded in the state
    #[arg(long, value_name = "TEXT", requires = "decide")]
    pub reason: Option<String>,
    /// Try a failed task again
    #[arg(long, value_name = "TASK")]
    pub retry: Option<Task>,
    /// Approve earlier than one day before the release date
    #[arg(long)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_that_an_error_names_is_that_of_the_command() {
        let of = |line: &str| named_by(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("oar -r 4.20.17 update-task-status stage-test Pass"), "oar update-task-status");
        assert_eq!(of("oar issue --release plan add --task x"), "oar issue add");
        assert_eq!(of("oar nonsense"), "oar");
        assert_eq!(of("oar rehearse --scenario drive"), "oar rehearse");
    }

    #[test]
    fn options_of_every_command_stand_under_a_heading_of_their_own() {
        let mut root = command();
        root.build();
        let plan = root.find_subcommand_mut("plan").unwrap().render_help().to_string();
        let (own, global) = plan.split_once("Global options:").unwrap();
        assert!(own.contains("--ignore-release-date") && !own.contains("--json"), "{plan}");
        assert!(global.contains("--json") && global.contains("--release"), "{plan}");
        for senseless in ["--watch", "--once", "--retry", "--decide", "--no-notify", "--dry-run", "--yes"] {
            assert!(!plan.contains(senseless), "{senseless}: {plan}");
        }
    }
}
