//! Makes one engineer the owner of advisories, merge request and sub-tasks.
//!
//! Advisories and merge request have to succeed. Jira is best effort: a ticket that is a placeholder or hidden
//! must not undo what was done. Nothing of this run's log names the owner, because the log becomes public.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::core::clients::error::ClientError;
use crate::core::clients::gitlab::{GitlabUser, Note};
use crate::core::clients::jira::{AccountId, Jira, JiraIssue};
use crate::core::context::Context;
use crate::core::effects::Evidence;
use crate::core::notices::of_run::Notice;
use crate::domain::advisory::AdvisoryState;
use crate::domain::closed_gate::ClosedGate;
use crate::domain::credential::Credential;
use crate::domain::ids::{AdvisoryId, JiraKey};
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::foreseen::{Foreseen, Preview};
use crate::operators::run::Run;
use crate::operators::steps::shipment::{self, Shipment};
use crate::operators::steps::{advisories, findings};

/// Who reports advisories in an abnormal state.
const SOURCE: &str = "take-ownership";

/// Start of the comment that names the lead; other tools look for it.
const LEAD_NOTE: &str = "QE Release Lead is @";

/// Sub-tasks of the ART ticket that become the owner's, with the status into which each is moved.
const SUB_TASKS: [(&str, Option<&str>); 3] = [
    ("[Fri/Mon] QE moves advisories to REL_PREP", None),
    ("[Wed-Fri] QE does release verification", Some("In Progress")),
    ("[Mon-Wed] QE notifies ON_QA bugzilla owners and analyze ci failures", Some("In Progress")),
];

/// Makes one engineer the owner of advisories, merge request and sub-tasks.
///
/// # Errors
///
/// No usable owner, or the Errata Tool or GitLab fail.
pub(in crate::operators) async fn run(run: &Run<'_>, email: Option<&str>) -> Result<Outcome, TaskError> {
    let assembly = run.assembly().await?;
    if assembly.flow() == Flow::Errata {
        return Err(TaskError::Refused {
            why: format!("{} ships through advisories alone, which take-ownership does not know yet", run.release),
            next: format!(
                "set the owners by hand, then: oar -r {} update-task-status take-ownership Pass",
                run.release
            ),
        });
    }
    let email = owner(run, email)?;
    let missing = advisories::not_ready(assembly);
    if !missing.is_empty() {
        return Ok(Outcome::Blocked { by: ClosedGate::NotReady { missing } });
    }
    if let Some(by) = shipment::not_ready(assembly) {
        return Ok(Outcome::Blocked { by });
    }
    let shipment = shipment::open(run).await?;
    if shipment.mr.state == MrState::Closed {
        return Ok(Outcome::Blocked { by: ClosedGate::MergeRequestClosed { mr: shipment.mr.web_url } });
    }
    let managed = advisories::managed(run).await?;
    // Found before anything is changed: half an ownership helps nobody.
    let lead = lead(run, &email).await?;

    let writes = Writes { run, done: AtomicUsize::new(0) };
    for advisory in &managed.live {
        own_advisory(&writes, advisory.id(), &email).await?;
        run.info(format!("advisory {} ({}) has its owner", advisory.id(), advisory.impetus));
    }
    name_lead(&writes, &shipment, &lead).await?;
    let abnormal: Vec<_> =
        managed.live.iter().filter(|a| *a.state() == AdvisoryState::NewFiles).map(advisories::Advisory::id).collect();
    report_abnormal(run, &abnormal);
    match assembly.jira_ticket.as_deref().map(str::parse::<JiraKey>) {
        Some(Ok(ticket)) => take_sub_tasks(&writes, &ticket, &email).await,
        Some(Err(_)) | None => run.warn("build data names no usable ticket: sub-tasks were not assigned"),
    }
    let summary = format!("{} advisories and the shipment have their owner", managed.live.len());
    if writes.after_pass() && writes.done.load(Ordering::Relaxed) == 0 {
        return Ok(Outcome::Unchanged { why: summary });
    }
    run.notify(Notice::NewOwner { username: lead.username, email });
    Ok(Outcome::Passed { summary })
}

/// What taking the release over from another owner changes; nothing when nobody, or the same one, owns it. Only the
/// merge request knows who leads, so it is looked at whatever the depth.
pub(in crate::operators) async fn preview(
    ctx: &Context,
    release: &ZStream,
    email: Option<&str>,
) -> Result<Preview, TaskError> {
    let Some(loaded) = ctx.statebox.load(release).await? else { return Ok(Preview::Nothing) };
    if loaded.state.status(Task::TakeOwnership) != TaskStatus::Pass {
        return Ok(Preview::Nothing);
    }
    let run = Run::observe(ctx, release, loaded.state)?;
    let email = owner(&run, email)?;
    let to = lead(&run, &email).await?.username;
    let shipment = shipment::open(&run).await?;
    let notes = ctx.gitlab().notes(&shipment.address).await?;
    Ok(match named(&notes).filter(|named| *named != to) {
        Some(from) => {
            Preview::Changes(Foreseen::Takeover { from: from.to_owned(), to, mr: shipment.mr.web_url.clone() })
        }
        None => Preview::Nothing,
    })
}

/// Outside writes of this task. It may be run again after its Pass, when the owner changes: the Pass stays then,
/// and only the differences are written.
struct Writes<'a, 'r> {
    run: &'a Run<'r>,
    done: AtomicUsize,
}

impl Writes<'_, '_> {
    fn after_pass(&self) -> bool {
        self.run.state.status(self.run.task) == TaskStatus::Pass
    }

    /// A write that converges.
    async fn converge(&self, what: &str, perform: impl AsyncFn() -> Result<(), ClientError>) -> Result<(), TaskError> {
        if self.after_pass() {
            self.run.unless_dry(what)?;
            perform().await?;
            self.run.add_effect(what);
        } else {
            self.run.converge(what, perform).await?;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A write that must not happen twice; was it necessary?
    async fn once(
        &self,
        key: &str,
        what: &str,
        look_up: impl AsyncFn() -> Result<Option<()>, ClientError>,
        perform: impl AsyncFn() -> Result<(), ClientError>,
    ) -> Result<bool, TaskError> {
        let is_new = if self.after_pass() {
            if look_up().await?.is_some() {
                return Ok(false);
            }
            self.run.unless_dry(what)?;
            let is_new = self.run.effects().once(key, what, Evidence::Strong, look_up, perform).await?.is_new();
            if is_new {
                self.run.add_effect(what);
            }
            is_new
        } else {
            self.run.effect(key, what, Evidence::Strong, look_up, perform).await?.is_new()
        };
        self.done.fetch_add(usize::from(is_new), Ordering::Relaxed);
        Ok(is_new)
    }
}

/// Sets the owner of one advisory unless it is the owner's already.
async fn own_advisory(writes: &Writes<'_, '_>, id: AdvisoryId, email: &str) -> Result<(), TaskError> {
    let errata = writes.run.ctx.errata();
    // The page that names the owner is not part of the API; without it the owner is set again, which does no harm.
    if errata.owner_email(id).await.is_ok_and(|owner| owner.eq_ignore_ascii_case(email)) {
        return Ok(());
    }
    writes.converge(&format!("set the owner of advisory {id}"), async || errata.set_owner(id, email).await).await
}

/// The address that was given, else the one that the settings name for the minor.
fn owner(run: &Run<'_>, given: Option<&str>) -> Result<String, TaskError> {
    let email = match given {
        Some(given) => given.trim().to_owned(),
        None => match run.ctx.sealed() {
            Ok(sealed) => sealed.owner(run.release.minor()).trim().to_owned(),
            Err(error) => {
                return Err(TaskError::Refused {
                    why: format!("nobody said who owns {}, and the settings cannot tell ({error})", run.release),
                    next: format!("oar -r {} take-ownership -e ADDRESS", run.release),
                });
            }
        },
    };
    if is_mail_address(&email) {
        return Ok(email);
    }
    Err(TaskError::Refused {
        why: format!("{email:?} is no mail address, so it cannot be the owner"),
        next: format!("oar -r {} take-ownership -e NAME@DOMAIN", run.release),
    })
}

/// The addresses that the Errata Tool takes: plain characters, a domain with a top level of letters.
fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((host, top)) = domain.rsplit_once('.') else { return false };
    let plain = |extra: &'static str| move |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    !local.is_empty()
        && local.chars().all(plain("._%+-"))
        && !host.is_empty()
        && host.chars().all(plain(".-"))
        && top.len() >= 2
        && top.chars().all(|c| c.is_ascii_alphabetic())
}

async fn lead(run: &Run<'_>, email: &str) -> Result<GitlabUser, TaskError> {
    run.ctx.gitlab().find_user(email).await?.ok_or_else(|| TaskError::Refused {
        why: "GitLab knows no account with the owner's mail address".to_owned(),
        next: "have the owner make the address public in the GitLab profile, or give another one with -e".to_owned(),
    })
}

/// Names the lead on the merge request, unless the newest such comment does so already.
async fn name_lead(writes: &Writes<'_, '_>, shipment: &Shipment, lead: &GitlabUser) -> Result<(), TaskError> {
    let run = writes.run;
    let gitlab = run.ctx.gitlab();
    let body = format!("{LEAD_NOTE}{}", lead.username);
    let key = format!("lead-note/{}", lead.username);
    let named = async || Ok(names(&gitlab.notes(&shipment.address).await?, &lead.username).then_some(()));
    let note = async || gitlab.add_note(&shipment.address, &body).await.map(|_| ());
    let is_new = writes.once(&key, "name the lead on the merge request", named, note).await?;
    run.info(if is_new { "the merge request names the lead" } else { "the merge request named the lead before" });
    Ok(())
}

/// Does the newest comment about the lead (`notes` come newest first) name `username`?
fn names(notes: &[Note], username: &str) -> bool {
    named(notes) == Some(username)
}

/// Whom the newest comment about the lead names.
fn named(notes: &[Note]) -> Option<&str> {
    notes.iter().find_map(|note| note.body.trim().strip_prefix(LEAD_NOTE)).map(str::trim)
}

fn report_abnormal(run: &Run<'_>, abnormal: &[AdvisoryId]) {
    if abnormal.is_empty() {
        return findings::settle(run, SOURCE, "no advisory is in NEW_FILES any more");
    }
    let ids: Vec<_> = abnormal.iter().map(ToString::to_string).collect();
    let text = format!("Advisories in abnormal state (NEW_FILES instead of QE): {}", ids.join(", "));
    run.warn(&text);
    run.notify(Notice::AbnormalAdvisories(abnormal.to_vec()));
    findings::report(run, SOURCE, &text, true, &[Task::PushToCdnStaging]);
}

/// Assigns the sub-tasks and moves them; whatever goes wrong is a warning.
async fn take_sub_tasks(writes: &Writes<'_, '_>, ticket: &JiraKey, email: &str) {
    let run = writes.run;
    let credentials = &run.ctx.settings.credentials;
    if credentials.get(Credential::JiraToken).is_none() {
        return run.warn(format!("sub-tasks of {ticket} were not assigned: no Jira credential"));
    }
    match assign_sub_tasks(writes, ticket, email).await {
        Ok(0) => run.info(format!("{ticket} has no sub-task of ours")),
        Ok(count) => run.info(format!("{count} sub-tasks of {ticket} have their owner")),
        Err(error) => run.warn(format!("sub-tasks of {ticket} were not all assigned: {error}")),
    }
}

async fn assign_sub_tasks(writes: &Writes<'_, '_>, ticket: &JiraKey, email: &str) -> Result<usize, TaskError> {
    let run = writes.run;
    let jira = run.ctx.jira();
    let Some(parent) = jira.issue(ticket).await? else {
        run.warn(format!("{ticket} is not visible to us"));
        return Ok(0);
    };
    let sub_tasks = jira.issues(&parent.subtasks).await?;
    let ours = SUB_TASKS.iter().flat_map(|(summary, to)| {
        sub_tasks.iter().filter(|sub| sub.summary.trim() == *summary).map(move |sub| (sub, *to))
    });
    let ours: Vec<_> = ours.collect();
    if ours.is_empty() {
        return Ok(0);
    }
    let Some(account) = jira.find_user(email).await? else {
        run.warn("Jira knows no account with the owner's mail address: sub-tasks were not assigned");
        return Ok(0);
    };
    for (sub, to) in &ours {
        assign(writes, &jira, sub, &account).await?;
        if let Some(to) = to {
            advance(writes, &jira, sub, to).await?;
        }
    }
    Ok(ours.len())
}

async fn assign(writes: &Writes<'_, '_>, jira: &Jira, sub: &JiraIssue, account: &AccountId) -> Result<(), TaskError> {
    if sub.assignee.as_ref() == Some(account) {
        return Ok(());
    }
    writes.converge(&format!("assign {}", sub.key), async || jira.assign(&sub.key, account).await).await
}

/// Moves a sub-task to `to`; one that is there or done stays, because nothing goes back.
async fn advance(writes: &Writes<'_, '_>, jira: &Jira, sub: &JiraIssue, to: &str) -> Result<(), TaskError> {
    if sub.status == to || is_done(&sub.status) {
        return Ok(());
    }
    let offered = jira.transitions(&sub.key).await?;
    let by_target = offered.iter().find(|step| step.to == to);
    let Some(step) = by_target.or_else(|| offered.iter().find(|step| step.name == to)) else {
        writes.run.warn(format!("{} cannot be moved from {} to {to}", sub.key, sub.status));
        return Ok(());
    };
    let there = async || {
        let now = jira.issue(&sub.key).await?;
        Ok(now.is_some_and(|issue| issue.status == to).then_some(()))
    };
    let go = async || jira.transition(&sub.key, step).await;
    let what = format!("move {} to {to}", sub.key);
    writes.once(&format!("jira/{}/{to}", sub.key), &what, there, go).await?;
    Ok(())
}

fn is_done(status: &str) -> bool {
    matches!(status, "Closed" | "Done" | "Resolved")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_given_by_mail_address() {
        for good in ["name@example.com", "first.last+qe@mail.example.com", "a_b%c-d@x-y.org"] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in ["", "name", "name@example", "@example.com", "name@.com", "name@example.c", "a b@example.com"] {
            assert!(!is_mail_address(bad), "{bad}");
        }
        for bad in ["name@example.c0m", "a@b@example.com", "name@example.com\n", "n\u{e4}me@example.com"] {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }

    #[test]
    fn the_lead_is_named_again_only_when_the_newest_comment_names_another() {
        let note = |body: &str| Note { id: 0, body: body.to_owned(), author: "bot".to_owned() };
        let newest_first = [note("lgtm"), note("QE Release Lead is @second\n"), note("QE Release Lead is @first")];
        assert!(names(&newest_first, "second"));
        assert!(!names(&newest_first, "first"), "an older comment does not count");
        assert!(!names(&newest_first, "secon"), "a part of a name is another name");
        assert!(!names(&[note("the QE Release Lead is @second")], "second"));
    }
}
