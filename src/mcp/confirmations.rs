//! Questions to people that are under way: the requests of the approval page, and the states that clients carry
//! from a question to the call that they repeat with its answer.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::runs::approval::{Approval, Proposal};
use crate::runs::approval_store::ApprovalStore;

/// A question in a client waits so long for its answer.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// Confirmations of this process.
pub struct Confirmations {
    /// Requests on the approval page.
    pub approvals: ApprovalStore,
    key: [u8; 32],
    spent: Mutex<HashMap<String, Timestamp>>,
    site: OnceLock<String>,
}

impl std::fmt::Debug for Confirmations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Confirmations").field("approvals", &self.approvals).finish_non_exhaustive()
    }
}

/// What a client carries from the question to its repeated call.
#[derive(Debug, Serialize, Deserialize)]
struct Carried {
    principal: String,
    tool: String,
    arguments: String,
    facts: String,
    nonce: String,
    until: Timestamp,
}

impl Confirmations {
    /// Confirmations on `approvals`, with a key that nobody else has.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn new(approvals: ApprovalStore, site: Option<String>) -> std::io::Result<Self> {
        let mut key = [0_u8; 32];
        openssl::rand::rand_bytes(&mut key)?;
        let known = OnceLock::new();
        if let Some(site) = site {
            // Just made, so it is not set.
            let _ = known.set(site.trim_end_matches('/').to_owned());
        }
        Ok(Self { approvals, key, spent: Mutex::default(), site: known })
    }

    /// Where the approval page is, once that is known.
    pub fn site(&self) -> Option<&str> {
        self.site.get().map(String::as_str)
    }

    /// The address of a request on it, or where that is found.
    pub fn link(&self, approval: &Approval) -> String {
        let path = format!("/approvals/{}", approval.id);
        match self.site() {
            Some(site) => format!("{site}{path}"),
            None => format!("{path} on the address that oar mcp serve prints when it serves HTTP on this machine"),
        }
    }

    /// Sets where the approval page is; an address from the settings stays.
    pub fn shown_at(&self, site: &str) {
        // The settings know the name that people use.
        let _ = self.site.set(site.to_owned());
    }

    /// The sealed state with which a client comes back; nothing when the system gives no random numbers.
    pub fn carry(&self, proposal: &Proposal, now: Timestamp) -> Option<String> {
        let mut nonce = [0_u8; 16];
        openssl::rand::rand_bytes(&mut nonce).ok()?;
        let carried = Carried {
            principal: proposal.requester.clone(),
            tool: proposal.tool.clone(),
            arguments: proposal.arguments.clone(),
            facts: proposal.facts.clone(),
            nonce: hex::encode(nonce),
            until: now.saturating_add(PATIENCE).unwrap_or(now),
        };
        let text = serde_json::to_vec(&carried).ok()?;
        let mac = self.mac(&text)?.finalize().into_bytes();
        Some(format!("{}.{}", BASE64.encode(&text), BASE64.encode(mac)))
    }

    fn mac(&self, text: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(text);
        Some(mac)
    }

    /// What we gave away ourselves.
    fn unsealed(&self, state: &str) -> Option<Carried> {
        let (text, seal) = state.split_once('.')?;
        let (text, seal) = (BASE64.decode(text).ok()?, BASE64.decode(seal).ok()?);
        // The comparison of the crate reveals nothing by its time.
        self.mac(&text)?.verify_slice(&seal).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Checks what came back; a good one is good once.
    ///
    /// # Errors
    ///
    /// Why it does not count.
    pub fn opened(&self, state: &str, proposal: &Proposal, now: Timestamp) -> Result<(), &'static str> {
        let carried = self.unsealed(state).ok_or("the request state is not ours")?;
        if carried.until <= now {
            return Err("the question has expired");
        }
        if carried.principal != proposal.requester {
            return Err("the question was asked of somebody else");
        }
        if carried.tool != proposal.tool || carried.arguments != proposal.arguments {
            return Err("the question was about another call");
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|_, until| *until > now);
        if spent.insert(carried.nonce, carried.until).is_some() {
            return Err("the answer was used already");
        }
        if carried.facts != proposal.facts {
            return Err("the facts changed since the question was asked");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        "2026-06-09T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
    }

    fn proposal(facts: &str) -> Proposal {
        Proposal {
            tool: "oar_change_advisory_status".into(),
            subject: "4.20.17".into(),
            arguments: "a".into(),
            facts: facts.into(),
            covers: None,
            plan: "p".into(),
            needs_reason: false,
            requester: "agent".into(),
        }
    }

    fn confirmations() -> (tempfile::TempDir, Confirmations) {
        let home = tempfile::tempdir().unwrap();
        let confirm = Confirmations::new(ApprovalStore::below(home.path()), None).unwrap();
        (home, confirm)
    }

    #[test]
    fn a_carried_question_is_good_once_for_its_caller_its_call_and_its_facts() {
        let (_home, confirm) = confirmations();
        let state = |minute| confirm.carry(&proposal("f"), at(minute)).unwrap();
        let opened = |state: &str, proposal: &Proposal, minute| confirm.opened(state, proposal, at(minute));
        let good = state(0);
        assert_eq!(opened(&good, &proposal("f"), 9), Ok(()));
        assert_eq!(opened(&good, &proposal("f"), 9), Err("the answer was used already"));
        assert_eq!(opened(&state(0), &proposal("f"), 10), Err("the question has expired"));
        let other = Proposal { requester: "other".into(), ..proposal("f") };
        assert_eq!(opened(&state(0), &other, 1), Err("the question was asked of somebody else"));
        let other = Proposal { arguments: "b".into(), ..proposal("f") };
        assert_eq!(opened(&state(0), &other, 1), Err("the question was about another call"));
        let changed = "the facts changed since the question was asked";
        assert_eq!(opened(&state(0), &proposal("g"), 1), Err(changed));
        let (_elsewhere, stranger) = confirmations();
        let forged = stranger.carry(&proposal("f"), at(0)).unwrap();
        assert_eq!(opened(&forged, &proposal("f"), 1), Err("the request state is not ours"));
        assert_eq!(opened("", &proposal("f"), 1), Err("the request state is not ours"));
    }
}
