//! Runs of this server: how they go, how they ended, and ending one.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::json;

use crate::core::access::principal::Scope;
use crate::mcp::arguments::{Kind, Param, optional, required};
use crate::mcp::call::Call;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::runs::Run;
use crate::mcp::tool::{ADDS, Counted, Hints, LOOKS_INSIDE, Mark, Tool, Toolset, Work};

const RUN: Param = required("run_id", Kind::Text(40), "run_id of an earlier answer");

const LOOK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: Mark::ReadOnly,
    toolset: Toolset::Status,
    counted: Counted::Api,
    scope: Scope::Read,
    hints: LOOKS_INSIDE,
    params: &[RUN],
    work: Work::Look(get),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool { name: "oar_get_run", title: "Get a run", about: "How a run goes, or how it ended.", ..LOOK },
    Tool {
        name: "oar_cancel_run",
        title: "Cancel a run",
        about: "Ends a run at its next safe point; what it did stays recorded.",
        mark: Mark::Write,
        scope: Scope::Write,
        hints: Hints { open_world: false, ..ADDS },
        work: Work::Look(cancel),
        ..LOOK
    },
    Tool {
        name: "oar_grep_log",
        title: "Search a log",
        about: "Lines of a run's log that contain a text, with their neighbours.",
        params: &[
            RUN,
            required("pattern", Kind::Text(200), "Text or regular expression"),
            optional("context", Kind::Count { least: 0, most: 20, usual: 2 }, "Lines before and after"),
        ],
        work: Work::Look(grep),
        ..LOOK
    },
];

fn known(call: &Call) -> Result<std::sync::Arc<Run>, Reply> {
    let id = call.arguments.text("run_id").unwrap_or_default();
    let run = call.shared.runs.get(id).filter(|run| run.owner == call.who.name || call.who.may(Scope::Admin));
    run.ok_or_else(|| {
        Reply::error(Code::NotFound, format!("there is no run {id} of {}", call.who.name), "take run_id from an answer")
    })
}

fn get(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        match known(&call) {
            Ok(run) => Reply::data(format!("run {}", run.id), run.json()).with("run_id", json!(run.id)),
            Err(refused) => refused,
        }
    }
    .boxed_local()
}

fn cancel(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        match known(&call) {
            Ok(run) => {
                run.cancel.cancel();
                Reply::data(format!("run {} ends at its next safe point", run.id), run.json())
                    .with("run_id", json!(run.id))
            }
            Err(refused) => refused,
        }
    }
    .boxed_local()
}

fn grep(call: Call) -> LocalBoxFuture<'static, Reply> {
    async move {
        let run = match known(&call) {
            Ok(run) => run,
            Err(refused) => return refused,
        };
        let pattern = call.arguments.text("pattern").unwrap_or_default();
        let found: Vec<_> = match run.standing() {
            crate::mcp::runs::Standing::Ended(reply) => {
                reply.text.lines().filter(|line| line.contains(pattern)).map(str::to_owned).collect()
            }
            crate::mcp::runs::Standing::Queued | crate::mcp::runs::Standing::Running => Vec::new(),
        };
        Reply::data(format!("{} lines", found.len()), json!({ "lines": found })).with("run_id", json!(run.id))
    }
    .boxed_local()
}
