//! The stored state in the one form that tools and resources show.

use serde_json::{Map, Value, json};

use crate::domain::release::ZStream;
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::mcp::reply::head;

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

/// What `view` holds (as the status operator shows it), with every task of the flow in workflow order.
pub fn status(release: &ZStream, view: &Value, overall: &str, results: Results, only: &[Task]) -> Value {
    let state = view.get("state").cloned().unwrap_or_default();
    let metadata = state.get("metadata").cloned().unwrap_or_default();
    let has_shipment = metadata.get("shipment_mr").and_then(Value::as_str).is_some_and(|url| !url.is_empty());
    let flow = if has_shipment { Flow::Konflux } else { Flow::Errata };
    let empty = Vec::new();
    let stored = state.get("tasks").and_then(Value::as_array).unwrap_or(&empty);
    let of = |task: Task| stored.iter().find(|entry| name_of(entry) == task.name());
    let mut tasks: Vec<_> = Task::tracked(flow).map(|task| entry(task.name(), of(task), results)).collect();
    let listed: Vec<_> = Task::tracked(flow).map(Task::name).collect();
    let others = stored.iter().filter(|entry| !listed.contains(&name_of(entry)));
    tasks.extend(others.map(|other| entry(name_of(other), Some(other), results)));
    let phase = phase(&tasks);
    let polls = polls(release, &tasks);
    if !only.is_empty() {
        tasks.retain(|entry| only.iter().any(|task| task.name() == name_of(entry)));
    }
    let field = |name: &str| state.get(name).cloned().unwrap_or_default();
    json!({
        "source": "statebox", "release": release.to_string(), "overall_status": overall, "phase": phase,
        "tasks": tasks, "issues": field("issues"), "metadata": metadata, "next_actions": polls,
        "schema_version": field("schema_version"), "created_at": field("created_at"), "updated_at": field("updated_at"),
    })
}

fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn status_of(entry: &Value) -> &str {
    entry.get("status").and_then(Value::as_str).unwrap_or_default()
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
    let told = match (results, result) {
        (Results::None, _) | (_, None) => None,
        (Results::Full, result) => result,
        (Results::Tail, Some(Value::String(text))) => Some(json!(tail(&text))),
        (Results::Tail, Some(other)) => Some(other),
    };
    fields.extend(told.map(|told| ("result".to_owned(), told)));
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
fn phase(tasks: &[Value]) -> String {
    let running: Vec<_> = tasks.iter().filter(|entry| status_of(entry) == "In Progress").map(name_of).collect();
    if !running.is_empty() {
        return running.iter().map(|name| format!("{name} (In Progress)")).collect::<Vec<_>>().join(", ");
    }
    let ended = tasks.iter().filter(|entry| matches!(status_of(entry), "Pass" | "Fail"));
    let last =
        ended.max_by_key(|entry| entry.get("completed_at").and_then(Value::as_str).unwrap_or_default().to_owned());
    last.map_or_else(|| "Not started".to_owned(), |entry| format!("{} ({})", name_of(entry), status_of(entry)))
}

/// Calls that look how running tasks go, and the one that knows what comes next.
fn polls(release: &ZStream, tasks: &[Value]) -> Vec<Value> {
    let plan = json!({ "tool": "oar_plan_next_actions", "arguments": { "release": release.to_string() } });
    let running = tasks.iter().filter(|entry| status_of(entry) == "In Progress");
    let calls = running.filter_map(|entry| super::explain::call_of(name_of(entry).parse().ok()?, release));
    calls.chain([plan]).collect()
}

/// What happened when, oldest first.
pub fn timeline(release: &ZStream, view: &Value) -> Value {
    let state = view.get("state").cloned().unwrap_or_default();
    let mut events: Vec<(String, Value)> = Vec::new();
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut add = |at: Option<String>, fields: Value| {
        if let Some(at) = at.filter(|at| !at.is_empty()) {
            let mut event = Map::from_iter([("at".to_owned(), json!(at))]);
            event.extend(fields.as_object().cloned().unwrap_or_default());
            events.push((at, Value::Object(event)));
        }
    };
    let list = |name: &str| state.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    add(text(&state, "created_at"), json!({ "what": "created" }));
    for task in list("tasks") {
        let name = name_of(&task);
        add(text(&task, "started_at"), json!({ "what": "task started", "task": name }));
        add(text(&task, "completed_at"), json!({ "what": "task ended", "task": name, "status": status_of(&task) }));
    }
    for issue in list("issues") {
        let said = text(&issue, "issue");
        add(
            text(&issue, "reported_at"),
            json!({ "what": "issue reported", "issue": said, "blocker": issue.get("blocker") }),
        );
        add(text(&issue, "resolved_at"), json!({ "what": "issue resolved", "issue": said }));
    }
    events.sort_by(|a, b| a.0.cmp(&b.0));
    json!({ "release": release.to_string(), "events": events.into_iter().map(|(_, event)| event).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> Value {
        let log = "line\n".repeat(1_000) + "task [Stage Testing] status is changed to [Fail]";
        json!({ "state": {
            "schema_version": "1.0", "created_at": "2026-06-01T00:00:00Z", "updated_at": "2026-06-03T00:00:00Z",
            "metadata": { "shipment_mr": "https://gitlab.example.com/s/-/merge_requests/1" },
            "tasks": [
                { "name": "stage-testing", "status": "Fail", "started_at": "2026-06-02T00:00:00Z",
                  "completed_at": "2026-06-02T04:00:00Z", "result": log, "notified": ["x"] },
                { "name": "take-ownership", "status": "Pass", "started_at": "2026-06-01T01:00:00Z",
                  "completed_at": "2026-06-01T01:01:00Z", "result": "fine" },
                { "name": "a label of old", "status": "Pass" },
            ],
            "issues": [{ "issue": "late", "reported_at": "2026-06-02T05:00:00Z", "blocker": true, "resolved": false }],
        } })
    }

    fn shown(results: Results, only: &[Task]) -> Value {
        status(&"4.20.17".parse().unwrap(), &view(), "Red", results, only)
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
        assert_eq!((&shown["phase"], &shown["overall_status"]), (&json!("stage-testing (Fail)"), &json!("Red")));
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
        let line = timeline(&"4.20.17".parse().unwrap(), &view());
        let what: Vec<_> =
            line["events"].as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
        assert_eq!(what, ["created", "task started", "task ended", "task started", "task ended", "issue reported"]);
    }
}
