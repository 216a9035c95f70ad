//! Test jobs and their controllers. Two of these tools do what this program does not do yet.

use futures::FutureExt as _;
use serde_json::{Value, json};

use crate::agents::aggregator;
use crate::agents::job_controller::{self, Streams};
use crate::core::access::principal::Scope;
use crate::core::context::Context;
use crate::domain::build::{Arch, Stream};
use crate::domain::build_stream::BuildStream;
use crate::domain::ids::{BuildName, JobName, ProwJobId, RunName};
use crate::domain::job_images::Images;
use crate::domain::job_order::JobOrder;
use crate::domain::pull_spec::PullSpec;
use crate::domain::release::Minor;
use crate::domain::result_file::name::ResultName;
use crate::domain::subject::Subject;
use crate::mcp::arguments::{Param, ParamKind, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::confirm::questions;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Counted, DESTROYS, EffectMark, Handler, Hints, Tool, ToolChange, Toolset};
use crate::operators::error::TaskError;
use crate::operators::jobs::job_files::JobFiles;
use crate::operators::jobs::job_writer::{JobWriter, Powers};
use crate::operators::jobs::known_jobs;
use crate::operators::jobs::manual::{self, ChangedRecord, RecordRequest, Wanted};
use crate::operators::jobs::run_job::{self, JobToRun};
use crate::render;
use crate::render::documents::job::StartedDocument;
use crate::render::documents::jobs::{AggregatorPassDocument, BuildDocument, ControllerPassDocument, RecordChange};
use crate::runs::run::Queue;

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
        about: "Starts one test job of the registry with a payload, or with an upgrade. A pull spec that is no known \
                build, and any other job, need scope jobs:run:any.",
        hints: Hints { idempotent: false, ..ADDS },
        params: &[
            required("job_name", ParamKind::Text(300), "Full name, as in the registry"),
            required("payload", ParamKind::Text(500), "Pull spec under test: installed, or what an upgrade ends at"),
            optional("upgrade_from", ParamKind::Text(500), "Pull spec that an upgrade to the payload begins at"),
            optional(
                "upgrade_to",
                ParamKind::Text(500),
                "The payload again, when the job chooses itself where it begins",
            ),
            optional("arch", ParamKind::Choice(&Arch::NAMES), "Architecture, when the pull spec names none"),
            optional("run_id", ParamKind::Text(60), "Name of this run: the same name never starts a second one"),
        ],
        work: Handler::Change(run_job),
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
        work: Handler::Change(controller),
        ..JOB
    },
    Tool {
        name: "jobctl_trigger_jobs_for_build",
        title: "Trigger jobs of a build",
        about: "Starts the jobs of one build; those it has are skipped.",
        params: &[BUILD, ARCH, optional("skip_existing", ParamKind::Flag(true), "Skip jobs that ran already")],
        work: Handler::Change(trigger),
        ..JOB
    },
    Tool {
        name: "jobctl_start_aggregator",
        title: "Result aggregator",
        about: "Collects test results and judges builds.",
        mark: EffectMark::Background,
        params: &[ARCH],
        work: Handler::Change(aggregate),
        ..JOB
    },
    Tool {
        name: "jobctl_promote_test_results",
        title: "Promote test results",
        about: "Accepts the test results of a build by hand. A human confirms it.",
        hints: DESTROYS,
        params: &[BUILD, ARCH, required("reason", ParamKind::Text(1000), "Why; stored")],
        work: Handler::Change(promote),
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
        work: Handler::Change(replace),
        ..JOB
    },
];

fn not_yet(_: &ToolCall) -> Result<ToolChange, Reply> {
    let why = "this server does not do that yet; nothing was started";
    Err(Reply::error(Code::Precondition, why, "use the command that your team runs today"))
}

fn arch(call: &ToolCall) -> Arch {
    call.arguments.text("arch").and_then(Arch::named).unwrap_or(Arch::Amd64)
}

/// The record of the build that was named, and the queue of its changes.
fn record(call: &ToolCall) -> Result<(ResultName, Queue), Reply> {
    let text = call.arguments.text("build").unwrap_or_default();
    let build: BuildName = text
        .parse()
        .map_err(|bad| Reply::error(Code::InvalidArgument, format!("{bad}"), "give a build, e.g. 4.20.17"))?;
    let of = ResultName { build: build.to_string(), arch: arch(call) };
    Ok((of, Queue::Of(Subject::Build(build))))
}

/// What triggers names what it lacks before it begins.
fn ready(call: &ToolCall, powers: Powers) -> Result<(), Reply> {
    powers.ready(&call.ctx).map_err(|error| Reply::operator("no test job can be triggered", &error))
}

fn change(
    queue: Queue,
    work: impl AsyncFnOnce(Context) -> Result<Reply, TaskError> + Send + 'static,
    what: &'static str,
) -> ToolChange {
    ToolChange::new(queue, move |ctx| {
        async move { work(ctx).await.unwrap_or_else(|error| Reply::operator(what, &error)) }.boxed_local()
    })
}

fn data(document: &impl serde::Serialize) -> Value {
    render::json::clean(render::json::of(document))
}

/// Runs one job. What no registry knows takes a right of its own, which is looked at before anything is started.
fn run_job(call: &ToolCall) -> Result<ToolChange, Reply> {
    let given = &call.arguments;
    let refused = |why: String, hint: &str| Reply::error(Code::InvalidArgument, why, hint);
    let spec = |name: &str| {
        let spec = given.text(name).map(str::parse::<PullSpec>).transpose();
        let hint = "give host/repository:tag or host/repository@sha256:…";
        let spec = spec.map_err(|bad| refused(format!("{name}: {bad}"), hint))?;
        Ok::<_, Reply>(spec.map(|spec| spec.to_string()))
    };
    let images = Images::under_test(spec("payload")?, spec("upgrade_from")?, spec("upgrade_to")?);
    let upgrade = "give the payload under test, and upgrade_from for an upgrade to it";
    let images = images.map_err(|bad| refused(bad.to_string(), upgrade))?;
    let images = images.ok_or_else(|| refused("payload is missing".to_owned(), "give the pull spec under test"))?;
    let run = given.text("run_id").map(str::parse::<RunName>).transpose();
    let run = run.map_err(|bad| refused(bad.to_string(), "give a short name, e.g. 4.20.17-second"))?;
    let arch = given.text("arch").and_then(Arch::named);
    let name = given.text("job_name").unwrap_or_default().to_owned();
    ready(call, Powers::default())?;
    let queue = match name.parse::<JobName>() {
        Ok(job) => Queue::Of(Subject::Job(job)),
        Err(_) => Queue::Looks { of: "names of jobs".to_owned() },
    };
    let may_any = call.who.may(Scope::JobsRunAny);
    let work = async move |ctx: Context| {
        let job = known_jobs::exact(&ctx, &name).await?;
        let order = JobOrder::with_images(job, Some(&images), arch).map_err(|bad| TaskError::Refused {
            why: bad.to_string(),
            next: "correct the images, or give their architecture as arch".to_owned(),
        })?;
        if !may_any && let Some(why) = known_jobs::unknown(&ctx, &order.job, &images).await? {
            let hint =
                "give a job of a registry and a build that the release controller names, or ask a person: job run";
            return Ok(Reply::error(Code::Denied, format!("{why}; that takes scope {}", Scope::JobsRunAny), hint));
        }
        let started = run_job::run(&ctx, &JobToRun { order, run, earlier: None }).await?;
        let document = StartedDocument::from(&started);
        let job = json!({ "system": "prow", "id": document.id, "url": document.url });
        Ok(Reply::changed(render::job::started(&started).to_string(), started.is_new, data(&document)).with("job", job))
    };
    Ok(change(queue, work, "the job could not be started"))
}

fn controller(call: &ToolCall) -> Result<ToolChange, Reply> {
    let minor: Option<Minor> = call.arguments.parsed("release");
    let minor = minor.ok_or_else(|| Reply::error(Code::InvalidArgument, "release is no minor", "give e.g. 4.20"))?;
    let stream = if call.arguments.flag("nightly", true) { Stream::Nightly } else { Stream::Stable };
    let stream = BuildStream { minor, stream, arch: arch(call) };
    let powers = Powers { shadow: !call.arguments.flag("trigger_prow_job", true), take_over: false };
    ready(call, powers)?;
    let work = async move |ctx: Context| {
        let pass = job_controller::run(&ctx, &Streams::Named(vec![stream]), powers).await?;
        let document = ControllerPassDocument::from(&pass.streams);
        Ok(Reply::changed(render::jobs::controller(&pass.streams).to_string(), pass.changed, data(&document)))
    };
    Ok(change(Queue::Of(Subject::from(&stream)), work, "the stream could not be looked at"))
}

fn aggregate(call: &ToolCall) -> Result<ToolChange, Reply> {
    ready(call, Powers::default())?;
    let arch = arch(call);
    let queue = Queue::Looks { of: format!("the aggregator of {}", arch.name()) };
    let work = async move |ctx: Context| {
        let pass = aggregator::run(&ctx, arch, Powers::default()).await?;
        let document = AggregatorPassDocument::from(&pass);
        Ok(Reply::changed(render::jobs::aggregator(&pass).to_string(), pass.changed, data(&document)))
    };
    Ok(change(queue, work, "no record could be judged"))
}

fn trigger(call: &ToolCall) -> Result<ToolChange, Reply> {
    if !call.arguments.flag("skip_existing", true) {
        let hint = "a person does that: jobctl trigger-jobs-for-build --no-skip-existing --reason TEXT";
        return Err(Reply::error(Code::Precondition, "jobs are triggered again only with a reason of a person", hint));
    }
    ready(call, Powers::default())?;
    let (of, queue) = record(call)?;
    let work = async move |ctx: Context| {
        let writer = JobWriter::new(&ctx, Powers::default())?;
        let job_files = JobFiles::read(&ctx).await?;
        let report = manual::trigger_for_build(&writer, &job_files, &of, &Wanted::default()).await?;
        let document = BuildDocument::from(&report);
        Ok(Reply::changed(render::jobs::of_build(&report).to_string(), writer.files.have_written(), data(&document)))
    };
    Ok(change(queue, work, "the jobs of the build could not be triggered"))
}

fn changed(record: &ChangedRecord) -> Reply {
    let document = RecordChange::from(record);
    Reply::changed(render::jobs::changed(record).to_string(), record.changed, data(&document))
}

/// A change of a record, which a person confirms who sees what the record says at that moment.
fn record_change(of: ResultName, queue: Queue, request: RecordRequest) -> ToolChange {
    let (asked, what) = ((of.clone(), request.clone()), request.refusal());
    let work = async move |ctx: Context| {
        let writer = JobWriter::new(&ctx, Powers::default())?;
        Ok(changed(&manual::carry_out(&writer, &of, &request).await?))
    };
    change(queue, work, what)
        .asking(move |ctx| questions::of_record(ctx, asked.0.clone(), asked.1.clone()).boxed_local())
}

fn promote(call: &ToolCall) -> Result<ToolChange, Reply> {
    let (of, queue) = record(call)?;
    let reason = call.arguments.text("reason").unwrap_or_default().to_owned();
    Ok(record_change(of, queue, RecordRequest::Promote { reason }))
}

fn replace(call: &ToolCall) -> Result<ToolChange, Reply> {
    let (of, queue) = record(call)?;
    let given = &call.arguments;
    let id = |name: &str| -> Result<ProwJobId, Reply> {
        let refuse = || Reply::error(Code::InvalidArgument, format!("{name} is no id of a run"), "take it from Prow");
        given.parsed(name).ok_or_else(refuse)
    };
    let (current, new) = (id("current_job_id")?, id("new_job_id")?);
    let text = |name: &str| given.text(name).unwrap_or_default().to_owned();
    let request = RecordRequest::ReplaceRun { job: text("job_name"), current, new, reason: text("reason") };
    Ok(record_change(of, queue, request))
}
