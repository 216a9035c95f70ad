//! Applying operations: a copy is changed, and nothing counts as a change that left no trace.

use indexmap::IndexMap;
use jiff::Timestamp;

use super::document::{Map, Node};
use super::operation::{Applied, MetadataPatch, Operation, Rejection};
use super::view::{State, stamp};
use super::{issues, lease_moves, notices, questions, task_moves, text};
use crate::domain::task::Which;

impl Operation {
    /// Applies the change to a copy of `state`; `now` becomes `updated_at` when something changed.
    pub fn apply(&self, state: &State, now: Timestamp) -> Applied {
        let mut next = state.clone();
        if let Err(rejection) = self.change(&mut next) {
            return Applied::Rejected(rejection);
        }
        if next == *state {
            return Applied::Unchanged;
        }
        next.document.set_after("created_at", "updated_at", Node::text(stamp(now)));
        Applied::Changed(next)
    }

    fn change(&self, state: &mut State) -> Result<(), Rejection> {
        let release = state.release.clone();
        let document = &mut state.document;
        match self {
            // The file exists, so somebody was faster; what it says counts.
            Self::Create { .. } => Ok(()),
            Self::SetTask(set) => {
                let overridden = task_moves::set(document, set)?;
                if let Some(note) = overridden {
                    issues::add(document, &release, &note)?;
                }
                Ok(())
            }
            Self::Notified { task, key } => {
                notices::sent(document, *task, key);
                Ok(())
            }
            Self::NoticeDue { task, notice } => {
                notices::due(document, *task, notice);
                Ok(())
            }
            Self::Ask { task, question } => {
                questions::ask(document, *task, question);
                Ok(())
            }
            Self::Answer { id, choice, reason, by, at } => {
                questions::answer(document, &release, id, choice, [reason, by], *at)
            }
            Self::PatchMetadata(patch) => {
                patch_metadata(metadata(document), patch);
                Ok(())
            }
            Self::AddIssue(issue) => issues::add(document, &release, issue),
            Self::ResolveIssue { search, resolution, at } => {
                issues::resolve(document, &release, search, resolution, *at)
            }
            Self::ResolveSource { source, resolution, at } => {
                issues::resolve_source(document, source, resolution, *at);
                Ok(())
            }
            Self::UpdateIssue { search, edit } => issues::update(document, &release, search, edit),
            Self::Decide { which, build, accept, reason, by, at } => {
                decide(metadata(document), *which, *accept, [build, reason, by], *at);
                Ok(())
            }
            Self::AcquireLease { key, holder, at, take_over } => {
                match lease_moves::acquire(document, *key, holder, *at, take_over.as_ref())? {
                    Some(note) => issues::add(document, &release, &note),
                    None => Ok(()),
                }
            }
            Self::RenewLease { fence, at } => lease_moves::renew(document, fence, *at),
            Self::ReleaseLease { fence } => {
                lease_moves::release(document, fence);
                Ok(())
            }
        }
    }
}

fn metadata(document: &mut Map) -> &mut Map {
    document.map_mut("updated_at", "metadata")
}

fn patch_metadata(facts: &mut Map, patch: &MetadataPatch) {
    for (key, value) in [
        ("jira_ticket", &patch.jira_ticket),
        ("release_date", &patch.release_date),
        ("shipment_mr", &patch.shipment_mr),
    ] {
        if let Some(value) = value {
            facts.set(key, Node::text(value));
        }
    }
    merge(facts, "jira_ticket", "advisory_ids", &patch.advisory_ids, |id| Node::int(*id));
    merge(facts, "release_date", "candidate_builds", &patch.candidate_builds, |build| Node::text(build));
}

fn merge<T>(facts: &mut Map, after: &str, key: &str, new: &IndexMap<String, T>, node: impl Fn(&T) -> Node) {
    if new.is_empty() {
        return;
    }
    let stored = facts.map_mut(after, key);
    for (name, value) in new {
        stored.set(name, node(value));
    }
}

/// Appends the decision, unless the last word on this build says the same.
fn decide(facts: &mut Map, which: Which, accept: bool, texts: [&str; 3], at: Timestamp) {
    let [build, reason, by] = texts.map(|text| Node::text(text::note(text)));
    let name = Node::text(which.name());
    let decisions = facts.list_mut("shipment_mr", "decisions");
    let last = decisions.iter().rev().filter_map(Node::as_map).find(|map| map.get("which") == Some(&name));
    let same = |map: &Map| {
        map.get("accept").is_some_and(Node::is_true) == accept
            && map.get("build") == Some(&build)
            && map.get("reason") == Some(&reason)
            && map.get("by") == Some(&by)
    };
    if last.is_some_and(same) {
        return;
    }
    decisions.push(Node::Map(Map::from([
        ("which", name),
        ("build", build),
        ("accept", Node::bool(accept)),
        ("reason", reason),
        ("by", by),
        ("at", Node::text(stamp(at))),
    ])));
}
