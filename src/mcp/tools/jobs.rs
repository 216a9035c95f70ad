//! Test jobs and their controllers. They belong to the job system, which this program does not run yet.

use crate::core::access::principal::Scope;
use crate::domain::build::Arch;
use crate::mcp::arguments::{Param, ParamKind, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Counted, DESTROYS, EffectMark, Handler, Hints, Tool, ToolChange, Toolset};

/// The architecture of a build.
pub const ARCH: Param = optional("arch", ParamKind::ChoiceOr(&Arch::NAMES, "amd64"), "Architecture");
const MINOR: Param = required("release", ParamKind::Minor, "Minor X.Y, e.g. 4.20");
const BUILD: Param = required("build", ParamKind::Text(200), "Build, e.g. 4.20.0-0.nightly-2026-05-03-214402");

const JOB: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::Write,
    toolset: Toolset::Jobs,
    counted: Counted::Cli,
    scope: Scope::JobsRun,
    hints: ADDS,
    params: &[],
    work: Handler::Change(not_yet),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oarctl_start_release_detector",
        title: "Release detector",
        about: "Looks for new releases of a minor and creates their state files.",
        mark: EffectMark::Background,
        params: &[MINOR],
        ..JOB
    },
    Tool {
        name: "oarctl_jira_notificator",
        title: "Jira notificator",
        hints: Hints { idempotent: false, ..ADDS },
        about: "Escalates Jira issues that wait for verification. A dry run unless dry_run=false, which asks a human.",
        params: &[
            optional("dry_run", ParamKind::Flag(true), "Send nothing"),
            optional("from_date", ParamKind::Date, "Only issues changed since, YYYY-MM-DD"),
        ],
        ..JOB
    },
    Tool {
        name: "job_run",
        title: "Run a job",
        about: "Starts one test job of the registry. A payload that is no known build, and any other job, need scope \
                jobs:run:any.",
        hints: Hints { idempotent: false, ..ADDS },
        params: &[
            required("job_name", ParamKind::Text(300), "Name in the registry"),
            required("payload", ParamKind::Text(500), "Pull spec of the payload"),
            optional("upgrade_from", ParamKind::Text(500), "Pull spec to upgrade from"),
            optional("upgrade_to", ParamKind::Text(500), "Pull spec to upgrade to"),
        ],
        ..JOB
    },
    Tool {
        name: "jobctl_start_controller",
        title: "Job controller",
        about: "Starts the jobs of new builds of a minor.",
        mark: EffectMark::Background,
        params: &[
            MINOR,
            optional("nightly", ParamKind::Flag(true), "Nightly builds, not stable ones"),
            optional("trigger_prow_job", ParamKind::Flag(true), "Start jobs; false only looks"),
            ARCH,
        ],
        ..JOB
    },
    Tool {
        name: "jobctl_trigger_jobs_for_build",
        title: "Trigger jobs of a build",
        about: "Starts the jobs of one build; those it has are skipped.",
        params: &[BUILD, ARCH, optional("skip_existing", ParamKind::Flag(true), "Skip jobs that ran already")],
        ..JOB
    },
    Tool {
        name: "jobctl_start_aggregator",
        title: "Result aggregator",
        about: "Collects test results and judges builds.",
        mark: EffectMark::Background,
        params: &[ARCH],
        ..JOB
    },
    Tool {
        name: "jobctl_promote_test_results",
        title: "Promote test results",
        about: "Accepts the test results of a build by hand. A human confirms it.",
        hints: DESTROYS,
        params: &[BUILD, ARCH, required("reason", ParamKind::Text(1000), "Why; stored")],
        ..JOB
    },
    Tool {
        name: "jobctl_update_retried_job_run",
        title: "Update a retried run",
        about: "Replaces a run in the test results of a build by a later one. A human confirms it.",
        hints: DESTROYS,
        params: &[
            BUILD,
            required("job_name", ParamKind::Text(300), "Name in the registry"),
            required("current_job_id", ParamKind::JobId, "The run to replace"),
            required("new_job_id", ParamKind::JobId, "The run that counts"),
            ARCH,
            required("reason", ParamKind::Text(1000), "Why; stored"),
        ],
        ..JOB
    },
];

fn not_yet(_: &ToolCall) -> Result<ToolChange, Reply> {
    let why = "this server does not run the job system yet; nothing was started";
    Err(Reply::error(Code::Precondition, why, "use the jobctl and job commands that your team runs today"))
}
