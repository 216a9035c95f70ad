//! Looks at releases: nothing here changes anything.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::drive::{self, Wishes};
use crate::mcp::arguments::{Kind, RELEASE, optional};
use crate::mcp::call::Call;
use crate::mcp::reply::Reply;
use crate::mcp::tool::{Counted, LOOKS, Mark, Tool, Toolset, Work};
use crate::operators::{build_promotion, discovery, is_shipped, metadata, status};

const LOOK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: Mark::ReadOnly,
    toolset: Toolset::Status,
    counted: Counted::Api,
    scope: Scope::Read,
    hints: LOOKS,
    params: &[RELEASE],
    work: Work::Look(release_metadata),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "oar_plan_next_actions",
        title: "Plan next actions",
        about: "Tells what is done, what waits (since when, on what), what has to be done next and when to look \
                again. Call it first and after every change.",
        work: Work::Look(plan),
        ..LOOK
    },
    Tool {
        name: "oar_explain",
        title: "Explain a release",
        about: "Says in words why a release does not move and who has to do what.",
        work: Work::Look(explain),
        ..LOOK
    },
    Tool {
        name: "oar_get_release_status",
        title: "Release status",
        about: "The stored state: overall status, tasks in order, issues, metadata.",
        params: &[
            RELEASE,
            optional("include_results", Kind::Choice(&["none", "tail", "full"]), "How much of the stored logs"),
            optional("tasks", Kind::Names(500), "Only these tasks, comma separated"),
        ],
        work: Work::Look(release_status),
        ..LOOK
    },
    Tool {
        name: "oar_get_release_metadata",
        title: "Release metadata",
        about: "Advisories, Jira ticket, candidate builds, shipment merge request and date of a release.",
        ..LOOK
    },
    Tool {
        name: "oar_is_release_shipped",
        title: "Is it shipped?",
        about: "Whether a release is shipped, with the state of each advisory and of the merge request.",
        work: Work::Look(shipped),
        ..LOOK
    },
    Tool {
        name: "oar_get_build_promotion",
        title: "Build promotion",
        about: "The phase of the payload in its stable stream; Accepted means promoted.",
        work: Work::Look(promotion),
        ..LOOK
    },
    Tool {
        name: "oar_get_active_releases",
        title: "Active releases",
        about: "Every release that needs attention, most urgent first.",
        params: &[optional("details", Kind::Flag(false), "Also the finished ones")],
        work: Work::Look(active),
        ..LOOK
    },
    Tool {
        name: "discover_active_releases",
        title: "Discover active releases",
        about: "The names of the releases that are being worked on.",
        params: &[],
        work: Work::Look(discover),
        ..LOOK
    },
];

fn plan(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = match call.release() {
            Ok(release) => release,
            Err(refused) => return refused,
        };
        match drive::look(&call.ctx, &release, &Wishes::default()).await {
            Ok(plan) => {
                let words = drive::report::text(&release, &plan);
                let first = words.lines().next().unwrap_or_default().to_owned();
                let mut reply = Reply::said(first, words)
                    .with("release", json!(release.to_string()))
                    .with("data", drive::report::json(&release, &plan));
                if let Some(at) = plan.recheck_at() {
                    let seconds = (at - call.ctx.clock.now()).get_seconds().max(60);
                    reply = reply.with("next", json!({ "not_before_seconds": seconds }));
                }
                reply
            }
            Err(error) => Reply::operator(&format!("{release} could not be planned"), &error),
        }
    }
    .boxed_local()
}

fn explain(call: Call) -> LocalBoxFuture<'static, Reply> {
    plan(call)
}

fn release_status(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = match call.release() {
            Ok(release) => release,
            Err(refused) => return refused,
        };
        match status::of(&call.ctx, &release).await {
            Ok(view) => Reply::data(format!("{release}: {}", view.overall()), view.json())
                .with("release", json!(release.to_string())),
            Err(error) => Reply::operator(&format!("the status of {release}"), &error),
        }
    }
    .boxed_local()
}

fn release_metadata(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = match call.release() {
            Ok(release) => release,
            Err(refused) => return refused,
        };
        match metadata::of(&call.ctx, &release).await {
            Ok(view) => {
                Reply::data(format!("metadata of {release}"), view.json()).with("release", json!(release.to_string()))
            }
            Err(error) => Reply::operator(&format!("the metadata of {release}"), &error),
        }
    }
    .boxed_local()
}

fn shipped(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = match call.release() {
            Ok(release) => release,
            Err(refused) => return refused,
        };
        match is_shipped::of(&call.ctx, &release).await {
            Ok(view) => {
                let words = view.text();
                Reply::data(words.lines().next().unwrap_or_default(), view.json())
                    .with("release", json!(release.to_string()))
            }
            Err(error) => Reply::operator(&format!("whether {release} is shipped"), &error),
        }
    }
    .boxed_local()
}

fn promotion(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = match call.release() {
            Ok(release) => release,
            Err(refused) => return refused,
        };
        match build_promotion::of(&call.ctx, &release).await {
            Ok(view) => Reply::data(view.text(), view.json()).with("release", json!(release.to_string())),
            Err(error) => Reply::operator(&format!("the promotion of {release}"), &error),
        }
    }
    .boxed_local()
}

fn active(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        match discovery::active(&call.ctx, call.arguments.flag("details", false)).await {
            Ok(listing) => {
                let summary = format!("{} releases", listing.releases.len());
                Reply::said(summary, listing.text()).with("data", listing.json())
            }
            Err(error) => Reply::operator("the active releases", &error),
        }
    }
    .boxed_local()
}

fn discover(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        match discovery::active(&call.ctx, false).await {
            Ok(listing) => {
                let names: Vec<_> = listing.releases.iter().map(|entry| entry.release.to_string()).collect();
                Reply::data(format!("{} active releases", names.len()), json!({ "releases": names }))
            }
            Err(error) => Reply::operator("the active releases", &error),
        }
    }
    .boxed_local()
}
