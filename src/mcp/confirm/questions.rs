//! What a person is asked, built from looked-up facts. What cannot run at all asks nobody.

use serde_json::json;

use crate::core::context::Context;
use crate::domain::closed_gate::{ClosedGate, OpenedBy};
use crate::domain::dates::stamp;
use crate::domain::release::ZStream;
use crate::domain::result_file::name::ResultName;
use crate::domain::task::Task;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::ConfirmationQuestion;
use crate::operators::jobs::manual::RecordRequest;
use crate::operators::preview;
use crate::operators::previewed::{Depth, Preview};
use crate::operators::request::{ChangeRequest, TaskRequest};
use crate::render;
use crate::render::text::clean;

/// The question before `change`; nothing when nobody has to confirm it.
pub async fn of(ctx: Context, release: ZStream, change: ChangeRequest) -> Result<Option<ConfirmationQuestion>, Reply> {
    let found = preview::preview(&ctx, &release, &change, Depth::Looked).await;
    match found.map_err(|error| Reply::operator(&what(&change, &release), &error))? {
        Preview::Nothing => Ok(None),
        Preview::Changes(previewed) => Ok(Some(ConfirmationQuestion {
            plan: render::preview::plan(&previewed, &release),
            covers: previewed.covers(),
            goes_on: previewed.goes_on(),
            needs_reason: previewed.needs_reason(),
        })),
        Preview::Pointless { why, next } => Err(Reply::error(Code::Precondition, why, next)),
        Preview::Closed(by) => Err(closed(&ctx, &release, &change, &by)),
    }
}

/// The question before a change of a test record.
pub async fn of_record(
    ctx: Context,
    of: ResultName,
    request: RecordRequest,
) -> Result<Option<ConfirmationQuestion>, Reply> {
    let previewed = preview::of_record(&ctx, &of, &request).await;
    let previewed = previewed.map_err(|error| Reply::operator("the record cannot be looked at", &error))?;
    let plan = render::preview::of_record(&previewed);
    // The request has brought its reason.
    Ok(Some(ConfirmationQuestion { plan, covers: None, goes_on: false, needs_reason: false }))
}

fn closed(ctx: &Context, release: &ZStream, change: &ChangeRequest, by: &ClosedGate) -> Reply {
    let task = change.task();
    let does = match task {
        Some(Task::ChangeAdvisoryStatus) => format!("{release} cannot be approved now"),
        Some(task) => format!("{task} of {release} cannot run now"),
        None => format!("{release} cannot be changed now"),
    };
    let (what, step) = (format!("{does}: {by}"), by.step(release));
    let reply = match by.opened_by() {
        OpenedBy::Person => Reply::error(Code::Precondition, what, step),
        OpenedBy::Time => Reply::said(what.clone(), what)
            .with("waiting", json!({ "on": clean(&by.to_string()), "since": stamp(ctx.clock.now()) }))
            .with("next", json!({ "text": clean(&step) })),
    };
    match task {
        Some(task) => reply.about(release, task, None),
        None => reply.with("release", json!(release.to_string())),
    }
}

/// What could not be done when the look fails.
fn what(change: &ChangeRequest, release: &ZStream) -> String {
    match change {
        ChangeRequest::Task(TaskRequest::ChangeAdvisoryStatus { .. }) | ChangeRequest::EarlyApproval { .. } => {
            format!("the approval of {release} could not be prepared")
        }
        ChangeRequest::Task(TaskRequest::AnalyzeBuild { .. }) => format!("the builds of {release}"),
        ChangeRequest::Task(request) => format!("{} of {release} could not be looked at", request.task()),
        ChangeRequest::SetStatus(by_hand) => format!("{} of {release} could not be looked at", by_hand.task),
        ChangeRequest::Answer(answer) => format!("question {} of {release} could not be looked at", answer.id),
        ChangeRequest::ResolveIssue { .. } => format!("the issues of {release}"),
    }
}
