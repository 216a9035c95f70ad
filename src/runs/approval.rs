//! What a person is asked, and what they answered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Characters of a reason.
pub const LONGEST_REASON: usize = 1000;

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The tool.
    pub tool: String,
    /// The release, or what else it changes.
    #[serde(rename = "queue")]
    pub subject: String,
    /// Digest of its arguments.
    pub arguments: String,
    /// Digest of the facts in the plan.
    pub facts: String,
    /// What an answer covers beyond this one call.
    pub covers: Option<String>,
    /// What would be done, one fact a line.
    pub plan: String,
    /// Has the person to say why?
    pub needs_reason: bool,
    /// Who asks.
    pub requester: String,
}

/// A person's answer, as answers, logs and records carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Who confirmed.
    pub who: String,
    /// By which way.
    pub how: How,
    /// When.
    pub at: Timestamp,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// By which way a person was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// On the approval page.
    Page,
    /// In the requester's client.
    Elicitation,
    /// Nobody was asked: the requester may act without.
    Unattended,
}

/// Where a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody answered.
    Open,
    /// Yes; not used yet.
    Approved(Consent),
    /// No.
    Rejected(Consent),
    /// Yes, and done.
    Used(Consent),
    /// No, and the requester knows; files spell it in the old way.
    #[serde(rename = "told")]
    RejectionSeen(Consent),
    /// The facts changed before the answer was used.
    Outdated,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Unguessable: whoever knows it may read the plan.
    pub id: String,
    /// What is proposed.
    #[serde(rename = "wanted")]
    pub proposal: Proposal,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The same by the clock of this machine, which a rehearsal does not move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// Until when it can be answered and used.
    pub until: Timestamp,
    /// Where it stands.
    #[serde(rename = "standing")]
    pub state: RequestState,
}

impl Approval {
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Is it the same call, whatever the facts?
    pub(super) fn is_about(&self, proposal: &Proposal) -> bool {
        let one = |proposal: &Proposal| (proposal.requester.clone(), proposal.tool.clone(), proposal.arguments.clone());
        one(&self.proposal) == one(proposal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_version_is_read_and_written_back_as_it_was() {
        let proposal = r#""wanted":{"tool":"oar_drop_bugs","queue":"4.20.17","arguments":"a","facts":"f","covers":null,"plan":"p","needs_reason":false,"requester":"agent"},"asked_at":"2026-06-09T00:00:00Z","until":"2026-06-10T00:00:00Z""#;
        let consent = r#"{"who":"lead","how":"page","at":"2026-06-09T01:00:00Z","reason":"no"}"#;
        for state in ["approved", "rejected", "used", "told"] {
            let text = format!(r#"{{"id":"0",{proposal},"standing":{{"{state}":{consent}}}}}"#);
            let approval: Approval = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&approval).unwrap(), text);
        }
        for state in ["open", "outdated"] {
            let text = format!(r#"{{"id":"0",{proposal},"standing":"{state}"}}"#);
            let approval: Approval = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&approval).unwrap(), text);
        }
    }
}
