//! Steps that do not decide about the Pass of their task (work in Jira) and are owed until they are done.
//!
//! A note of the state file says so, one per task; its source names the task. Whoever resolves it leaves the step as it
//! is.

use super::task::Task;

/// Beginning of the source of such notes.
const PREFIX: &str = "owed:";

/// The source of the note that `task` owes a step.
pub fn source(task: Task) -> String {
    format!("{PREFIX}{task}")
}

/// The task that owes a step, when the note of `source` says that one does.
pub fn task_of(source: &str) -> Option<Task> {
    source.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_the_task_that_owes() {
        assert_eq!(task_of(&source(Task::TakeOwnership)), Some(Task::TakeOwnership));
        assert_eq!(task_of("take-ownership"), None);
    }
}
