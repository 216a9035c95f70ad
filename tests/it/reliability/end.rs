//! How a release ended: what its state says, and everything that the services hold because of it.

use std::collections::BTreeMap;

use oar::domain::task::Task;
use oar::sim::facts::prow::CONSISTENCY;
use oar::sim::services::table;

use crate::rehearsal::TestWorld;

/// What is true at the end, with how often it is; numbers and times in texts are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct End {
    pub(super) facts: BTreeMap<String, usize>,
}

impl End {
    /// The end of a release whose last run reported this.
    pub(super) fn of(world: &TestWorld, reported: &str) -> Self {
        let mut end = Self::default();
        end.add(reported.rsplit_once("exit ").map_or("no exit code", |(_, code)| code), "exit");
        let state = world.state();
        for task in Task::tracked(state.flow()) {
            end.add(&format!("{task} {}", state.status(task)), "task");
            if state.task(task).is_some_and(|entry| entry.question.is_some()) {
                end.add(&task.to_string(), "question");
            }
        }
        let facts = world.facts();
        for (id, advisory) in &facts.errata.advisories {
            end.add(&format!("{id} {} {}", advisory.state.name(), advisory.assigned_to), "advisory");
        }
        for push in facts.errata.pushes.values() {
            end.add(&format!("{} to {} {:?}", push.advisory, push.target, push.status), "push");
        }
        for run in facts.prow.runs.values().filter(|run| run.job == CONSISTENCY) {
            end.add(&format!("{} {}", run.job, run.state), "job");
        }
        for (id, request) in &facts.gitlab.merge_requests {
            end.add(&format!("{id:?} {:?} approved by {}", request.state, request.approved_by.len()), "merge request");
            for note in &request.notes {
                end.add(&note.body, "note");
            }
        }
        for issue in facts.jira.issues.values() {
            end.add(&format!("{} {}", issue.key, issue.status), "issue");
            for comment in &issue.comments {
                end.add(&format!("{} {}", issue.key, comment.body), "comment");
            }
        }
        for message in &facts.slack.messages {
            // The state keeps no names of people: a message that another machine catches up calls the group alone.
            let text = message.text.split("\nOwner: ").next().unwrap_or_default();
            end.add(&format!("#{} {text}", message.channel_name), "message");
        }
        let jenkins = table::facts_of("jenkins", &facts).unwrap_or_default();
        for build in jenkins["builds"].as_array().into_iter().flatten() {
            end.add(&format!("{} {}", build["job"], build["result"]), "pipeline");
        }
        end
    }

    fn add(&mut self, what: &str, kind: &str) {
        *self.facts.entry(format!("{kind}: {}", without_numbers(what))).or_default() += 1;
    }

    /// What this end has otherwise than the calm one, a line each.
    pub(super) fn differs_from(&self, calm: &Self) -> Vec<String> {
        let count = |end: &Self, what: &String| end.facts.get(what).copied().unwrap_or_default();
        let all: std::collections::BTreeSet<&String> = self.facts.keys().chain(calm.facts.keys()).collect();
        all.into_iter()
            .filter(|what| count(self, what) != count(calm, what))
            .map(|what| format!("{} instead of {} times {what}", count(self, what), count(calm, what)))
            .collect()
    }
}

/// The text on one line, with one mark for each part with a digit (numbers, times, ids) and for each address.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_alphanumeric() || "/:.-_%".contains(c))) {
        let (part, end) = part.split_at(part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '/')).len());
        match () {
            () if part.starts_with("http") => plain.push_str("ADDRESS"),
            () if part.contains(|c: char| c.is_ascii_digit()) => plain.push('N'),
            () => plain.push_str(part),
        }
        plain.push_str(&end.replace('\n', " / "));
    }
    plain
}
