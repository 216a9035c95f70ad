//! Issues of a release: what blocks it, and what was done about it.

use futures::FutureExt as _;
use serde_json::json;

use super::tasks::TASK_NAMES;
use crate::core::access::principal::Scope;
use crate::domain::release::ZStream;
use crate::domain::task::Task;
use crate::mcp::arguments::{ParamKind, RELEASE, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Counted, EffectMark, Handler, Hints, LOOKS, Tool, ToolChange, Toolset};
use crate::operators::manual::issues::{self, Changed};
use crate::operators::request::ChangeRequest;
use crate::render;
use crate::render::documents::issues::IssueDocument;
use crate::runs::run::Queue;

const LOOK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::ReadOnly,
    toolset: Toolset::Issues,
    counted: Counted::Api,
    scope: Scope::Read,
    hints: LOOKS,
    params: &[RELEASE],
    work: Handler::Look(|call| call.about_release(list)),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oar_get_issues",
        title: "Issues",
        about: "Issues of a release, open ones first.",
        params: &[
            RELEASE,
            optional("unresolved_only", ParamKind::Flag(false), "Only open ones"),
            optional("blockers_only", ParamKind::Flag(false), "Only blockers"),
            optional("task_name", ParamKind::Choice(&TASK_NAMES), "Only those of this task"),
        ],
        ..LOOK
    },
    Tool {
        name: "oar_get_task_blocker",
        title: "Blocker of a task",
        about: "The open issue that blocks a task, if there is one.",
        params: &[RELEASE, required("task_name", ParamKind::Choice(&TASK_NAMES), "The task")],
        work: Handler::Look(|call| call.about_release(blocker)),
        ..LOOK
    },
    Tool {
        name: "oar_add_issue",
        title: "Add an issue",
        about: "Reports an issue. An open one with the same text is not added twice.",
        mark: EffectMark::Write,
        scope: Scope::IssuesWrite,
        hints: ADDS,
        params: &[
            RELEASE,
            required("issue", ParamKind::Text(1000), "What is wrong"),
            optional("blocker", ParamKind::Flag(true), "Does it stop the release?"),
            optional(
                "related_tasks",
                ParamKind::Names(500),
                "Tasks it concerns, comma separated; none: the whole release",
            ),
        ],
        work: Handler::Change(add),
        ..LOOK
    },
    Tool {
        name: "oar_resolve_issue",
        title: "Resolve an issue",
        about: "Closes the one open issue of an id or text. Closing a blocker asks a human.",
        mark: EffectMark::Write,
        scope: Scope::IssuesWrite,
        hints: Hints { idempotent: false, ..ADDS },
        params: &[
            RELEASE,
            required("issue", ParamKind::Text(1000), "Its id or text"),
            required("resolution", ParamKind::Text(1000), "What was done about it"),
        ],
        work: Handler::Change(resolve),
        ..LOOK
    },
];

async fn list(call: ToolCall, release: ZStream) -> Reply {
    let given = &call.arguments;
    let filter = issues::Filter {
        open: given.flag("unresolved_only", false),
        blockers: given.flag("blockers_only", false),
        task: given.parsed::<Task>("task_name"),
    };
    match issues::list(&call.ctx, &release, &filter).await {
        Ok(found) => Reply::data(
            format!("{} issues of {release}", found.len()),
            json!({
                "success": true, "count": found.len(),
                "issues": found.iter().map(IssueDocument::from).collect::<Vec<_>>(),
                "release": release.to_string(),
                "filters": {
                    "unresolved_only": filter.open, "blockers_only": filter.blockers, "task_name": filter.task,
                },
            }),
        )
        .with("release", json!(release.to_string())),
        Err(error) => Reply::operator(&format!("the issues of {release}"), &error).as_json(json!({ "success": false })),
    }
}

async fn blocker(call: ToolCall, release: ZStream) -> Reply {
    let Some(task) = call.arguments.parsed::<Task>("task_name") else {
        return Reply::error(Code::InvalidArgument, "task_name is no task", "see tools/list");
    };
    let filter = issues::Filter { open: true, blockers: true, task: Some(task) };
    match issues::list(&call.ctx, &release, &filter).await {
        Ok(found) => {
            let summary = if found.is_empty() { "is not blocked" } else { "is blocked" };
            let data = json!({
                "success": true, "blocked": !found.is_empty(), "blocker": found.first().map(IssueDocument::from), "task_name": task,
                "release": release.to_string(),
            });
            Reply::data(format!("{task} of {release} {summary}"), data).with("release", json!(release.to_string()))
        }
        // Nobody knows: that is not the same as "not blocked".
        Err(error) => {
            Reply::operator(&format!("what blocks {task} of {release}"), &error).as_json(json!({ "success": false }))
        }
    }
}

fn add(call: &ToolCall) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let given = &call.arguments;
    let text = given.text("issue").unwrap_or_default().to_owned();
    let blocker = given.flag("blocker", true);
    let mut tasks = Vec::new();
    for name in given.names("related_tasks") {
        let task = name.parse::<Task>().map_err(|error| {
            let hint = format!("tasks are {}", TASK_NAMES.join(", "));
            Reply::error(Code::InvalidArgument, error.to_string(), hint)
        })?;
        tasks.push(task);
    }
    Ok(ToolChange::new(Queue::from(&release), move |ctx| {
        async move {
            match issues::add(&ctx, &release, &text, &tasks, blocker).await {
                Ok(changed) => {
                    let kind = if blocker { "blocking" } else { "non-blocking" };
                    let texts = (format!("Added {kind} issue"), "the issue is open already; nothing was added");
                    said(&release, &changed, texts)
                }
                Err(error) => Reply::operator(&format!("the issue of {release} could not be added"), &error)
                    .as_json(json!({ "success": false })),
            }
        }
        .boxed_local()
    }))
}

fn resolve(call: &ToolCall) -> Result<ToolChange, Reply> {
    let release = call.release()?;
    let given = &call.arguments;
    let issue = given.text("issue").unwrap_or_default().to_owned();
    let resolution = given.text("resolution").unwrap_or_default().to_owned();
    let asked = release.clone();
    let request = ChangeRequest::ResolveIssue { search: issue.clone(), resolution: resolution.clone() };
    let change = ToolChange::new(Queue::from(&release), move |ctx| {
        async move {
            match issues::resolve(&ctx, &release, &issue, &resolution).await {
                Ok(changed) => {
                    let texts = ("Resolved the issue".to_owned(), "the issue is resolved already; nothing was changed");
                    said(&release, &changed, texts)
                }
                Err(error) => Reply::operator(&format!("the issue of {release} could not be resolved"), &error)
                    .as_json(json!({ "success": false })),
            }
        }
        .boxed_local()
    });
    Ok(super::tasks::asking(change, asked, request))
}

/// What came of a change, with the issue it is about.
fn said(release: &ZStream, changed: &Changed, (done, undone): (String, &str)) -> Reply {
    let (message, issue) = match changed {
        Changed::Stored { issue, .. } => (done, issue.as_ref()),
        Changed::IsOpen { issue } | Changed::IsResolved { issue } => (undone.to_owned(), issue.as_ref()),
        Changed::Kept { .. } | Changed::DryRun => (render::issues::changed(changed), None),
    };
    let issue = issue.map(IssueDocument::from);
    let data = json!({ "success": true, "message": message, "issue": issue, "release": release.to_string() });
    let is_stored = matches!(changed, Changed::Stored { .. });
    let summary = match changed {
        Changed::Kept { .. } => "kept on this machine until the state store answers".to_owned(),
        Changed::Stored { .. } | Changed::IsOpen { .. } | Changed::IsResolved { .. } | Changed::DryRun => message,
    };
    Reply::changed(summary, is_stored, data).with("release", json!(release.to_string()))
}
