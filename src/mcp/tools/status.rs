//! Looks at releases: nothing here changes anything.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::domain::release::ZStream;
use crate::domain::task::Task;
use crate::drive::options::DriveOptions;
use crate::drive::rounds;
use crate::mcp::arguments::{Arguments, ParamKind, RELEASE, optional};
use crate::mcp::call::ToolCall;
use crate::mcp::explain::{self, Known};
use crate::mcp::next_call::NextCall;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::shared::ServerState;
use crate::mcp::stored::{self, Results};
use crate::mcp::tool::{Counted, EffectMark, Handler, LOOKS, Tool, Toolset};
use crate::operators::views::build_data::release::CachedRelease;
use crate::operators::views::{build_promotion, discovery, is_shipped, status};
use crate::render::documents::active_releases::ActiveReleases;
use crate::render::documents::promotion::PromotionDocument;
use crate::render::documents::shipped::ShippedDocument;
use crate::render::{active_releases, json};

const LOOK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::ReadOnly,
    toolset: Toolset::Status,
    counted: Counted::Api,
    scope: Scope::Read,
    hints: LOOKS,
    params: &[RELEASE],
    work: Handler::Look(|call| call.about_release(plan)),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oar_plan_next_actions",
        title: "Plan next actions",
        about: "Tells what is done, what waits (since when, on what), which tool to call next with which arguments, \
                and when to look again. Call it first and after every change.",
        work: Handler::Look(|call| call.about_release(plan)),
        ..LOOK
    },
    Tool {
        name: "oar_explain",
        title: "Explain a release",
        about: "Says plainly why a release does not move, who has to do what, and when to look again.",
        work: Handler::Look(|call| call.about_release(explain::of)),
        ..LOOK
    },
    Tool {
        name: "oar_get_release_status",
        title: "Release status",
        about: "The stored state: overall status (Red when a task failed), phase, all tasks in workflow order, \
                issues, metadata. Quick: asks nobody but the state store.",
        params: &[
            RELEASE,
            optional(
                "include_results",
                ParamKind::ChoiceOr(&["none", "tail", "full"], "tail"),
                "How much of the stored logs",
            ),
            optional("tasks", ParamKind::Names(500), "Only these tasks, comma separated"),
        ],
        work: Handler::Look(|call| call.about_release(release_status)),
        ..LOOK
    },
    Tool {
        name: "oar_get_release_metadata",
        title: "Release metadata",
        about: "Advisories, Jira ticket, candidate builds, shipment merge request and date of a release, as build \
                data says.",
        work: Handler::Known(known_metadata, |call| call.about_release(release_metadata)),
        ..LOOK
    },
    Tool {
        name: "oar_is_release_shipped",
        title: "Is it shipped?",
        about: "Whether a release is shipped, with the state of each advisory and of the merge request.",
        work: Handler::Look(|call| call.about_release(shipped)),
        ..LOOK
    },
    Tool {
        name: "oar_get_build_promotion",
        title: "Build promotion",
        about: "The phase of the payload in its stable stream; Accepted means promoted.",
        work: Handler::Look(|call| call.about_release(promotion)),
        ..LOOK
    },
    Tool {
        name: "oar_get_active_releases",
        title: "Active releases",
        about: "Every release that needs attention, most urgent first, with date, progress and blockers.",
        params: &[optional("details", ParamKind::Flag(false), "Also finished and given-up ones")],
        work: Handler::Look(active),
        ..LOOK
    },
    Tool {
        name: "discover_active_releases",
        title: "Discover active releases",
        about: "The names of the releases that are being worked on.",
        params: &[],
        work: Handler::Look(discover),
        ..LOOK
    },
];

async fn plan(call: ToolCall, release: ZStream) -> Reply {
    match rounds::look(&call.ctx, &release, &DriveOptions::default()).await {
        Ok(plan) => explain::planned(&release, &plan, &Known::of(&call, &release), call.ctx.clock.now()),
        Err(error) => Reply::operator(&format!("{release} could not be planned"), &error),
    }
}

async fn release_status(call: ToolCall, release: ZStream) -> Reply {
    let results = match call.arguments.text("include_results") {
        Some("none") => Results::None,
        Some("full") => Results::Full,
        Some(_) | None => Results::Tail,
    };
    let mut only = Vec::new();
    for name in call.arguments.names("tasks") {
        match name.parse::<Task>() {
            Ok(task) => only.push(task),
            Err(error) => return Reply::error(Code::InvalidArgument, error.to_string(), "leave tasks out for all"),
        }
    }
    match status::of(&call.ctx, &release).await {
        Ok(view) => {
            let (view, stale) = view.into_parts();
            let phase = rounds::stored(&call.ctx, &release, view.state()).phase;
            let shown = stored::status(&view, phase, results, &only);
            Reply::data(format!("{release} is {}; {}", view.overall(), stored::latest(view.state())), shown)
                .with("release", json!(release.to_string()))
                .with("next", json!(NextCall::plan(&release)))
                .aged(stale.as_ref())
        }
        Err(error) => Reply::operator(&format!("the status of {release}"), &error).as_json(json!({
            "source": "error", "release": release.to_string(), "overall_status": "Unknown", "tasks": [],
        })),
    }
}

/// Metadata that the cache holds.
fn known_metadata(shared: &Arc<ServerState>, arguments: &Arguments) -> Option<Reply> {
    let entry = shared.store.peek(arguments.release()?)?;
    if entry.claims_check(shared.ctx.clock.now()) {
        // Nobody waits for the check: this answer is served from what is known.
        let (checking, checked) = (Arc::clone(shared), Arc::clone(&entry));
        shared.worker.begin(move || async move { checking.store.refresh(&checking.ctx, &checked).await }.boxed_local());
    }
    Some(shown(&entry, shared.ctx.clock.now()))
}

async fn release_metadata(call: ToolCall, release: ZStream) -> Reply {
    match call.shared.store.look_up(&call.ctx, &release).await {
        Ok(entry) => shown(&entry, call.ctx.clock.now()),
        Err(error) => Reply::not_loaded(&release, &error),
    }
}

fn shown(entry: &CachedRelease, now: Timestamp) -> Reply {
    let release = entry.release.to_string();
    let (facts, stale) = entry.read(now).into_parts();
    Reply::known(&release, format!("metadata of {release}"), facts.value.clone(), facts.text.to_owned())
        .aged(stale.as_ref())
}

async fn shipped(call: ToolCall, release: ZStream) -> Reply {
    match is_shipped::of(&call.ctx, &release).await {
        Ok(view) => {
            let verdict = match view.shipped {
                Some(true) => "is shipped",
                Some(false) => "is not shipped yet",
                None => "may be shipped: not everything could be asked",
            };
            Reply::data(format!("{release} {verdict}"), json::of(&ShippedDocument::from(&view)))
                .with("release", json!(release.to_string()))
        }
        Err(error) => Reply::operator(&format!("whether {release} is shipped"), &error)
            .as_json(json!({ "shipped": false, "details": {} })),
    }
}

async fn promotion(call: ToolCall, release: ZStream) -> Reply {
    match build_promotion::of(&call.ctx, &release).await {
        Ok(view) => Reply::data(format!("promotion of {release}, see data"), json::of(&PromotionDocument::from(&view)))
            .with("release", json!(release.to_string())),
        Err(error) => Reply::operator(&format!("the promotion of {release}"), &error)
            .as_json(json!({ "release": release.to_string() })),
    }
}

fn active(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        match discovery::active(&call.ctx, call.arguments.flag("details", false)).await {
            Ok(listing) => {
                let summary = format!("{} releases", listing.releases.len());
                Reply::data(summary, json::of(&ActiveReleases::from(&listing)))
                    .with_text(&active_releases::text(&listing).to_string())
            }
            Err(error) => Reply::operator("the active releases", &error).as_json(json!({ "releases": [] })),
        }
    }
    .boxed_local()
}

fn discover(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        match discovery::active(&call.ctx, false).await {
            Ok(listing) => {
                let names: Vec<_> = listing.releases.iter().map(|entry| entry.release.to_string()).collect();
                Reply::data(format!("{} active releases", names.len()), json!({ "releases": names }))
            }
            Err(error) => Reply::operator("the active releases", &error).as_json(json!({ "releases": [] })),
        }
    }
    .boxed_local()
}
