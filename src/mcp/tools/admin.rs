//! The cache, the generic runners and help.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::domain::pasted;
use crate::domain::release::ZStream;
use crate::mcp::arguments::{ParamKind, RELEASE, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::tool::{ADDS, Counted, DESTROYS, EffectMark, Handler, Hints, LOOKS_INSIDE, Tool, Toolset};
use crate::operators::views::build_data::MOST_RELEASES;

const ADMIN: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::None,
    toolset: Toolset::Admin,
    counted: Counted::Api,
    scope: Scope::CacheAdmin,
    hints: Hints { open_world: false, ..ADDS },
    params: &[],
    work: Handler::Look(stats),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "mcp_cache_stats",
        title: "Cache statistics",
        about: "Hits, misses and entries of the cache of build data.",
        mark: EffectMark::ReadOnly,
        scope: Scope::Read,
        hints: LOOKS_INSIDE,
        ..ADMIN
    },
    Tool {
        name: "mcp_cache_invalidate",
        title: "Empty the cache",
        about: "Drops the cached build data of a release, or of all when none is named; tells how many entries went.",
        params: &[optional("release", ParamKind::Release, "Only this one; leave it out for all")],
        work: Handler::Look(invalidate),
        ..ADMIN
    },
    Tool {
        name: "mcp_cache_warm",
        title: "Warm the cache",
        about: "Loads the build data of several releases at once; tells which could not be loaded.",
        hints: ADDS,
        params: &[required("releases", ParamKind::Names(1000), "Releases, comma separated, at most 50")],
        work: Handler::Look(warm),
        ..ADMIN
    },
    Tool {
        name: "oar_run_command",
        title: "Run an oar command",
        about: "Runs one oar command of a release, out of a list that get_command_help shows; has the effect, the scope and the confirmation of that command.",
        mark: EffectMark::Write,
        counted: Counted::Cli,
        scope: Scope::Write,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[
            RELEASE,
            required("command", ParamKind::Text(100), "Command, e.g. stage-testing"),
            optional("args", ParamKind::Text(1000), "Its arguments, as on a command line"),
        ],
        work: Handler::CommandLine("oar"),
        ..ADMIN
    },
    Tool {
        name: "oarctl_run_command",
        title: "Run an oarctl command",
        about: "Runs one oarctl command out of a list; has the effect, the scope and the confirmation of that command.",
        mark: EffectMark::Write,
        counted: Counted::Cli,
        scope: Scope::Write,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[
            required("command", ParamKind::Text(100), "Command"),
            optional("args", ParamKind::Text(1000), "Its arguments"),
        ],
        work: Handler::CommandLine("oarctl"),
        ..ADMIN
    },
    Tool {
        name: "jobctl_run_command",
        title: "Run a jobctl command",
        about: "Runs one jobctl command out of a list; has the effect, the scope and the confirmation of that command.",
        mark: EffectMark::Write,
        counted: Counted::Cli,
        scope: Scope::JobsRun,
        hints: Hints { idempotent: false, ..DESTROYS },
        params: &[
            required("command", ParamKind::Text(100), "Command"),
            optional("args", ParamKind::Text(1000), "Its arguments"),
        ],
        work: Handler::CommandLine("jobctl"),
        ..ADMIN
    },
    Tool {
        name: "get_command_help",
        title: "Help",
        about: "The help text of a command; without command, the list of commands.",
        mark: EffectMark::ReadOnly,
        counted: Counted::Cli,
        scope: Scope::Read,
        hints: LOOKS_INSIDE,
        params: &[
            required("cli", ParamKind::Choice(&["oar", "oarctl", "job", "jobctl"]), "Which program"),
            optional("command", ParamKind::Text(100), "Which command; all are listed when it is not given"),
        ],
        work: Handler::CommandHelp,
        ..ADMIN
    },
];

fn stats(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move { Reply::data("statistics of the cache", call.shared.store.statistics().await) }.boxed_local()
}

fn invalidate(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        let release = call.arguments.release();
        let removed = call.shared.store.invalidate(release).await;
        let name = release.map_or_else(|| "all".to_owned(), ToString::to_string);
        let message = match (release, removed) {
            (Some(release), 0) => format!("{release} was not cached; nothing was removed"),
            (Some(release), _) => format!("{release} was removed from the cache"),
            (None, removed) => format!("{removed} entries were removed from the cache"),
        };
        let data = json!({ "success": true, "message": message, "release": name, "removed": removed });
        Reply::changed(message, removed > 0, data)
    }
    .boxed_local()
}

fn warm(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        let names = call.arguments.names("releases");
        let mut releases: Vec<ZStream> = Vec::new();
        for name in &names {
            match pasted::release(name, &call.shared.hosts) {
                Ok(release) if releases.contains(&release) => {}
                Ok(release) => releases.push(release),
                Err(error) => {
                    return Reply::error(Code::InvalidArgument, error.to_string(), "name releases, comma separated")
                        .as_json(json!({ "success": false }));
                }
            }
        }
        if releases.is_empty() || releases.len() as u64 > MOST_RELEASES {
            let why = format!("releases names between 1 and {MOST_RELEASES} releases");
            return Reply::error(Code::InvalidArgument, why, "name releases, comma separated")
                .as_json(json!({ "success": false }));
        }
        let ended = call.shared.store.warm_up(&call.ctx, &releases).await;
        let (mut warmed, mut failed) = (Vec::new(), Vec::new());
        for (release, ended) in ended {
            match ended {
                Ok(_) => warmed.push(release.to_string()),
                Err(error) => failed.push(json!({ "release": release.to_string(), "error": error.to_string() })),
            }
        }
        let message = format!("Cache warmed with {} releases", warmed.len());
        let data = json!({
            "success": failed.is_empty(), "message": message, "releases": warmed, "warmed": warmed, "failed": failed,
        });
        Reply::changed(message, !warmed.is_empty(), data)
    }
    .boxed_local()
}
