//! Requests to a person, and the answers: one private file each below `OAR_HOME/approvals`.
//!
//! A file, so that a link survives a restart and one server can show what another asked. An answer holds
//! for exactly the facts that were shown, once, for a day, and never comes from whoever asked.

mod files;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::approval::{Approval, Consent, How, LONGEST_REASON, Proposal, RequestState};
use crate::core::access::principal::{Principal, Scope};
use crate::core::clock::Clock;
use crate::core::lock::Lock;
use files::{Files, random_id};

/// How long a link works.
pub const VALID: SignedDuration = SignedDuration::from_hours(24);

/// How long a confirmation covers the later passes of what it confirmed: the final approval goes on for two
/// days after it began.
const COVERS: SignedDuration = SignedDuration::from_hours(72);

/// Answered and outdated requests stay so long: they are evidence.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum AnswerRefused {
    /// No such request.
    #[error("there is no such request")]
    Unknown,
    /// Its day is over.
    #[error("the request has expired; let the agent ask again")]
    Expired,
    /// Somebody was faster, or the facts changed.
    #[error("the request was answered or withdrawn already")]
    Answered,
    /// Whoever asks cannot answer.
    #[error("whoever asks cannot confirm it; a person with another credential has to")]
    Own,
    /// The credential may have been made for the answer.
    #[error("this credential is younger than the request, so it confirms nothing; take one that was there before")]
    Young,
    /// The scope is missing.
    #[error("this credential may not confirm anything; it needs the scope {}", Scope::Critical)]
    MayNot,
    /// An override needs a reason.
    #[error("this overrides a finding, so a reason is needed")]
    NeedsReason,
    /// The file cannot be read or written.
    #[error("the request cannot be stored on this machine")]
    Store(#[from] io::Error),
}

/// What a repeated call finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonsAnswer {
    /// A yes, now used.
    Yes(Consent),
    /// A no, now heard.
    No(Consent),
}

/// What happened to a request, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentNote<'a> {
    /// Who did it.
    pub who: &'a str,
    /// What: `asked`, `approved`, `rejected`, `refused`, `used`.
    pub what: &'static str,
    /// The tool it is about.
    pub tool: &'a str,
    /// What it would change.
    pub subject: &'a str,
    /// More, for people.
    pub text: String,
}

/// Hears of everything that is asked, answered and refused, before it counts: what cannot be noted does not count.
pub type NoteListener = Arc<dyn Fn(&ConsentNote<'_>) -> io::Result<()> + Send + Sync>;

/// All requests of this machine. Clones share them.
#[derive(Clone)]
pub struct ApprovalStore {
    files: Files,
    alone: Arc<Mutex<()>>,
    listener: Arc<OnceLock<NoteListener>>,
}

impl fmt::Debug for ApprovalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApprovalStore").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ApprovalStore {
    /// Requests below `home`.
    pub fn below(home: &Path) -> Self {
        Self { files: Files::below(home), alone: Arc::default(), listener: Arc::default() }
    }

    /// Lets `listener` hear of everything from now on; the first one stays.
    pub fn heard_by(&self, listener: NoteListener) {
        // A second one would hear what the first hears already.
        let _ = self.listener.set(listener);
    }

    /// Notes it in the audit log.
    ///
    /// # Errors
    ///
    /// The log cannot be written.
    pub fn note(&self, noted: &ConsentNote<'_>) -> io::Result<()> {
        let Some(listener) = self.listener.get() else {
            let ConsentNote { who, what, tool, subject, text } = noted;
            tracing::info!(who, what, tool, "confirmation of {subject}: {text}");
            return Ok(());
        };
        listener(noted)
    }

    /// Asks for `proposal`: the request that is open for it, or a new one. Requests of the same call about
    /// other facts are withdrawn.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn ask(&self, proposal: &Proposal, now: Timestamp) -> io::Result<Approval> {
        let _alone = self.alone()?;
        for mut old in self.files.all()? {
            if old.asked_at.saturating_add(KEPT).is_ok_and(|end| end < now) {
                self.files.remove(&old.id)?;
            } else if old.is_valid(now) && old.state == RequestState::Open && old.proposal == *proposal {
                return Ok(old);
            } else if old.is_about(proposal) && matches!(old.state, RequestState::Open | RequestState::Approved(_)) {
                old.state = RequestState::Outdated;
                self.files.write(&old)?;
            }
        }
        let approval = Approval {
            id: random_id()?,
            proposal: proposal.clone(),
            asked_at: now,
            opened_at: Some(Clock::System.now()),
            until: now.saturating_add(VALID).unwrap_or(now),
            state: RequestState::Open,
        };
        self.note(&ConsentNote::of(proposal, &proposal.requester, "asked", "on the approval page".to_owned()))?;
        self.files.write(&approval)?;
        Ok(approval)
    }

    /// The request of an id.
    pub fn get(&self, id: &str) -> Option<Approval> {
        self.files.get(id)
    }

    /// `who` answers the request `id`.
    ///
    /// # Errors
    ///
    /// The answer does not count; it is noted.
    pub fn answer(
        &self,
        id: &str,
        who: &Principal,
        approve: bool,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<Approval, AnswerRefused> {
        let _alone = self.alone()?;
        let mut approval = self.get(id).ok_or(AnswerRefused::Unknown)?;
        let reason = reason.map(|reason| reason.trim().chars().take(LONGEST_REASON).collect::<String>());
        let reason = reason.filter(|reason| !reason.is_empty());
        let refused = if who.name == approval.proposal.requester {
            Some(AnswerRefused::Own)
        } else if who.since.is_some_and(|since| since >= approval.opened_at.unwrap_or(approval.asked_at)) {
            Some(AnswerRefused::Young)
        } else if !who.may(Scope::Critical) {
            Some(AnswerRefused::MayNot)
        } else if approval.state != RequestState::Open {
            Some(AnswerRefused::Answered)
        } else if !approval.is_valid(now) {
            Some(AnswerRefused::Expired)
        } else if approve && approval.proposal.needs_reason && reason.is_none() {
            Some(AnswerRefused::NeedsReason)
        } else {
            None
        };
        if let Some(refused) = refused {
            // It is refused, noted or not.
            let _ = self.note(&ConsentNote::of(&approval.proposal, &who.name, "refused", refused.to_string()));
            return Err(refused);
        }
        let consent = Consent { who: who.name.clone(), how: How::Page, at: now, reason };
        let text = consent.reason.clone().unwrap_or_default();
        approval.state = if approve { RequestState::Approved(consent) } else { RequestState::Rejected(consent) };
        let what = if approve { "approved" } else { "rejected" };
        self.note(&ConsentNote::of(&approval.proposal, &who.name, what, text))?;
        self.files.write(&approval)?;
        Ok(approval)
    }

    /// The answer to exactly `proposal`, which is used up by this.
    ///
    /// # Errors
    ///
    /// The file cannot be written: then nothing may be done.
    pub fn take(&self, proposal: &Proposal, now: Timestamp) -> io::Result<Option<PersonsAnswer>> {
        let _alone = self.alone()?;
        for mut approval in self.files.all()? {
            if !approval.is_valid(now) || approval.proposal != *proposal {
                continue;
            }
            let (state, found, what) = match approval.state.clone() {
                RequestState::Approved(yes) => (RequestState::Used(yes.clone()), PersonsAnswer::Yes(yes), "used"),
                RequestState::Rejected(no) => {
                    (RequestState::RejectionSeen(no.clone()), PersonsAnswer::No(no), "refused")
                }
                RequestState::Open
                | RequestState::Used(_)
                | RequestState::RejectionSeen(_)
                | RequestState::Outdated => continue,
            };
            approval.state = state;
            let text = format!("request of {}", approval.asked_at);
            self.note(&ConsentNote::of(proposal, &proposal.requester, what, text))?;
            self.files.write(&approval)?;
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// Keeps a confirmation that came another way: it may cover later calls.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn keep(&self, proposal: &Proposal, consent: &Consent) -> io::Result<()> {
        let _alone = self.alone()?;
        let state = RequestState::Used(consent.clone());
        let (asked_at, until) = (consent.at, consent.at);
        self.note(&ConsentNote::of(proposal, &consent.who, "approved", consent.reason.clone().unwrap_or_default()))?;
        self.files.write(&Approval {
            id: random_id()?,
            proposal: proposal.clone(),
            asked_at,
            opened_at: None,
            until,
            state,
        })
    }

    /// Requests of `requester` about `subject` that nobody answered yet.
    pub fn open_of(&self, requester: &str, subject: &str, now: Timestamp) -> Vec<Approval> {
        let all = self.files.all().unwrap_or_default().into_iter();
        let open = all.filter(|one| one.state == RequestState::Open && one.is_valid(now));
        open.filter(|one| one.proposal.requester == requester && one.proposal.subject == subject).collect()
    }

    /// A confirmation that was used and covers `proposal`, too: that of an earlier pass of the same, whoever asked.
    pub fn covering(&self, proposal: &Proposal, now: Timestamp) -> Option<Consent> {
        let covers = proposal.covers.as_ref()?;
        let recent = |consent: &Consent| consent.at.saturating_add(COVERS).is_ok_and(|end| end > now);
        self.used(proposal).find(|(old, consent)| old.covers.as_ref() == Some(covers) && recent(consent)).map(|it| it.1)
    }

    /// A confirmation of the same tool for the same release, whenever it was.
    pub fn earlier(&self, proposal: &Proposal) -> Option<Consent> {
        self.used(proposal).map(|(_, consent)| consent).next()
    }

    fn used(&self, proposal: &Proposal) -> impl Iterator<Item = (Proposal, Consent)> {
        let (tool, subject) = (proposal.tool.clone(), proposal.subject.clone());
        let all = self.files.all().unwrap_or_default().into_iter();
        all.filter(move |old| old.proposal.tool == tool && old.proposal.subject == subject).filter_map(|old| match old
            .state
        {
            RequestState::Used(consent) => Some((old.proposal, consent)),
            RequestState::Open
            | RequestState::Approved(_)
            | RequestState::Rejected(_)
            | RequestState::RejectionSeen(_)
            | RequestState::Outdated => None,
        })
    }

    fn alone(&self) -> io::Result<(std::sync::MutexGuard<'_, ()>, Lock)> {
        let here = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = || io::Error::new(io::ErrorKind::WouldBlock, "another process answers right now; try again");
        Ok((here, self.files.lock()?.ok_or_else(busy)?))
    }
}

impl<'a> ConsentNote<'a> {
    /// A note about `proposal`.
    pub fn of(proposal: &'a Proposal, who: &'a str, what: &'static str, text: String) -> Self {
        Self { who, what, tool: &proposal.tool, subject: &proposal.subject, text }
    }
}

#[cfg(test)]
mod tests;
