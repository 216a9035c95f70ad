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
use serde::{Deserialize, Serialize};

use crate::core::access::principal::{Principal, Scope};
use crate::core::lock::Lock;
use files::{Files, random_id};

/// How long a link works.
pub const VALID: SignedDuration = SignedDuration::from_hours(24);

/// How long a confirmation covers the later passes of what it confirmed: the final approval goes on for two
/// days after it began.
const COVERS: SignedDuration = SignedDuration::from_hours(72);

/// Answered and outdated requests stay so long: they are evidence.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Characters of a reason.
pub const LONGEST_REASON: usize = 1000;

/// What somebody wants to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The tool.
    pub tool: String,
    /// The release, or what else it changes.
    pub queue: String,
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
pub struct Evidence {
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
pub enum Standing {
    /// Nobody answered.
    Open,
    /// Yes; not used yet.
    Approved(Evidence),
    /// No.
    Rejected(Evidence),
    /// Yes, and done.
    Used(Evidence),
    /// No, and the requester knows; files spell it in the old way.
    #[serde(rename = "told")]
    ErrorReport(Evidence),
    /// The facts changed before the answer was used.
    Outdated,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Unguessable: whoever knows it may read the plan.
    pub id: String,
    /// What is wanted.
    pub wanted: Wanted,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it can be answered and used.
    pub until: Timestamp,
    /// Where it stands.
    pub standing: Standing,
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
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
pub enum Found {
    /// A yes, now used.
    Yes(Evidence),
    /// A no, now reported.
    No(Evidence),
}

/// What the audit log is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted<'a> {
    /// Who did it.
    pub who: &'a str,
    /// What: `asked`, `approved`, `rejected`, `refused`, `used`.
    pub what: &'static str,
    /// The tool it is about.
    pub tool: &'a str,
    /// The release it is about.
    pub queue: &'a str,
    /// More, in words.
    pub text: String,
}

/// Hears of everything that is asked, answered and refused.
pub type Witness = Arc<dyn Fn(&Noted<'_>) + Send + Sync>;

/// All requests of this machine. Clones share them.
#[derive(Clone)]
pub struct Approvals {
    files: Files,
    alone: Arc<Mutex<()>>,
    witness: Arc<OnceLock<Witness>>,
}

impl fmt::Debug for Approvals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approvals").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Approvals {
    /// Requests below `home`.
    pub fn below(home: &Path) -> Self {
        Self { files: Files::below(home), alone: Arc::default(), witness: Arc::default() }
    }

    /// Tells `witness` from now on; the first one stays.
    pub fn witnessed_by(&self, witness: Witness) {
        // A second one would hear what the first hears already.
        let _ = self.witness.set(witness);
    }

    /// Tells the audit log.
    pub fn note(&self, noted: &Noted<'_>) {
        match self.witness.get() {
            Some(witness) => witness(noted),
            None => tracing::info!(
                who = noted.who,
                what = noted.what,
                tool = noted.tool,
                "confirmation of {}: {}",
                noted.queue,
                noted.text
            ),
        }
    }

    /// Asks for `wanted`: the request that is open for it, or a new one. Requests of the same call about
    /// other facts are withdrawn.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn ask(&self, wanted: &Wanted, now: Timestamp) -> io::Result<Approval> {
        let _alone = self.alone()?;
        for mut old in self.files.all()? {
            if old.asked_at.saturating_add(KEPT).is_ok_and(|end| end < now) {
                self.files.remove(&old.id)?;
            } else if old.is_valid(now) && old.standing == Standing::Open && old.wanted == *wanted {
                return Ok(old);
            } else if old.is_about(wanted) && matches!(old.standing, Standing::Open | Standing::Approved(_)) {
                old.standing = Standing::Outdated;
                self.files.write(&old)?;
            }
        }
        let approval = Approval {
            id: random_id()?,
            wanted: wanted.clone(),
            asked_at: now,
            until: now.saturating_add(VALID).unwrap_or(now),
            standing: Standing::Open,
        };
        self.files.write(&approval)?;
        self.note(&Noted::of(wanted, &wanted.requester, "asked", "on the approval page".to_owned()));
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
    ) -> Result<Approval, Refused> {
        let _alone = self.alone()?;
        let mut approval = self.get(id).ok_or(Refused::Unknown)?;
        let reason = reason.map(|reason| reason.trim().chars().take(LONGEST_REASON).collect::<String>());
        let reason = reason.filter(|reason| !reason.is_empty());
        let refused = if who.name == approval.wanted.requester {
            Some(Refused::Own)
        } else if !who.may(Scope::Critical) {
            Some(Refused::MayNot)
        } else if approval.standing != Standing::Open {
            Some(Refused::Answered)
        } else if !approval.is_valid(now) {
            Some(Refused::Expired)
        } else if approve && approval.wanted.needs_reason && reason.is_none() {
            Some(Refused::NeedsReason)
        } else {
            None
        };
        if let Some(refused) = refused {
            self.note(&Noted::of(&approval.wanted, &who.name, "refused", refused.to_string()));
            return Err(refused);
        }
        let evidence = Evidence { who: who.name.clone(), how: How::Page, at: now, reason };
        let text = evidence.reason.clone().unwrap_or_default();
        approval.standing = if approve { Standing::Approved(evidence) } else { Standing::Rejected(evidence) };
        self.files.write(&approval)?;
        let what = if approve { "approved" } else { "rejected" };
        self.note(&Noted::of(&approval.wanted, &who.name, what, text));
        Ok(approval)
    }

    /// The answer to exactly `wanted`, which is used up by this.
    ///
    /// # Errors
    ///
    /// The file cannot be written: then nothing may be done.
    pub fn take(&self, wanted: &Wanted, now: Timestamp) -> io::Result<Option<Found>> {
        let _alone = self.alone()?;
        for mut approval in self.files.all()? {
            if !approval.is_valid(now) || approval.wanted != *wanted {
                continue;
            }
            let (standing, found, what) = match approval.standing.clone() {
                Standing::Approved(yes) => (Standing::Used(yes.clone()), Found::Yes(yes), "used"),
                Standing::Rejected(no) => (Standing::ErrorReport(no.clone()), Found::No(no), "refused"),
                Standing::Open | Standing::Used(_) | Standing::ErrorReport(_) | Standing::Outdated => continue,
            };
            approval.standing = standing;
            self.files.write(&approval)?;
            let text = format!("request of {}", approval.asked_at);
            self.note(&Noted::of(wanted, &wanted.requester, what, text));
            return Ok(Some(found));
        }
        Ok(None)
    }

    /// Keeps a confirmation that came another way: it may cover later calls.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn keep(&self, wanted: &Wanted, evidence: &Evidence) -> io::Result<()> {
        let _alone = self.alone()?;
        let standing = Standing::Used(evidence.clone());
        let (asked_at, until) = (evidence.at, evidence.at);
        self.files.write(&Approval { id: random_id()?, wanted: wanted.clone(), asked_at, until, standing })?;
        self.note(&Noted::of(wanted, &evidence.who, "approved", evidence.reason.clone().unwrap_or_default()));
        Ok(())
    }

    /// A confirmation that was used and covers `wanted`, too: that of an earlier pass of the same, whoever asked.
    pub fn covering(&self, wanted: &Wanted, now: Timestamp) -> Option<Evidence> {
        let covers = wanted.covers.as_ref()?;
        let recent = |evidence: &Evidence| evidence.at.saturating_add(COVERS).is_ok_and(|end| end > now);
        self.used(wanted).find(|(old, evidence)| old.covers.as_ref() == Some(covers) && recent(evidence)).map(|it| it.1)
    }

    /// A confirmation of the same tool for the same release, whenever it was.
    pub fn earlier(&self, wanted: &Wanted) -> Option<Evidence> {
        self.used(wanted).map(|(_, evidence)| evidence).next()
    }

    fn used(&self, wanted: &Wanted) -> impl Iterator<Item = (Wanted, Evidence)> {
        let (tool, queue) = (wanted.tool.clone(), wanted.queue.clone());
        let all = self.files.all().unwrap_or_default().into_iter();
        all.filter(move |old| old.wanted.tool == tool && old.wanted.queue == queue).filter_map(|old| {
            match old.standing {
                Standing::Used(evidence) => Some((old.wanted, evidence)),
                Standing::Open
                | Standing::Approved(_)
                | Standing::Rejected(_)
                | Standing::ErrorReport(_)
                | Standing::Outdated => None,
            }
        })
    }

    fn alone(&self) -> io::Result<(std::sync::MutexGuard<'_, ()>, Lock)> {
        let here = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = || io::Error::new(io::ErrorKind::WouldBlock, "another process answers right now; try again");
        Ok((here, self.files.lock()?.ok_or_else(busy)?))
    }
}

impl Approval {
    fn is_valid(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Is it the same call, whatever the facts?
    fn is_about(&self, wanted: &Wanted) -> bool {
        let one = |wanted: &Wanted| (wanted.requester.clone(), wanted.tool.clone(), wanted.arguments.clone());
        one(&self.wanted) == one(wanted)
    }
}

impl<'a> Noted<'a> {
    /// A note about `wanted`.
    pub fn of(wanted: &'a Wanted, who: &'a str, what: &'static str, text: String) -> Self {
        Self { who, what, tool: &wanted.tool, queue: &wanted.queue, text }
    }
}

#[cfg(test)]
mod tests;
