//! Runs of this server: how they go, how they ended, and ending one.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use crate::core::access::principal::Scope;
use crate::domain::release::ZStream;
use crate::mcp::arguments::{Param, ParamKind, optional, required};
use crate::mcp::call::ToolCall;
use crate::mcp::next_call::task_of;
use crate::mcp::reply::{Code, Reply};
use crate::mcp::run_document::log_address;
use crate::mcp::tool::{ADDS, Counted, EffectMark, Handler, Hints, LOOKS_INSIDE, Tool, Toolset};
use crate::operators::manual::update_task_status;
use crate::render::text::{causes, clean};
use crate::runs::record::{RunRecord, RunState};

/// Bytes of the automaton of a pattern.
const PATTERN_BYTES: usize = 1 << 18;

/// Bytes of what a search shows; an answer carries them twice.
const MOST_FOUND: usize = 8_000;

/// Characters of a line that a search shows.
const LONGEST_LINE: usize = 400;

const RUN: Param = required("run_id", ParamKind::Text(40), "run_id of an earlier answer");

const LOOK: Tool = Tool {
    name: "",
    aliases: &[],
    title: "",
    about: "",
    mark: EffectMark::ReadOnly,
    toolset: Toolset::Status,
    counted: Counted::Api,
    scope: Scope::Read,
    hints: LOOKS_INSIDE,
    params: &[RUN],
    work: Handler::Look(get),
};

/// The tools of this file.
pub const TOOLS: &[Tool] = &[
    Tool { name: "oar_get_run", title: "Get a run", about: "How a run goes, or how it ended.", ..LOOK },
    Tool {
        name: "oar_cancel_run",
        title: "Cancel a run",
        about: "Ends a run at its next safe point; what it did stays recorded, jobs it started go on.",
        mark: EffectMark::Write,
        scope: Scope::Write,
        hints: Hints { open_world: false, ..ADDS },
        work: Handler::Look(cancel),
        ..LOOK
    },
    Tool {
        name: "oar_grep_log",
        title: "Search a log",
        about: "Lines of a run's log that contain a text, with their neighbours.",
        params: &[
            RUN,
            required("pattern", ParamKind::Text(200), "Text or regular expression"),
            optional("context", ParamKind::Count { least: 0, most: 20, usual: 2 }, "Lines before and after"),
        ],
        work: Handler::Look(grep),
        ..LOOK
    },
];

/// The record of the run that is asked for, when the caller may see it. Whose run it is not does not exist.
fn known(call: &ToolCall) -> Result<RunRecord, Reply> {
    let id = call.arguments.text("run_id").unwrap_or_default();
    let run = call.shared.runs.known(id).filter(|run| run.owner == call.who.name || call.who.may(Scope::Admin));
    run.ok_or_else(|| {
        if let Some(path) = call.shared.runs.damaged(id) {
            let what = format!("the record of run {id} is damaged: {}", path.display());
            let hint =
                "look at the status of the release before you call it again; move the file away when it is of no use";
            return Reply::error(Code::Precondition, what, hint);
        }
        let what = format!("there is no run {id} of {}", call.who.name);
        Reply::error(Code::NotFound, what, "take run_id from an answer")
    })
}

fn get(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        let run = match known(&call) {
            Ok(run) => run,
            Err(refused) => return refused,
        };
        let mut summary = format!("run {} ({} of {}) is {}", run.run_id, run.tool, run.queue, run.state.name());
        let mut data = json!(run);
        if run.state == RunState::Interrupted {
            // Nobody was there to record its end; the state file knows what it did.
            let (now, since) = now(&call, &run).await;
            summary.push_str(&since);
            data["now"] = now;
        }
        let address = log_address(&run.run_id);
        Reply::data(summary, data)
            .with("run_id", json!(run.run_id))
            .linking(&address, "log of this run")
            .fitting(|_| address.clone())
    }
    .boxed_local()
}

/// What the state file says now about the task of an interrupted run.
async fn now(call: &ToolCall, run: &RunRecord) -> (Value, String) {
    let (Some(task), Ok(release)) = (task_of(&run.tool), run.queue.parse::<ZStream>()) else {
        return (Value::Null, "; look at the status of the release before you call it again".to_owned());
    };
    match update_task_status::stored(&call.ctx, &release, task).await {
        Ok((status, why)) => {
            let goes_on = format!("; {task} is {status} now, calling it again goes on from there");
            (json!({ "task": task, "status": status, "reason": why }), goes_on)
        }
        Err(error) => {
            let why = causes(&error).join(": ");
            (json!({ "task": task, "error": clean(&why) }), format!("; the state of {task} cannot be read now"))
        }
    }
}

fn cancel(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        let run = match known(&call) {
            Ok(run) => run,
            Err(refused) => return refused,
        };
        let id = &run.run_id;
        let Some(open) = call.shared.runs.get(id).filter(|run| !run.has_ended()) else {
            let state = run.state.name();
            let what = format!("run {id} is {state} or belongs to another process; there is nothing to cancel here");
            return Reply::changed(what, false, json!(run)).with("run_id", json!(id));
        };
        open.cancel.cancel();
        let what = format!("run {id} ends at its next safe point; oar_get_run tells how");
        Reply::changed(what, true, json!(open.record())).with("run_id", json!(id))
    }
    .boxed_local()
}

fn grep(call: ToolCall) -> LocalBoxFuture<'static, Reply> {
    async move {
        if let Err(refused) = known(&call) {
            return refused;
        }
        let id = call.arguments.text("run_id").unwrap_or_default();
        let pattern = call.arguments.text("pattern").unwrap_or_default();
        // Small automata only; matching takes time in proportion to the log, whatever the pattern.
        let regex = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build();
        let Ok(regex) = regex else {
            let what = "pattern is no regular expression, or too large a one";
            return Reply::error(Code::InvalidArgument, what, "escape what is meant literally, e.g. \\( for (");
        };
        let Some(log) = call.shared.runs.log(id) else {
            return Reply::error(Code::NotFound, format!("run {id} left no log"), "oar_get_run has its answer");
        };
        let context = usize::try_from(call.arguments.count("context", 2)).unwrap_or(2);
        let found = search(&log, &regex, context);
        let cut = if found.cut { ", the first of them; narrow the pattern for the rest" } else { "" };
        let address = log_address(id);
        Reply::said(format!("{} lines match{cut}", found.matches), found.text)
            .with("run_id", json!(id))
            .with("data", json!({ "matches": found.matches, "cut": found.cut, "uri": address }))
            .linking(&address, "log of this run")
    }
    .boxed_local()
}

struct Matches {
    matches: usize,
    text: String,
    cut: bool,
}

/// Lines as grep shows them: numbered, `:` for a match and `-` for a neighbour, `--` between groups.
fn search(log: &str, regex: &Regex, context: usize) -> Matches {
    let lines: Vec<_> = log.lines().collect();
    let hits: Vec<_> = (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| regex.is_match(line))).collect();
    let (mut text, mut cut, mut next) = (String::new(), false, 0);
    'groups: for hit in &hits {
        let from = hit.saturating_sub(context).max(next);
        if from > next && next > 0 && context > 0 {
            text.push_str("--\n");
        }
        for at in from..(hit + context + 1).min(lines.len()).max(from) {
            let mark = if hits.binary_search(&at).is_ok() { ':' } else { '-' };
            let line: String = lines.get(at).unwrap_or(&"").chars().take(LONGEST_LINE).collect();
            if text.len() + line.len() > MOST_FOUND {
                cut = true;
                break 'groups;
            }
            text.push_str(&format!("{}{mark}{line}\n", at + 1));
            next = at + 1;
        }
    }
    Matches { matches: hits.len(), text, cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, context: usize) -> String {
        search("a\nb\nc\nx 1\nd\ne\nf\ng\nx 2\nx 3", &Regex::new(pattern).unwrap(), context).text
    }

    #[test]
    fn matches_are_numbered_with_their_neighbours_once_each() {
        assert_eq!(found("x", 1), "3-c\n4:x 1\n5-d\n--\n8-g\n9:x 2\n10:x 3\n");
        assert_eq!(found("x [13]", 0), "4:x 1\n10:x 3\n");
        assert_eq!(found("none", 3), "");
    }

    #[test]
    fn what_is_found_is_bounded() {
        let log = "x".repeat(2_000).as_str().to_owned() + "\n";
        let found = search(&log.repeat(1_000), &Regex::new("x").unwrap(), 0);
        assert!(found.cut && found.matches == 1_000 && found.text.len() <= MOST_FOUND + 50);
    }
}
