//! The question as a form in the client, and what its answer says.

use std::collections::BTreeMap;

use rmcp::model::{ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema};
use serde_json::{Value, json};

use crate::runs::approval::{LONGEST_REASON, Proposal};

/// The question of `proposal`.
pub fn request(proposal: &Proposal) -> ElicitRequest {
    ElicitRequest::new(params(proposal))
}

/// The same without its envelope.
pub fn params(proposal: &Proposal) -> ElicitRequestParams {
    let message = format!("{} wants to run {}:\n{}", proposal.requester, proposal.tool, proposal.plan);
    ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema: schema(proposal) }
}

fn schema(proposal: &Proposal) -> ElicitationSchema {
    let mut schema = json!({
        "type": "object",
        "properties": {
            "decision": {
                "type": "string", "title": "Decision", "enum": ["approve", "reject"],
            },
            "release": {
                "type": "string", "title": "Release",
                "description": format!("Retype {} to approve", proposal.subject),
            },
            "reason": {
                "type": "string", "title": "Reason", "maxLength": LONGEST_REASON,
                "description": "Why; stored with the decision",
            },
        },
        "required": ["decision", "release"],
    });
    if proposal.needs_reason {
        schema["required"] = json!(["decision", "release", "reason"]);
    }
    // A schema that is written down here can be read; the empty one asks nothing and so confirms nothing.
    let Value::Object(fields) = schema else { return ElicitationSchema::new(BTreeMap::new()) };
    ElicitationSchema::from_json_schema(fields).unwrap_or_else(|_| ElicitationSchema::new(BTreeMap::new()))
}

/// What a person said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormAnswer {
    accepted: bool,
    decision: String,
    release: String,
    reason: String,
}

impl From<&ElicitResult> for FormAnswer {
    fn from(answer: &ElicitResult) -> Self {
        let field = |name: &str| {
            let text = answer.content.as_ref().and_then(|content| content.get(name)?.as_str());
            text.unwrap_or_default().trim().chars().take(LONGEST_REASON).collect()
        };
        Self {
            accepted: answer.action == ElicitationAction::Accept,
            decision: field("decision"),
            release: field("release"),
            reason: field("reason"),
        }
    }
}

/// Why an answer is no yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConfirmed {
    /// Nobody answered: clients without a person behind them decline every question.
    Unanswered(&'static str),
    /// Somebody answered, and this is no yes.
    No(String),
}

impl FormAnswer {
    /// The reason of a yes.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn judged(self, proposal: &Proposal) -> Result<Option<String>, NotConfirmed> {
        if !self.accepted {
            return Err(NotConfirmed::Unanswered("the question was declined or closed"));
        }
        let no = |why: String| Err(NotConfirmed::No(why));
        if self.decision != "approve" {
            return no(match self.reason.is_empty() {
                true => "the answer was no".to_owned(),
                false => format!("the answer was no: {}", self.reason),
            });
        }
        if self.release != proposal.subject {
            return no(format!("the answer names another release than {}", proposal.subject));
        }
        if proposal.needs_reason && self.reason.is_empty() {
            return no("an override needs a reason, and none was given".to_owned());
        }
        Ok(Some(self.reason).filter(|reason| !reason.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(needs_reason: bool) -> Proposal {
        Proposal {
            tool: "oar_update_task_status".into(),
            subject: "4.20.17".into(),
            arguments: "a".into(),
            facts: "f".into(),
            covers: None,
            plan: "p".into(),
            needs_reason,
            requester: "agent".into(),
        }
    }

    fn judged(action: ElicitationAction, content: Value, needs_reason: bool) -> String {
        let answer = FormAnswer::from(&ElicitResult::new(action).with_content(content));
        match answer.judged(&proposal(needs_reason)) {
            Ok(reason) => format!("yes {}", reason.unwrap_or_default()),
            Err(NotConfirmed::Unanswered(why)) => why.to_owned(),
            Err(NotConfirmed::No(why)) => why,
        }
    }

    #[test]
    fn only_a_whole_yes_is_a_yes() {
        let yes = json!({ "decision": "approve", "release": "4.20.17", "reason": "flake" });
        let accept = |content: Value, needs| judged(ElicitationAction::Accept, content, needs);
        assert_eq!(accept(yes.clone(), true), "yes flake");
        assert_eq!(accept(json!({ "decision": "approve", "release": "4.20.17" }), false), "yes ");
        assert!(accept(json!({ "decision": "approve", "release": "4.20.17" }), true).contains("needs a reason"));
        assert!(accept(json!({ "decision": "approve", "release": "4.20.16" }), false).contains("another release"));
        assert!(
            accept(json!({ "decision": "reject", "release": "4.20.17", "reason": "no" }), false).contains("was no")
        );
        assert_eq!(accept(json!({}), false), "the answer was no");
        assert_eq!(accept(json!({ "decision": true, "release": 4 }), false), "the answer was no");
        assert!(judged(ElicitationAction::Decline, yes.clone(), false).contains("declined"));
        assert!(judged(ElicitationAction::Cancel, yes, false).contains("declined"));
    }

    #[test]
    fn the_form_asks_for_decision_release_and_the_reason_of_an_override() {
        let shown = serde_json::to_value(params(&proposal(true))).unwrap();
        assert_eq!(shown["requestedSchema"]["required"], json!(["decision", "release", "reason"]));
        assert_eq!(shown["requestedSchema"]["properties"]["decision"]["enum"], json!(["approve", "reject"]));
        assert_eq!(shown["message"], "agent wants to run oar_update_task_status:\np");
    }
}
