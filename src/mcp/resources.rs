//! Resources: what answers link to and what people mention by address.

use std::time::Duration;

use futures::FutureExt as _;
use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, CompleteRequestParams, CompleteResult, CompletionInfo, ListResourcesResult, ReadResourceResult,
    Reference, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::{Value, json};

use super::call::ToolCall;
use super::reply::{Code, Reply};
use super::stored::{self, Results};
use super::text::head;
use super::tools::analysis::record;
use crate::core::access::principal::Scope;
use crate::core::context::Context;
use crate::domain::age::Stale;
use crate::domain::build::Arch;
use crate::domain::ids::BuildName;
use crate::domain::release::ZStream;
use crate::drive::rounds;
use crate::operators::error::TaskError;
use crate::operators::manual::issues;
use crate::operators::steps::state_file;
use crate::operators::views::{discovery, status};
use crate::render::documents::active_releases::ActiveReleases;
use crate::render::documents::issues::IssueDocument;
use crate::render::json;
use crate::render::text::clean;
use crate::runs::run::RunStatus;

/// A resource is at most so large; state files of years are a tenth of it.
const MOST_BYTES: usize = 400_000;

/// Releases that a list names.
const MOST_LISTED: usize = 20;

/// How long clients may keep what they read.
const GOOD_MS: u64 = 15_000;

/// A read ends after so long.
const LONGEST_READ: Duration = Duration::from_secs(60);

/// A list or completion tells what it knows after so long.
const LONGEST_LIST: Duration = Duration::from_secs(5);

const RELEASE_FLOW: &str = include_str!("guides/release_flow.md");
const TROUBLESHOOTING: &str = include_str!("guides/troubleshooting.md");

/// Names of releases that are being worked on; what is known when the store does not answer soon.
async fn active(call: &ToolCall) -> Vec<String> {
    let now = call.ctx.clock.now();
    if let Some(names) = call.shared.answers.names(now) {
        return names;
    }
    let ctx = call.ctx.clone();
    let look = call.shared.worker.run(move || {
        async move { tokio::time::timeout(LONGEST_LIST, discovery::active(&ctx, false)).await }.boxed_local()
    });
    let Ok(Ok(Ok(listing))) = look.await else { return Vec::new() };
    let names: Vec<_> = listing.releases.iter().map(|entry| entry.release.to_string()).collect();
    call.shared.answers.remember(now, &names);
    names
}

/// What can be read now: guides, and the state of active releases.
pub async fn list(call: ToolCall) -> ListResourcesResult {
    let json = "application/json";
    let mut resources = vec![
        Resource::new("oar://releases", "releases").with_title("Active releases").with_mime_type(json),
        Resource::new("oar://docs/release-flow", "release-flow")
            .with_title("How a release goes")
            .with_mime_type("text/markdown"),
        Resource::new("oar://docs/troubleshooting", "troubleshooting")
            .with_title("What to do when it does not go on")
            .with_mime_type("text/markdown"),
    ];
    for release in active(&call).await.into_iter().take(MOST_LISTED) {
        resources.push(
            Resource::new(format!("oar://releases/{release}/state"), format!("state-{release}"))
                .with_title(format!("State of {release}"))
                .with_mime_type(json),
        );
    }
    ListResourcesResult::with_all_items(resources).with_ttl_ms(GOOD_MS).with_cache_scope(CacheScope::Private)
}

/// Addresses with gaps.
pub fn templates() -> Vec<ResourceTemplate> {
    let row = |uri: &str, name: &str, title: &str, mime: &str| {
        ResourceTemplate::new(uri, name).with_title(title).with_mime_type(mime)
    };
    let json = "application/json";
    vec![
        row("oar://releases/{release}/state", "state", "Stored state, whole", json),
        row(
            "oar://releases/{release}/state.yaml",
            "state-yaml",
            "Stored state as it stands in the file",
            "application/yaml",
        ),
        row("oar://releases/{release}/metadata", "metadata", "Advisories, builds, merge request, date", json),
        row("oar://releases/{release}/issues", "issues", "All issues", json),
        row("oar://releases/{release}/timeline", "timeline", "What happened when", json),
        row("oar://builds/{build}/{arch}/test-result", "test-result", "Test record of a build", json),
        row("oar://runs/{run_id}/log", "run-log", "Log of a run", "text/plain"),
    ]
}

/// Reads `uri`.
///
/// # Errors
///
/// Nothing is there, or it cannot be read now.
pub async fn read(call: ToolCall, uri: String) -> Result<ReadResourceResult, ErrorData> {
    let (worker, masker) = (call.shared.worker.clone(), call.ctx.masker().clone());
    let asked = uri.clone();
    let looked = worker.run(move || {
        async move {
            let ended = tokio::time::timeout(LONGEST_READ, content(&call, &asked)).await;
            ended.unwrap_or_else(|_| Err(NoContent::Later("it took too long; read it again in a minute".to_owned())))
        }
        .boxed_local()
    });
    let content = looked.await.unwrap_or_else(|closed| Err(NoContent::Later(closed.to_string())));
    match content {
        Ok(Content { mime, text }) => {
            let text = masker.hide(&text).into_owned();
            let (mime, text) = if text.len() > MOST_BYTES {
                ("text/plain", format!("{}\n… cut: {} bytes in all", head(&text, MOST_BYTES), text.len()))
            } else {
                (mime, text)
            };
            let read = ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(mime)]);
            Ok(read.with_ttl_ms(GOOD_MS).with_cache_scope(CacheScope::Private))
        }
        Err(NoContent::Nothing) => Err(ErrorData::resource_not_found(
            "there is no such resource",
            Some(json!({ "uri": clean(head(&uri, 200)) })),
        )),
        Err(NoContent::Later(why)) => {
            Err(ErrorData::internal_error(clean(&masker.hide(&why)), Some(json!({ "uri": clean(head(&uri, 200)) }))))
        }
    }
}

struct Content {
    mime: &'static str,
    text: String,
}

enum NoContent {
    Nothing,
    Later(String),
}

impl From<TaskError> for NoContent {
    fn from(error: TaskError) -> Self {
        if matches!(error, TaskError::NoState { .. }) {
            return Self::Nothing;
        }
        Self::Later(crate::render::text::causes(&error).join(": "))
    }
}

fn as_json(data: Value, stale: Option<&Stale>) -> Content {
    let reply = Reply::data("", data).aged(stale);
    Content { mime: "application/json", text: reply.text }
}

async fn content(call: &ToolCall, uri: &str) -> Result<Content, NoContent> {
    let path = uri.strip_prefix("oar://").ok_or(NoContent::Nothing)?;
    let parts: Vec<_> = path.split('/').collect();
    let markdown = |text: &str| Ok(Content { mime: "text/markdown", text: text.to_owned() });
    match parts.as_slice() {
        ["docs", "release-flow"] => markdown(RELEASE_FLOW),
        ["docs", "troubleshooting"] => markdown(TROUBLESHOOTING),
        ["releases"] => Ok(as_json(json::of(&ActiveReleases::from(&discovery::active(&call.ctx, false).await?)), None)),
        ["releases", release, what] => {
            let release: ZStream = release.parse().map_err(|_| NoContent::Nothing)?;
            of_release(call, &release, what).await
        }
        ["builds", build, arch, "test-result"] if build.parse::<BuildName>().is_ok() && Arch::NAMES.contains(arch) => {
            of_build(&call.ctx, build, arch).await
        }
        ["runs", id, "log"] => {
            let run = call.shared.runs.get(id);
            let run =
                run.filter(|run| run.owner == call.who.name || call.who.may(Scope::Admin)).ok_or(NoContent::Nothing)?;
            let text = match run.status() {
                RunStatus::Ended(document) => Reply::of_document(document).text,
                RunStatus::Queued => "waits for its turn".to_owned(),
                RunStatus::Running => "runs".to_owned(),
            };
            Ok(Content { mime: "text/plain", text: clean(&text) })
        }
        ["answers", _] => {
            let text = call.shared.answers.read(&call.who.name, uri).ok_or(NoContent::Nothing)?;
            Ok(Content { mime: "application/json", text })
        }
        _ => Err(NoContent::Nothing),
    }
}

async fn of_release(call: &ToolCall, release: &ZStream, what: &str) -> Result<Content, NoContent> {
    match what {
        "state" => {
            let (view, stale) = status::of(&call.ctx, release).await?.into_parts();
            let phase = rounds::stored(&call.ctx, release, view.state()).phase;
            Ok(as_json(stored::status(&view, phase, Results::Full, &[]), stale.as_ref()))
        }
        "state.yaml" => {
            let state = state_file::of(&call.ctx, release).await?;
            Ok(Content { mime: "application/yaml", text: clean(&state.to_yaml()) })
        }
        "timeline" => {
            let (view, stale) = status::of(&call.ctx, release).await?.into_parts();
            Ok(as_json(stored::timeline(view.state()), stale.as_ref()))
        }
        "issues" => {
            let all = issues::list(&call.ctx, release, &issues::Filter::default()).await?;
            let all: Vec<_> = all.iter().map(IssueDocument::from).collect();
            Ok(as_json(json!({ "release": release.to_string(), "count": all.len(), "issues": all }), None))
        }
        "metadata" => match call.shared.store.look_up(&call.ctx, release).await {
            Ok(entry) => {
                let (facts, stale) = entry.read(call.ctx.clock.now()).into_parts();
                Ok(as_json(facts.value.clone(), stale.as_ref()))
            }
            Err(error) if matches!(*error, crate::operators::views::build_data::LoadError::Data(_)) => {
                Err(NoContent::Nothing)
            }
            Err(error) => Err(NoContent::Later(error.to_string())),
        },
        _ => Err(NoContent::Nothing),
    }
}

async fn of_build(ctx: &Context, build: &str, arch: &str) -> Result<Content, NoContent> {
    let reply = record(ctx, build, arch).await;
    match reply.code {
        None => Ok(Content { mime: "application/json", text: reply.text }),
        Some(Code::NotFound | Code::InvalidArgument) => Err(NoContent::Nothing),
        Some(_) => Err(NoContent::Later(reply.text)),
    }
}

/// Completes an argument of a prompt or a gap of an address.
///
/// # Errors
///
/// None: what cannot be completed has no completions.
pub async fn complete(call: ToolCall, request: CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let known = match &request.r#ref {
        Reference::Prompt(prompt) => super::prompts::takes(&prompt.name, &request.argument.name),
        Reference::Resource(resource) => {
            let gap = format!("{{{}}}", request.argument.name);
            templates().iter().any(|template| template.uri_template == resource.uri && resource.uri.contains(&gap))
        }
        _ => false,
    };
    if !known {
        return Ok(CompleteResult::default());
    }
    let all: Vec<String> = match request.argument.name.as_str() {
        "release" => active(&call).await,
        "build" => builds(&call).await,
        "arch" => Arch::NAMES.map(str::to_owned).to_vec(),
        "run_id" => call.shared.runs.ids_of(&call.who),
        _ => Vec::new(),
    };
    let typed = request.argument.value;
    let mut values: Vec<_> = all.into_iter().filter(|value| value.starts_with(&typed)).collect();
    let total = u32::try_from(values.len()).unwrap_or(u32::MAX);
    values.truncate(CompletionInfo::MAX_VALUES);
    let more = values.len() < total as usize;
    let info = CompletionInfo::with_pagination(values, Some(total), more);
    Ok(CompleteResult::new(info.unwrap_or_default()))
}

/// Active releases, which are promoted builds, and the candidates of those that are cached.
async fn builds(call: &ToolCall) -> Vec<String> {
    let names = active(call).await;
    let releases = names.iter().filter_map(|name| name.parse::<ZStream>().ok());
    let entries = releases.filter_map(|release| call.shared.store.peek(&release));
    let candidates: Vec<_> =
        entries.flat_map(|entry| entry.assembly.candidate_builds.values().cloned().collect::<Vec<_>>()).collect();
    let mut all = names;
    all.extend(candidates);
    all.sort();
    all.dedup();
    all
}
