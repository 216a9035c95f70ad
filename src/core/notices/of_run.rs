//! What is worth a message after a run: typed facts in, posts out.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::escape::{foreign, link};
use super::post::{Mention, Post, Thread, bold};
use crate::core::config::services::Services;
use crate::domain::ids::{AdvisoryId, JiraKey};
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::service::Service;
use crate::domain::state::view::State;
use crate::domain::task::{JobRef, Task, TaskStatus};
use crate::domain::verdict::FailReason;

/// Something that a run did or found and that people are informed of, beside its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A job was started, by this run or by one that died before it could say so.
    JobStarted {
        /// Which start it was: what the effect is called.
        start: String,
        /// The job.
        job: JobRef,
    },
    /// The release has an owner, or another one.
    NewOwner {
        /// Account on GitLab: what the merge request shows, too.
        username: String,
        /// Mail address, to call the person; it is neither stored nor shown.
        email: String,
        /// Every advisory that build data names now, with what it is for.
        advisories: Vec<(String, AdvisoryId)>,
        /// The shipment that build data names now.
        shipment_mr: Option<String>,
    },
    /// Advisories that nobody can work on, because they are still being filled.
    AbnormalAdvisories(Vec<AdvisoryId>),
    /// CVE trackers that are attached nowhere and were not announced before.
    MissedTrackers(BTreeSet<JiraKey>),
    /// Alerts that hold back the final approval.
    BlockingAlerts {
        advisory: AdvisoryId,
        /// Each with its name and how it is resolved.
        alerts: Vec<String>,
    },
}

/// A run that ended, as far as messages tell of it.
#[derive(Debug)]
pub struct EndedRun<'a> {
    pub release: &'a ZStream,
    pub task: Task,
    /// The state as it was when the run began.
    pub state: &'a State,
    /// How it ended.
    pub end: End<'a>,
    pub log: String,
    /// Where pages of services are.
    pub services: &'a Services,
}

/// How a run ended.
#[derive(Debug)]
pub enum End<'a> {
    /// With an outcome.
    Outcome(&'a Outcome),
    /// It broke off and is over.
    BrokeOff {
        /// Why, with all causes.
        why: String,
        /// What to do about it.
        next: String,
    },
    /// It broke off; the next run goes on where this one stopped.
    Interrupted,
}

/// The messages about a run.
pub fn posts(run: &EndedRun<'_>, notices: &[Notice]) -> Vec<Post> {
    notices.iter().map(|notice| of_notice(run, notice)).chain(approval(run)).collect()
}

fn of_notice(run: &EndedRun<'_>, notice: &Notice) -> Post {
    let release = bold(run.release);
    match notice {
        Notice::JobStarted { start, job: started } => {
            let name = run.task.job().map_or("a job", |(_, name)| name);
            // The end of the run knows more about the page than its start did.
            let job = if let End::Outcome(Outcome::Waiting { job: Some(job), .. }) = run.end { job } else { started };
            let page = job.url.as_deref().map_or_else(|| "its page does not exist yet".to_owned(), foreign);
            Post::lead(format!("job/{start}"), format!("{release} {name} was started: {page}"))
        }
        Notice::NewOwner { username, email, advisories, shipment_mr } => {
            let each = advisories.iter().map(|(impetus, id)| advisory_link(run, *id, &format!("{impetus} {id}")));
            let each: Vec<_> = each.collect();
            let mr = shipment_mr.as_ref().map(|url| format!("\n{}", foreign(url))).unwrap_or_default();
            let text = format!("{release} has a release lead. Advisories: {}{mr}", each.join(", "));
            Post { owner: Some(email.clone()), ..Post::lead(ownership_key(run, username), text) }
        }
        Notice::AbnormalAdvisories(ids) => {
            let links: Vec<_> = ids.iter().map(|id| advisory_link(run, *id, &id.to_string())).collect();
            let text = format!(
                "{release} Advisories are still NEW_FILES instead of QE: {}\nPlease help: QE cannot work on them in \
                 this state.",
                links.join(", ")
            );
            Post {
                mention: Mention::Team,
                team: "art".to_owned(),
                ..Post::lead(format!("abnormal/{}", digest(&links)), text)
            }
        }
        Notice::MissedTrackers(keys) => {
            let base = run.services.link_base(Service::Jira);
            let links: Vec<_> = keys.iter().map(|key| link(&format!("{base}/browse/{key}"), key.as_str())).collect();
            let text = format!(
                "{release} {} CVE trackers are attached to no advisory and no shipment: {}\nPlease attach them, or \
                 tell QE why they do not belong to the release.",
                keys.len(),
                links.join(", ")
            );
            let key = format!("cve-trackers/{}", digest(keys.iter().map(JiraKey::as_str)));
            Post { mention: Mention::Team, team: "art".to_owned(), ..Post::lead(key, text) }
        }
        Notice::BlockingAlerts { advisory, alerts } => {
            let each: String = alerts.iter().map(|alert| format!("\n• {}", foreign(alert))).collect();
            let page = advisory_link(run, *advisory, &advisory.to_string());
            let text = format!(
                "{release} RHCOS advisory {page} has blocking security alerts; they hold back the final approval:{each}\
                 \nPlease mail product security with the advisory and these details."
            );
            Post::lead(format!("alerts/{advisory}/{}", digest(alerts)), text)
        }
    }
}

/// The end of the final approval, good or bad: the channel gets the summary, the thread the log.
fn approval(run: &EndedRun<'_>) -> Option<Post> {
    if run.task != Task::ChangeAdvisoryStatus {
        return None;
    }
    let (release, retry) = (bold(run.release), format!("oar -r {} drive --retry {}", run.release, run.task));
    let (key, text) = match &run.end {
        End::Outcome(Outcome::Passed { summary }) => {
            ("approved".to_owned(), format!("is approved: {}", foreign(summary)))
        }
        End::Outcome(Outcome::Failed { reason: reason @ FailReason::PageDeadline { deadline, .. } }) => (
            format!("approval-timeout/{deadline}"),
            format!(
                "is not approved in time: {}\n• look at stage prod-release-triggers of the merge request, ask ART\n• \
                 then: {retry}",
                foreign(&reason.to_string())
            ),
        ),
        End::Outcome(Outcome::Failed { reason }) => (
            format!("approval-failed/{}", attempt(run)),
            format!("is not approved: {}\n• solve it, then: {retry}", foreign(&reason.to_string())),
        ),
        End::Outcome(Outcome::Waiting { .. } | Outcome::Blocked { .. } | Outcome::Unchanged { .. }) => return None,
        End::BrokeOff { why, next } => (
            format!("approval-failed/{}", attempt(run)),
            format!("is not approved, its approval broke off: {}\n• {}\n• then: {retry}", foreign(why), foreign(next)),
        ),
        End::Interrupted => return None,
    };
    Some(Post { thread: Thread::Log(run.log.clone()), ..Post::lead(key, format!("{release} {text}")) })
}

/// The attempt that ends now; a pass that takes up a broken one belongs to the same attempt.
fn attempt(run: &EndedRun<'_>) -> usize {
    let stored = run.state.task(run.task).map_or(0, |entry| entry.attempts.len());
    stored - usize::from(stored > 0 && run.state.status(run.task) == TaskStatus::InProgress)
}

/// Each change of the owner is announced once, also the change back to a former one.
fn ownership_key(run: &EndedRun<'_>, username: &str) -> String {
    let announced = run.state.task(run.task).map(|entry| entry.notified).unwrap_or_default();
    let announced: Vec<_> = announced.iter().filter_map(|key| key.strip_prefix("ownership")).collect();
    let last = announced.last().and_then(|key| key.trim_start_matches('/').split_once('/'));
    let place = if last.is_some_and(|(_, named)| named == username) { announced.len() - 1 } else { announced.len() };
    format!("ownership/{place}/{username}")
}

fn advisory_link(run: &EndedRun<'_>, id: AdvisoryId, text: &str) -> String {
    let base = run.services.link_base(Service::Errata);
    link(&format!("{base}/advisory/{id}"), text)
}

/// Tells one list from another in a key that is stored.
fn digest<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update(part.as_ref().as_bytes());
        sum.update([0]);
    }
    hex::encode(&sum.finalize()[..6])
}
