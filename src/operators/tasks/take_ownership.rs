//! Makes one engineer the owner of advisories, merge request and sub-tasks.
//!
//! Advisories and merge request have to succeed. Jira is best effort: a ticket that is a placeholder or hidden
//! must not undo what was done; what it refuses is owed, and done by a later run. Nothing of this run's log names the
//! owner, because the log becomes public.

mod sub_tasks;
mod writes;

use std::sync::atomic::{AtomicUsize, Ordering};

use self::sub_tasks::take_sub_tasks;
use self::writes::Writes;
use crate::core::clients::gitlab::{GitlabUser, Note};
use crate::core::context::Context;
use crate::core::effects::Look;
use crate::core::notices::of_run::Notice;
use crate::domain::advisory::{ABNORMAL_SOURCE, AdvisoryState};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::ids::{AdvisoryId, JiraKey};
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::shipment::MrState;
use crate::domain::task::{Flow, Task, TaskStatus};
use crate::operators::error::TaskError;
use crate::operators::previewed::{Preview, PreviewedChange};
use crate::operators::report::Cause;
use crate::operators::run::Run;
use crate::operators::steps::shipment::{self, Shipment};
use crate::operators::steps::{advisories, belonging, findings, owed, replaced};

/// Start of the comment that names the lead; other tools look for it.
const LEAD_NOTE: &str = "QE Release Lead is @";

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
                "set the owners by hand, then: oar -r {} update-task-status take-ownership Pass --reason TEXT",
                run.release
            ),
        });
    }
    let email = owner(run, email)?;
    let missing = advisories::not_ready(assembly);
    if !missing.is_empty() {
        return Ok(Outcome::Blocked { by: ClosedGate::NotReady { missing } });
    }
    let shipment = shipment::open(run).await?;
    if shipment.mr.state == MrState::Closed {
        return Ok(Outcome::Blocked { by: ClosedGate::MergeRequestClosed { mr: shipment.mr.web_url } });
    }
    let managed = advisories::managed(run).await?;
    if managed.are_shipped_with(&shipment.mr.state) {
        return Ok(Outcome::Blocked { by: ClosedGate::Shipped });
    }
    belonging::of_ticket(run).await?;
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
    in_jira(&writes, &email).await?;
    let summary = format!("{} advisories and the shipment have their owner", managed.live.len());
    if writes.after_pass() && writes.done.load(Ordering::Relaxed) == 0 {
        replaced::take_back(run);
        return Ok(Outcome::Unchanged { why: summary });
    }
    let advisories = assembly.advisories.iter().map(|(impetus, id)| (impetus.clone(), *id)).collect();
    let shipment_mr = assembly.shipment_mr.clone();
    run.notify(Notice::NewOwner { username: lead.username, email, advisories, shipment_mr });
    Ok(Outcome::Passed { summary })
}

/// Does what an earlier run owes in Jira, for whoever owns the release now.
///
/// # Errors
///
/// Build data, GitLab or the Errata Tool fail.
pub(in crate::operators) async fn finish(run: &Run<'_>) -> Result<(), TaskError> {
    let writes = Writes { run, done: AtomicUsize::new(0) };
    match present_owner(run).await? {
        Some(email) => in_jira(&writes, &email).await,
        None => {
            let next = format!("say who: oar -r {} take-ownership -e ADDRESS", run.release);
            let what = "sub-tasks were not assigned: advisories and merge request do not name the same owner";
            owed::owe(run, what.to_owned(), Cause::Person { next });
            Ok(())
        }
    }
}

/// Whose the release is: as its first advisory says, else the settings, when the merge request names the same lead.
async fn present_owner(run: &Run<'_>) -> Result<Option<String>, TaskError> {
    let gitlab = run.ctx.gitlab();
    let shipment = shipment::open(run).await?;
    let notes = gitlab.notes(&shipment.address).await?;
    let managed = advisories::managed(run).await?;
    let known = match managed.live.first() {
        Some(advisory) => run.ctx.errata().owner_email(advisory.id()).await.ok(),
        None => None,
    };
    let email = known.map_or_else(|| owner(run, None), Ok)?;
    let lead = gitlab.find_user(&email).await?;
    Ok(lead.filter(|lead| named(&notes) == Some(&lead.username)).map(|_| email))
}

/// The sub-tasks of the ticket that build data names.
async fn in_jira(writes: &Writes<'_, '_>, email: &str) -> Result<(), TaskError> {
    match writes.run.assembly().await?.jira_ticket.as_deref().map(str::parse::<JiraKey>) {
        Some(Ok(ticket)) => take_sub_tasks(writes, &ticket, email).await,
        Some(Err(_)) | None => {
            writes.run.warn("build data names no usable ticket: sub-tasks were not assigned");
            owed::settle(writes.run, "build data names no usable ticket");
            Ok(())
        }
    }
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
    if email.is_none() && owed::is_open(&run.state, Task::TakeOwnership) {
        // Whoever owns the release keeps it.
        return Ok(Preview::Nothing);
    }
    let email = owner(&run, email)?;
    let to = lead(&run, &email).await?.username;
    let shipment = shipment::open(&run).await?;
    let notes = ctx.gitlab().notes(&shipment.address).await?;
    Ok(match named(&notes).filter(|named| *named != to) {
        Some(from) => {
            Preview::Changes(PreviewedChange::Takeover { from: from.to_owned(), to, mr: shipment.mr.web_url.clone() })
        }
        None => Preview::Nothing,
    })
}

/// Sets the owner of one advisory unless it is the owner's already.
async fn own_advisory(writes: &Writes<'_, '_>, id: AdvisoryId, email: &str) -> Result<(), TaskError> {
    let errata = writes.run.ctx.errata();
    // The page that names the owner is not part of the API; without it the owner is set again, which does no harm.
    if errata.owner_email(id).await.is_ok_and(|owner| owner.eq_ignore_ascii_case(email)) {
        return Ok(());
    }
    writes
        .converge(&format!("owner/{id}"), &format!("set the owner of advisory {id}"), async || {
            errata.set_owner(id, email).await
        })
        .await
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
    let named = async || {
        let named = names(&gitlab.notes(&shipment.address).await?, &lead.username);
        Ok(Look::at_object(named.then_some(())))
    };
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
        return findings::settle(run, ABNORMAL_SOURCE, "no advisory is in NEW_FILES any more");
    }
    let ids: Vec<_> = abnormal.iter().map(ToString::to_string).collect();
    let text = format!("Advisories in abnormal state (NEW_FILES instead of QE): {}", ids.join(", "));
    run.warn(&text);
    run.notify(Notice::AbnormalAdvisories(abnormal.to_vec()));
    findings::report(run, ABNORMAL_SOURCE, &text, true, &[Task::PushToCdnStaging]);
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
