//! Where a release stands, as stored.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::plan::PlanDocument;
use crate::domain::age::Stale;
use crate::domain::dates::stamp;
use crate::domain::state::overall::Overall;
use crate::domain::task::{Task, TaskStatus};
use crate::operators::views::status::{ShownWait, StatusView};
use crate::render::text::clean;

/// Where a release stands, as stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Status {
    /// Always true
    pub ok: bool,
    /// Where the answer comes from: statebox
    pub source: &'static str,
    /// The release
    pub release: String,
    /// Green or Red
    #[schemars(with = "String")]
    pub overall_status: Overall,
    /// Status of every task of the flow, by name
    #[schemars(with = "Map<String, Value>")]
    pub task_map: IndexMap<&'static str, TaskStatus>,
    /// The state file as it is; a task's reason of an earlier attempt or refusal is called earlier_reason
    #[schemars(with = "Map<String, Value>")]
    pub state: Value,
    /// What comes next and why
    pub plan: PlanDocument,
    /// What is waited for
    pub waits: Vec<StatusWait>,
    /// The next steps, as sentences
    pub next: Vec<String>,
    /// Facts that could not be asked for anew
    pub old: Vec<String>,
    /// How old the stored state is, when it comes from this machine
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<Stale>,
}

/// One thing that is waited for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StatusWait {
    /// The task, when it is one task that waits
    #[schemars(with = "Option<String>")]
    pub task: Option<Task>,
    /// What for
    pub what: String,
    /// Since when
    pub since: Option<String>,
    /// When to look again
    pub recheck_at: Option<String>,
}

impl From<&ShownWait> for StatusWait {
    fn from(wait: &ShownWait) -> Self {
        let (since, recheck_at) = (wait.since.map(stamp), wait.recheck_at.map(stamp));
        Self { task: wait.task, what: clean(&wait.what), since, recheck_at }
    }
}

impl Status {
    /// What is stored, and the plan of it.
    pub fn new(view: &StatusView, plan: PlanDocument) -> Self {
        let state = view.state();
        Self {
            ok: true,
            source: "statebox",
            release: state.release().to_string(),
            overall_status: view.overall(),
            task_map: Task::tracked(state.flow()).map(|task| (task.name(), state.status(task))).collect(),
            state: state_file(view),
            plan,
            waits: Vec::new(),
            next: Vec::new(),
            old: Vec::new(),
            stale: None,
        }
    }
}

/// The state file; a reason that is not one of the present status is named as such.
pub fn state_file(view: &StatusView) -> Value {
    let mut json = view.state().to_json();
    let entries = view.state().tasks();
    let shown =
        json.get_mut("tasks").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut);
    for (entry, shown) in entries.iter().zip(shown) {
        if entry.present_reason().is_none()
            && let Some(reason) = shown.remove("reason")
        {
            shown.insert("earlier_reason".to_owned(), reason);
        }
    }
    json
}
