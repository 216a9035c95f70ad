//! Tasks of a release: each starts something or looks how it goes, and records what it found out.

use futures::FutureExt as _;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::core::context::{Context, Options};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::entries::{DID_NOT_HAPPEN, HAPPENED};
use crate::domain::task::{Task, TaskStatus};
use crate::mcp::arguments::{Param, ParamKind, RELEASE, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::confirm::questions;
use crate::mcp::next_call::{NextCall, task_of, tool_of};
use crate::mcp::reply::{Code, Reply};
use crate::mcp::task_reply;
use crate::mcp::tool::{ADDS, Counted, DESTROYS, EffectMark, Handler, Tool, ToolChange, Toolset};
use crate::operators::execute::run_task;
use crate::operators::manual::answer::{self, Answered};
use crate::operators::manual::update_task_status::{self, StatusChange};
use crate::operators::preview::may_ask;
use crate::operators::previewed::Depth;
use crate::operators::report::TaskReport;
use crate::operators::request::{AnswerByHand, ChangeRequest, StatusByHand, TaskRequest};
use crate::render::manual;
use crate::render::text::clean;
use crate::runs::run::Queue;

const NOTIFY: Param = optional("notify", ParamKind::Flag(false), "Post to Slack what was found");
const RECORD: Param = optional("record", ParamKind::Flag(true), "Store the result; false with notify=false only looks");

const TASK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::Write,
    toolset: Toolset::Release,
    counted: Counted::Cli,
    scope: Scope::Write,
    hints: ADDS,
    params: &[RELEASE],
    work: Handler::Change(unsupported),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oar_create_test_report",
        title: "Create test report",
        about: "Creates the state file of a release; nothing else can run before. Calling it again changes nothing.",
        work: Handler::Change(|call| task(call, TaskRequest::CreateTestReport)),
        ..TASK
    },
    Tool {
        name: "oar_take_ownership",
        title: "Take ownership",
        about: "Makes a person the owner of advisories, merge request and Jira sub-tasks of a release.",
        hints: DESTROYS,
        params: &[RELEASE, required("email", ParamKind::Mail, "Mail address of the new owner")],
        work: Handler::Change(|call| {
            task(
                call,
                TaskRequest::TakeOwnership { email: call.arguments.text("email").map(str::to_owned), reason: None },
            )
        }),
        ..TASK
    },
    Tool {
        name: "oar_check_cve_tracker_bug",
        title: "Check CVE tracker bugs",
        about: "Looks for CVE trackers that no advisory or shipment carries, and stores what it found. Read-only with \
                record=false and notify=false. About 1 min.",
        params: &[RELEASE, NOTIFY, RECORD],
        work: Handler::Change(|call| check(call, TaskRequest::CheckCveTrackerBug)),
        ..TASK
    },
    Tool {
        name: "oar_check_rhcos_security_alerts",
        title: "Check RHCOS security alerts",
        about: "Looks for blocking security alerts on the RHCOS advisory, and stores what it found. Read-only with \
                record=false and notify=false.",
        params: &[RELEASE, NOTIFY, RECORD],
        work: Handler::Change(|call| check(call, TaskRequest::CheckRhcosSecurityAlerts)),
        ..TASK
    },
    Tool {
        name: "oar_push_to_cdn_staging",
        title: "Push to CDN staging",
        about: "Pushes the advisories to the staging CDN, or looks how the pushes go. Takes hours; call again as \
                `next` says.",
        mark: EffectMark::Critical,
        hints: DESTROYS,
        work: Handler::Change(|call| task(call, TaskRequest::PushToCdnStaging { check_only: false, force: None })),
        ..TASK
    },
    Tool {
        name: "oar_image_consistency_check",
        title: "Image consistency check",
        about: "Without job_id starts the Prow job that compares payload and shipment (WRITE), unless one runs; \
                with job_id (READ-ONLY outside: starts nothing) looks how that job went and records it. 90-120 min.",
        params: &[
            RELEASE,
            optional("job_id", ParamKind::JobId, "Prow job to look at, id or pasted URL"),
            optional("build_number", ParamKind::JobId, "Former name of job_id"),
        ],
        work: Handler::Change(consistency),
        ..TASK
    },
    Tool {
        name: "oar_stage_testing",
        title: "Stage testing",
        about: "Without build_number starts the stage pipeline in Jenkins (WRITE), unless one runs; with it \
                (READ-ONLY outside: starts nothing) looks how that build went and records it. 2-4 h. Needs promotion, a finished push, the stage release and \
                the test gate.",
        params: &[
            RELEASE,
            optional("build_number", ParamKind::BuildNumber, "Jenkins build to look at, number or pasted URL"),
            optional(
                "force_reason",
                ParamKind::Text(1000),
                "Start although a gate is closed; says why, recorded, and a person confirms it",
            ),
        ],
        work: Handler::Change(|call| {
            let build = call.arguments.parsed("build_number");
            let force = call.arguments.text("force_reason").map(str::to_owned);
            task(call, TaskRequest::StageTesting { build, force })
        }),
        ..TASK
    },
    Tool {
        name: "oar_image_signed_check",
        title: "Image signed check",
        about: "Looks whether the payload's signature is published, and stores it; read-only with record=false. Comes \
                hours after promotion.",
        params: &[RELEASE, RECORD],
        work: Handler::Change(|call| check(call, TaskRequest::ImageSignedCheck)),
        ..TASK
    },
    Tool {
        name: "oar_change_advisory_status",
        title: "Change advisory status",
        about: "Final approval: approves the shipment and moves the advisories to REL_PREP, one pass per call. A \
                human confirms it. Best from the day before the release date.",
        mark: EffectMark::Critical,
        scope: Scope::Critical,
        hints: DESTROYS,
        params: &[
            RELEASE,
            optional(
                "ignore_release_date",
                ParamKind::Flag(false),
                "Approve earlier than the day before the release date; needs reason",
            ),
            optional("reason", ParamKind::Text(1000), "Why; recorded"),
        ],
        work: Handler::Change(approve),
        ..TASK
    },
    Tool {
        name: "oar_check_greenwave_cvp_tests",
        title: "Check Greenwave CVP tests",
        mark: EffectMark::ReadOnly,
        about: "Errata flow only; not supported in the Konflux flow.",
        ..TASK
    },
    Tool {
        name: "oar_update_bug_list",
        title: "Update bug list",
        about: "Errata flow only; not supported in the Konflux flow.",
        params: &[RELEASE, optional("notify", ParamKind::Flag(true), "Post to Slack")],
        ..TASK
    },
    Tool {
        name: "oar_drop_bugs",
        title: "Drop bugs",
        about: "Errata flow only; not supported in the Konflux flow.",
        scope: Scope::Critical,
        hints: DESTROYS,
        ..TASK
    },
    Tool {
        name: "oar_update_task_status",
        title: "Update task status",
        about: "Stores a status that a person found out, with the reason. A Pass without a passing run, and any \
                change of a Pass, ask a human.",
        counted: Counted::Api,
        hints: DESTROYS,
        params: &[
            RELEASE,
            required("task_name", ParamKind::Choice(&TASK_NAMES), "The task"),
            required("status", ParamKind::Choice(&["Pass", "Fail", "In Progress"]), "Its new status"),
            optional("result", ParamKind::Text(64_000), "Why; stored"),
        ],
        work: Handler::Change(status_by_hand),
        ..TASK
    },
    Tool {
        name: "oar_answer_question",
        title: "Answer a question",
        about: "Says whether something happened that no look shows any more; a question of status or plan. A human \
                confirms it.",
        counted: Counted::Api,
        hints: DESTROYS,
        params: &[
            RELEASE,
            required("question", ParamKind::Text(64), "Its id"),
            required("choice", ParamKind::Choice(&[HAPPENED, DID_NOT_HAPPEN]), "The answer"),
            required("reason", ParamKind::Text(1000), "How the human knows; stored"),
        ],
        work: Handler::Change(answer_question),
        ..TASK
    },
];

/// Where a task stands among the names that parameters offer: tasks of the Konflux flow, then the others that state
/// files know. Each place is given once, counted from 0; [`TASK_NAMES`] does not compile otherwise.
const fn place_among_names(task: Task) -> Option<usize> {
    match task {
        Task::TakeOwnership => Some(0),
        Task::ImageConsistencyCheck => Some(1),
        Task::AnalyzeCandidateBuild => Some(2),
        Task::AnalyzePromotedBuild => Some(3),
        Task::CheckCveTrackerBug => Some(4),
        Task::CheckRhcosSecurityAlerts => Some(5),
        Task::PushToCdnStaging => Some(6),
        Task::StageTesting => Some(7),
        Task::ImageSignedCheck => Some(8),
        Task::ChangeAdvisoryStatus => Some(9),
        Task::CreateTestReport => Some(10),
        Task::UpdateBugList => Some(11),
        Task::CheckGreenwaveCvpTests => Some(12),
        Task::DropBugs => Some(13),
        // It has no status of its own.
        Task::AddQeApproval => None,
    }
}

/// How many names are offered.
const NAMED_TASKS: usize = {
    let (mut count, mut at) = (0, 0);
    while at < Task::ALL.len() {
        if place_among_names(Task::ALL[at]).is_some() {
            count += 1;
        }
        at += 1;
    }
    count
};

/// The names of tasks that parameters offer.
pub const TASK_NAMES: [&str; NAMED_TASKS] = {
    let (mut names, mut at) = ([""; NAMED_TASKS], 0);
    while at < Task::ALL.len() {
        if let Some(place) = place_among_names(Task::ALL[at]) {
            assert!(names[place].is_empty(), "a place among the names is given twice");
            names[place] = Task::ALL[at].name();
        }
        at += 1;
    }
    names
};

/// A task as a change of its release.
pub(super) fn task(call: &ToolCall, request: TaskRequest) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let (asked, change) = (release.clone(), ChangeRequest::Task(request.clone()));
    let work = ToolChange::new(Queue::from(&release), move |ctx| {
        async move { answer(&ctx, &release, request).await }.boxed_local()
    });
    Ok(asking(work, asked, change))
}

/// A task that may also be asked to store and send nothing.
fn check(call: &ToolCall, request: TaskRequest) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let options =
        Options { no_notify: !call.arguments.flag("notify", false), dry_run: !call.arguments.flag("record", true) };
    Ok(ToolChange::new(Queue::from(&release), move |ctx| {
        async move {
            let (actor, cancel) = (ctx.actor.clone(), ctx.cancel.clone());
            answer(&ctx.acting_for(actor, cancel, options), &release, request).await
        }
        .boxed_local()
    }))
}

fn consistency(call: &ToolCall) -> Result<ToolChange, Reply> {
    let given = &call.arguments;
    if given.text("job_id").is_some() && given.text("build_number").is_some() {
        let why = "job_id and build_number mean the same; give one of them";
        return Err(Reply::error(Code::InvalidArgument, why, "leave build_number out"));
    }
    let job = given.parsed("job_id").or_else(|| given.parsed("build_number"));
    task(call, TaskRequest::ImageConsistencyCheck { job })
}

fn approve(call: &ToolCall) -> Result<ToolChange, Reply> {
    let ignore_release_date = call.arguments.flag("ignore_release_date", false);
    let reason = call.arguments.text("reason").map(str::to_owned);
    let request = TaskRequest::ChangeAdvisoryStatus { ignore_release_date, reason };
    // Nobody is asked to confirm what would be refused.
    if request.lacks_reason() {
        let why = "ignore_release_date needs reason";
        return Err(Reply::error(Code::InvalidArgument, why, "say why the approval cannot wait for its day"));
    }
    task(call, request)
}

/// `change`, which a person has to confirm where the preview of `request` says so.
pub(super) fn asking(change: ToolChange, release: ZStream, request: ChangeRequest) -> ToolChange {
    if !may_ask(&request, Depth::Looked) {
        return change;
    }
    change.asking(move |ctx| questions::of(ctx, release.clone(), request.clone()).boxed_local())
}

fn status_by_hand(call: &ToolCall) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let given = &call.arguments;
    let (Some(task), Some(status)) = (given.parsed::<Task>("task_name"), given.parsed::<TaskStatus>("status")) else {
        return Err(Reply::error(Code::InvalidArgument, "task_name and status are needed", "see tools/list"));
    };
    let reason = given.text("result").map(str::to_owned);
    // The tool of several tasks does not say which of them passed.
    let tool = tool_of(task).filter(|tool| task_of(tool) == Some(task));
    let proven = tool.is_some_and(|tool| call.shared.runs.has_passed(tool, &release.to_string()));
    let wanted = StatusByHand { task, status, reason, may_change_pass: true, proven };
    let request = ChangeRequest::SetStatus(wanted.clone());
    let asked = release.clone();
    let change = ToolChange::new(Queue::from(&release), move |ctx| {
        async move { set(&ctx, &release, wanted).await }.boxed_local()
    });
    Ok(asking(change, asked, request))
}

fn answer_question(call: &ToolCall) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let text = |name: &str| call.arguments.text(name).unwrap_or_default().to_owned();
    let by_hand = AnswerByHand { id: text("question"), choice: text("choice"), reason: text("reason") };
    let (asked, request) = (release.clone(), ChangeRequest::Answer(by_hand.clone()));
    let change = ToolChange::new(Queue::from(&release), move |ctx| {
        async move {
            match answer::run(&ctx, &release, &by_hand).await {
                Ok(answered) => {
                    let message = manual::answered(&by_hand, &answered).to_string();
                    let changed = matches!(answered, Answered::Stored { .. });
                    Reply::said(message.clone(), message).with("changed", json!(changed))
                }
                Err(error) => {
                    let what = format!("question {} of {release} is not answered", by_hand.id);
                    Reply::operator(&what, &error).as_json(json!({ "success": false }))
                }
            }
        }
        .boxed_local()
    });
    Ok(asking(change, asked, request))
}

async fn set(ctx: &Context, release: &ZStream, wanted: StatusByHand) -> Reply {
    let StatusByHand { task, status, reason, .. } = wanted.clone();
    let change = match update_task_status::run(ctx, release, wanted).await {
        Ok(change) => change,
        Err(error) => {
            return Reply::operator(&format!("{task} of {release} could not be set"), &error)
                .as_json(json!({ "success": false }));
        }
    };
    let message = manual::text(task, status, &change).to_string();
    let (changed, overridden) = match change {
        StatusChange::IsSo => (false, Vec::new()),
        StatusChange::DryRun { .. } | StatusChange::Kept { .. } => (true, Vec::new()),
        StatusChange::Stored { overridden, .. } => (true, overridden),
    };
    let mut data = json!({
        "success": true, "release": release.to_string(), "task": task, "status": status,
        "updated_systems": ["statebox"], "message": message,
    });
    if !overridden.is_empty() {
        data["overridden"] = json!(overridden.iter().map(|one| clean(one)).collect::<Vec<_>>());
    }
    if let Some(reason) = reason {
        let preview: String = clean(&reason).chars().take(200).collect();
        data["result_length"] = json!(reason.chars().count());
        data["result_preview"] = json!(preview);
    }
    Reply::changed(message, changed, data).about(release, task, Some(status))
}

fn unsupported(call: &ToolCall) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let why = format!("not supported in the Konflux release flow, which {release} follows");
    Err(Reply::error(Code::Precondition, why, "go on with oar_plan_next_actions; nothing has to be done here"))
}

async fn answer(ctx: &Context, release: &ZStream, request: TaskRequest) -> Reply {
    match run_task(ctx, release, request).await {
        Ok(report) => task_reply::of_report(&report, again(&report)),
        Err(failure) => task_reply::of_failure(&failure),
    }
}

/// The call that looks at what this run started, or that brings on what it waits for.
fn again(report: &TaskReport) -> Option<NextCall> {
    if let Outcome::Blocked { by: ClosedGate::Prerequisite { task, .. } } = &report.outcome {
        return NextCall::of_task(*task, &report.release);
    }
    let call = NextCall::of_task(report.task, &report.release)?;
    Some(match &report.outcome {
        Outcome::Waiting { job: Some(job), .. } => call.about_job(report.task, &job.id),
        Outcome::Waiting { job: None, .. }
        | Outcome::Passed { .. }
        | Outcome::Unchanged { .. }
        | Outcome::Blocked { .. }
        | Outcome::Failed { .. } => call,
    })
}
