//! The stored state in the one form that tools and resources show.

use serde_json::{Map, Value, json};

use crate::domain::release::ZStream;
use crate::domain::state::entries::TaskEntry;
use crate::domain::state::view::State;
use crate::domain::task::{Task, TaskStatus};
use crate::mcp::next_call::NextCall;
use crate::mcp::text::head;
use crate::operators::views::status::StatusView;
use crate::planner::plan::ReleasePhase;
use crate::render::documents::status::state_file;

/// Bytes of a log's end.
const TAIL: usize = 1_500;

/// How much of the stored logs is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// Nothing.
    None,
    /// The end.
    Tail,
    /// All.
    Full,
}

/// What is stored, with every task of the flow in workflow order. `phase` is that of the plan, like everywhere.
pub fn status(view: &StatusView, phase: ReleasePhase, results: Results, only: &[Task]) -> Value {
    let state = view.state();
    let mut file = state_file(view);
    let mut part = |name: &str| file.get_mut(name).map(Value::take).unwrap_or_default();
    let shown = part("tasks");
    let shown = shown.as_array().map(Vec::as_slice).unwrap_or_default();
    let in_order = in_order(state);
    let named = in_order.iter().map(|(name, _)| name.as_str());
    let wanted = named.filter(|name| only.is_empty() || only.iter().any(|task| task.name() == *name));
    let tasks: Vec<_> =
        wanted.map(|name| entry(name, shown.iter().find(|one| name_of(one) == name), results)).collect();
    json!({
        "source": "statebox", "release": state.release().to_string(), "overall_status": view.overall(),
        "phase": phase, "tasks": tasks, "issues": part("issues"), "metadata": part("metadata"),
        "next_actions": polls(state.release(), &in_order), "schema_version": part("schema_version"),
        "created_at": part("created_at"), "updated_at": part("updated_at"),
    })
}

/// The tasks of the flow in workflow order, whether they began or not; then what else the file lists.
fn in_order(state: &State) -> Vec<(String, Option<TaskEntry>)> {
    let flow = state.flow();
    let tracked = Task::tracked(flow).map(|task| (task.name().to_owned(), state.task(task)));
    let others = state.tasks().into_iter();
    let others = others.filter(|entry| !Task::tracked(flow).any(|task| task.name() == entry.name));
    tracked.chain(others.map(|entry| (entry.name.clone(), Some(entry)))).collect()
}

fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn entry(name: &str, stored: Option<&Value>, results: Results) -> Value {
    let mut fields = stored.and_then(Value::as_object).cloned().unwrap_or_default();
    fields.insert("name".to_owned(), json!(name));
    fields.entry("status").or_insert_with(|| json!(TaskStatus::NotStarted));
    for time in ["started_at", "completed_at"] {
        fields.entry(time).or_insert(Value::Null);
    }
    // Keys of our own book-keeping explain nothing to a caller.
    for key in ["notified", "intent"] {
        fields.remove(key);
    }
    let result = fields.remove("result");
    let shown = match (results, result) {
        (Results::None, _) | (_, None) => None,
        (Results::Full, result) => result,
        (Results::Tail, Some(Value::String(text))) => Some(json!(tail(&text))),
        (Results::Tail, Some(other)) => Some(other),
    };
    fields.extend(shown.map(|shown| ("result".to_owned(), shown)));
    Value::Object(fields)
}

/// The last lines of a log.
fn tail(text: &str) -> String {
    if text.len() <= TAIL {
        return text.to_owned();
    }
    let before = head(text, text.len() - TAIL).len();
    let rest = text.get(before..).unwrap_or_default();
    format!("… {}", rest.split_once('\n').map_or(rest, |(_, lines)| lines))
}

/// Running tasks, else the one that ended last.
pub fn latest(state: &State) -> String {
    let tasks: Vec<_> = in_order(state).into_iter().filter_map(|(_, entry)| entry).collect();
    let named = |entry: &TaskEntry| format!("{} ({})", entry.name, entry.status.as_str());
    let running: Vec<_> = tasks.iter().filter(|entry| is(entry, TaskStatus::InProgress)).map(named).collect();
    if !running.is_empty() {
        return running.join(", ");
    }
    let ended = tasks.iter().filter(|entry| is(entry, TaskStatus::Pass) || is(entry, TaskStatus::Fail));
    // As text: files of old hold what is no time stamp.
    let last = ended.max_by_key(|entry| entry.completed_at.as_deref().unwrap_or_default());
    last.map_or_else(|| "Not started".to_owned(), named)
}

fn is(entry: &TaskEntry, status: TaskStatus) -> bool {
    entry.status.known() == Some(status)
}

/// Calls that look how running tasks go, and the one that knows what comes next.
fn polls(release: &ZStream, tasks: &[(String, Option<TaskEntry>)]) -> Vec<NextCall> {
    let running =
        tasks.iter().filter_map(|(_, entry)| entry.as_ref().filter(|entry| is(entry, TaskStatus::InProgress)));
    let calls = running.filter_map(|entry| NextCall::of_task(entry.task()?, release));
    calls.chain([NextCall::plan(release)]).collect()
}

/// What happened when, oldest first.
pub fn timeline(state: &State) -> Value {
    let mut events: Vec<(String, Value)> = Vec::new();
    let mut add = |at: Option<String>, what: Value| {
        if let Some(at) = at.filter(|at| !at.is_empty()) {
            let mut event = Map::from_iter([("at".to_owned(), json!(at))]);
            event.extend(what.as_object().cloned().unwrap_or_default());
            events.push((at, Value::Object(event)));
        }
    };
    add(Some(state.created_at().to_owned()), json!({ "what": "created" }));
    for task in state.tasks() {
        add(task.started_at, json!({ "what": "task started", "task": task.name }));
        let ended = json!({ "what": "task ended", "task": task.name, "status": task.status.as_str() });
        add(task.completed_at, ended);
    }
    for issue in state.issues() {
        let event = json!({ "what": "issue reported", "issue": issue.issue, "blocker": issue.blocker });
        add(issue.reported_at, event);
        add(issue.resolved_at, json!({ "what": "issue resolved", "issue": issue.issue }));
    }
    events.sort_by(|a, b| a.0.cmp(&b.0));
    let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    json!({ "release": state.release().to_string(), "events": events })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Flow;

    fn state() -> State {
        let log = "      line\n".repeat(1_000) + "      task [Stage Testing] status is changed to [Fail]";
        let text = format!(
            "schema_version: '1.0'
release: 4.20.17
created_at: '2026-06-01T00:00:00Z'
updated_at: '2026-06-03T00:00:00Z'
metadata:
  advisory_ids: {{rpm: 1, rhcos: 2}}
  shipment_mr: null
tasks:
  - name: stage-testing
    status: Fail
    started_at: '2026-06-02T00:00:00Z'
    completed_at: '2026-06-02T04:00:00Z'
    result: |-
{log}
    notified: [x]
  - name: take-ownership
    status: Pass
    started_at: '2026-06-01T01:00:00Z'
    completed_at: '2026-06-01T01:01:00Z'
    result: fine
  - name: a label of old
    status: Pass
issues:
  - issue: late
    reported_at: '2026-06-02T05:00:00Z'
    blocker: true
    resolved: false
"
        );
        State::parse(&text, None).unwrap()
    }

    fn shown(results: Results, only: &[Task]) -> Value {
        status(&state().into(), ReleasePhase::Stopped, results, only)
    }

    #[test]
    fn every_task_of_the_flow_is_listed_in_its_order_whether_it_began_or_not() {
        let shown = shown(Results::Tail, &[]);
        let names: Vec<_> = shown["tasks"].as_array().unwrap().iter().map(name_of).collect();
        let mut wanted: Vec<_> = Task::tracked(Flow::Konflux).map(Task::name).collect();
        wanted.push("a label of old");
        assert_eq!(names, wanted);
        let first = &shown["tasks"][1];
        assert_eq!((&first["status"], &first["started_at"]), (&json!("Not Started"), &Value::Null), "{first}");
        assert_eq!((&shown["phase"], &shown["overall_status"]), (&json!("stopped"), &json!("Red")));
        assert_eq!(shown["next_actions"].as_array().unwrap().len(), 1, "{shown}");
    }

    #[test]
    fn what_runs_is_reported_before_what_ended() {
        assert_eq!(latest(&state()), "stage-testing (Fail)");
        let text = state().to_yaml();
        let running = State::parse(&text.replacen("status: Pass", "status: In Progress", 1), None).unwrap();
        assert_eq!(latest(&running), "take-ownership (In Progress)");
        let polls = status(&running.into(), ReleasePhase::Initialisation, Results::None, &[])["next_actions"].clone();
        assert_eq!(polls.as_array().unwrap().len(), 2, "{polls}");
    }

    #[test]
    fn a_log_is_left_out_or_cut_at_its_beginning_or_whole() {
        let result = |results| shown(results, &[Task::StageTesting])["tasks"][0]["result"].clone();
        assert_eq!(result(Results::None), Value::Null);
        let tail = result(Results::Tail);
        let tail = tail.as_str().unwrap();
        assert!(tail.len() <= TAIL + 10 && tail.starts_with("… line") && tail.ends_with("[Fail]"), "{tail}");
        assert!(result(Results::Full).as_str().unwrap().len() > 5_000);
        assert_eq!(shown(Results::None, &[Task::StageTesting])["tasks"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_timeline_is_in_order() {
        let line = timeline(&state());
        let what: Vec<_> =
            line["events"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["created", "task started", "task ended", "task started", "task ended", "issue reported"]);
    }
}
