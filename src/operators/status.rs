//! What people ask most: where does this release stand?

use serde_json::{Value, json};

use super::error::TaskError;
use crate::core::context::Context;
use crate::domain::release::ZStream;
use crate::domain::state::entries::{Issue, TaskEntry};
use crate::domain::state::view::State;
use crate::domain::task::{Flow, Task, TaskStatus};

/// Where a release stands, as stored.
#[derive(Debug)]
pub struct StatusView {
    release: ZStream,
    state: State,
}

/// Reads where `release` stands.
///
/// # Errors
///
/// There is no state file, or it cannot be read.
pub async fn of(ctx: &Context, release: &ZStream) -> Result<StatusView, TaskError> {
    let loaded = ctx.statebox.load(release).await?;
    let state = loaded.ok_or_else(|| TaskError::NoState { release: release.clone() })?.state;
    Ok(StatusView { release: release.clone(), state })
}

impl StatusView {
    /// One screen for people.
    pub fn text(&self) -> String {
        let metadata = self.state.metadata();
        let flow = self.flow();
        let mut lines = vec![format!("{}  {:?}", self.release, self.state.overall(flow))];
        lines.push(format!(
            "release date {}, {} flow, updated {}",
            metadata.release_date.as_deref().unwrap_or("unknown"),
            flow,
            self.state.updated_at()
        ));
        lines.extend(metadata.shipment_mr.iter().map(|url| format!("shipment {url}")));
        lines.push(String::new());
        for task in Task::tracked(flow) {
            lines.extend(task_lines(task, self.state.task(task).as_ref()));
        }
        let open: Vec<Issue> = self.state.issues().into_iter().filter(|issue| !issue.resolved).collect();
        if !open.is_empty() {
            lines.push(String::new());
        }
        for issue in &open {
            let kind = if issue.blocker { "BLOCKER" } else { "note" };
            lines.push(format!("{kind} {}: {}", issue.id, issue.issue));
        }
        lines.push(String::new());
        lines.push(format!("next: oar -r {} plan tells what is next and why", self.release));
        lines.join("\n")
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let flow = self.flow();
        let tasks: serde_json::Map<String, Value> =
            Task::tracked(flow).map(|task| (task.name().to_owned(), json!(self.state.status(task)))).collect();
        json!({
            "ok": true,
            "source": "statebox",
            "release": self.release.to_string(),
            "overall_status": format!("{:?}", self.state.overall(flow)),
            "task_map": tasks,
            "state": self.state.to_json(),
        })
    }

    /// Green, or Red when a task failed.
    pub fn overall(&self) -> String {
        format!("{:?}", self.state.overall(self.flow()))
    }

    /// Without build data: a shipment makes the Konflux flow.
    fn flow(&self) -> Flow {
        if self.state.metadata().shipment_mr.is_some() { Flow::Konflux } else { Flow::Errata }
    }
}

fn task_lines(task: Task, entry: Option<&TaskEntry>) -> Vec<String> {
    let status = entry.and_then(|entry| entry.status.known()).unwrap_or(TaskStatus::NotStarted);
    let when = entry.and_then(|entry| entry.completed_at.clone().or_else(|| entry.started_at.clone()));
    let mut lines = vec![format!("{task:<28} {status:<12} {}", when.unwrap_or_default()).trim_end().to_owned()];
    if let Some(entry) = entry.filter(|_| status != TaskStatus::Pass) {
        lines.extend(entry.job_ref.iter().map(|job| format!("{:<28}   job: {job}", "")));
        lines.extend(entry.reason.iter().map(|why| format!("{:<28}   {why}", "")));
    }
    lines
}
