//! The state without what its writers should not have written.

use super::document::{Map, Node, ScalarKind};
use super::view::State;
use crate::domain::mask::Masker;

impl State {
    /// The same state with every result, issue and resolution masked, whoever wrote it: the file is public, and
    /// people and programs of old write into it what they see.
    #[must_use]
    pub fn masked(mut self, masker: &Masker) -> Self {
        mask_all(&mut self.document, "tasks", &["result"], masker);
        mask_all(&mut self.document, "issues", &["issue", "resolution"], masker);
        self
    }
}

fn mask_all(document: &mut Map, list: &str, keys: &[&str], masker: &Masker) {
    let Some(Node::List(entries)) = document.get_mut(list) else { return };
    for entry in entries {
        let Node::Map(entry) = entry else { continue };
        for key in keys {
            let Some(Node::Scalar(scalar)) = entry.get_mut(key) else { continue };
            if scalar.kind == ScalarKind::Text {
                let masked = masker.mask(&scalar.source);
                if masked != scalar.source {
                    scalar.source = masked;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_masked_and_everything_else_stays() {
        let text = "schema_version: '1.0'
release: 4.20.17
created_at: '2026-06-03T06:00:00Z'
updated_at: '2026-06-03T06:00:00Z'
metadata:
  jira_ticket: ART-1
  advisory_ids: {}
  release_date: null
  candidate_builds: {}
  shipment_mr: null
tasks:
- name: stage-testing
  status: Not Started
  result: |-
    someone@example.com looked
    and saw nothing
issues:
- issue: someone@example.com found it
  reported_at: '2026-06-03T06:00:00Z'
  blocker: true
  resolved: true
  resolution: someone@example.com solved it
";
        let state = State::parse(text, None).unwrap();
        let masked = state.clone().masked(&Masker::default());
        let wanted = text
            .replace("someone@example.com looked", "[EMAIL_REDACTED] looked")
            .replace("someone@example.com found it", "'[EMAIL_REDACTED] found it'")
            .replace("someone@example.com solved it", "'[EMAIL_REDACTED] solved it'");
        let wanted = State::parse(&wanted, None).unwrap();
        assert_eq!(masked, wanted);
        assert_eq!(masked.issues()[0].id, state.issues()[0].id, "people know the issue by it");
        assert_eq!(masked.clone().masked(&Masker::default()), masked);
    }
}
