//! The arguments of `job`.

use std::path::PathBuf;

use crate::domain::build::Arch;
use crate::domain::ids::{MrIid, ProwJobId, RunName};
use crate::domain::pull_spec::PullSpec;
use crate::domain::release::ZStream;
use crate::grammar::debug::DebugArgs;
use crate::grammar::jobctl::arch;

/// What `job` takes before its command.
#[derive(Debug, Clone, clap::Args)]
pub struct JobArgs {
    #[command(flatten)]
    pub debug: DebugArgs,
    /// What to do
    #[command(subcommand)]
    pub command: JobCommand,
}

/// What can be done with single jobs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum JobCommand {
    /// Start one periodic job, with or without images of your own
    ///
    /// Asks on a terminal and needs --yes elsewhere: what runs is not taken back. The start is noted on this machine
    /// before it is asked for; when its answer got lost, the same line looks for the run and starts none while it is
    /// unknown. Exit 0: it runs; 3: nobody knows yet whether it does; 4: nobody can see any more whether it does, or
    /// nobody said yes; 2: the name or the images make no sense; 6: APITOKEN is missing or refused; 7: the gateway does
    /// not answer.
    Run(RunArgs),
    /// Show how one run of a job goes
    ///
    /// Exit 0: it passed; 3: it has not ended; 5: it failed, was aborted, or could not be run.
    #[command(visible_alias = "get_results")]
    GetResults {
        /// Its id at Prow
        #[arg(value_name = "JOB_ID")]
        id: ProwJobId,
        /// Look again for some seconds until it has ended
        #[arg(long, overrides_with = "no_poll")]
        poll: bool,
        /// Look once, as without it
        #[arg(long, overrides_with = "poll")]
        no_poll: bool,
    },
    /// List the tests that the CI configuration of a component defines, with the names of their periodic jobs
    List {
        /// The component, owner/name
        #[arg(long, value_name = "COMPONENT", default_value = "openshift/openshift-tests-private")]
        component: String,
        /// Branch of the CI configuration
        #[arg(long, value_name = "BRANCH", default_value = "main")]
        branch: String,
    },
    /// Start all required jobs of a release, each once
    ///
    /// A job whose name speaks of an upgrade upgrades to the release, every other one installs it; arm64 in the name
    /// takes the payload of that architecture. Nothing is started unless all of them can be; the same line starts what is
    /// missing. Exit codes as those of run, the worst one.
    #[command(visible_alias = "run_required")]
    RunRequired(RequiredArgs),
    /// Gone: names what does the same
    #[command(hide = true, alias = "get_payloads")]
    GetPayloads {
        /// Taken as it was
        #[arg(value_name = "VERSIONS", trailing_var_arg = true, allow_hyphen_values = true)]
        given: Vec<String>,
    },
    /// Start the comparison of a payload with its shipment
    ///
    /// The task image-consistency-check does the same for a release, and stores what comes of it. Exit codes as those of
    /// run.
    #[command(visible_alias = "run_image_consistency_check")]
    RunImageConsistencyCheck {
        /// The payload: REPOSITORY:X.Y.Z-x86_64
        #[arg(short, long, value_name = "PULL_SPEC")]
        payload_url: PullSpec,
        /// Number of the merge request in the shipment project
        #[arg(short, long, value_name = "NUMBER", value_parser = merge_request)]
        mr_id: MrIid,
        #[command(flatten)]
        once: OnceArgs,
    },
    /// Start the stage test of a payload
    ///
    /// Exit codes as those of run.
    #[command(visible_alias = "run_stage_testing")]
    RunStageTesting {
        /// The payload: REPOSITORY:X.Y.Z-x86_64
        #[arg(short, long, value_name = "PULL_SPEC")]
        payload_url: PullSpec,
        #[command(flatten)]
        once: OnceArgs,
    },
}

/// Which job, and with which images.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Its full name; a part of it is answered with the jobs that have it in their names
    #[arg(value_name = "JOB_NAME")]
    pub job: String,
    /// Pull spec that it installs; not together with an upgrade
    #[arg(long, value_name = "PULL_SPEC")]
    pub payload: Option<PullSpec>,
    /// Pull spec that it upgrades from
    #[arg(long, alias = "upgrade_from", value_name = "PULL_SPEC")]
    pub upgrade_from: Option<PullSpec>,
    /// Pull spec that it upgrades to
    #[arg(long, alias = "upgrade_to", value_name = "PULL_SPEC")]
    pub upgrade_to: Option<PullSpec>,
    /// Architecture of the images: amd64, arm64, ppc64le or multi; without it the one that they name
    #[arg(long, value_name = "ARCH", value_parser = arch)]
    pub arch: Option<Arch>,
    #[command(flatten)]
    pub once: OnceArgs,
}

/// Which run it is.
#[derive(Debug, Clone, clap::Args)]
pub struct OnceArgs {
    /// A name for this run: under the same name the same is never started a second time
    #[arg(long, value_name = "NAME")]
    pub run_id: Option<RunName>,
    /// What became of an earlier start that nobody can see any more: happened or did-not-happen
    #[arg(long, value_name = "CHOICE")]
    pub answer: Option<EarlierStart>,
}

/// What became of an earlier start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EarlierStart {
    /// The job runs, or ran: nothing is started
    Happened,
    /// It does not run: it is started
    DidNotHappen,
}

/// Which required jobs, and of what.
#[derive(Debug, Clone, clap::Args)]
pub struct RequiredArgs {
    /// Channels of the file, separated by commas
    #[arg(long, value_name = "CHANNELS", value_delimiter = ',', required = true)]
    pub channel: Vec<String>,
    /// A JSON object: for each channel a list of full job names
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// The release whose payload they test
    #[arg(long = "version", value_name = "RELEASE")]
    pub of: ZStream,
    /// A name for this run of all of them; without one each is started once for the release
    #[arg(long, value_name = "NAME")]
    pub run_id: Option<RunName>,
}

fn merge_request(text: &str) -> Result<MrIid, String> {
    let refuse = || format!("{text:?} is no number of a merge request; it is a number from 1 on");
    text.parse().ok().filter(|mr: &MrIid| mr.get() > 0).ok_or_else(refuse)
}
