//! Whose it is: the one place that proves that a merge request, an advisory or a ticket belongs to the release of a
//! run. Whoever acts on one, approves it or judges by it asks here first; a stranger's closes the gate.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::core::clients::errata::Erratum;
use crate::core::clients::gitlab::MergeRequest;
use crate::core::context::Context;
use crate::core::error::ErrorClass;
use crate::domain::belongs::{self, Says};
use crate::domain::closed_gate::ClosedGate;
use crate::domain::credential::Credential;
use crate::domain::ids::JiraKey;
use crate::domain::shipment::{MrAddress, ShipmentFile, is_shipment_file};
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// Files read at once: GitLab counts requests per minute.
const AT_ONCE: usize = 4;

/// Longest name of an assembly that is shown, in characters.
const KEY_CHARS: usize = 40;

/// Does the merge request ship this release? Its title says so, and none of its files says otherwise. Reads only.
///
/// # Errors
///
/// It is another release's, or says nothing; or GitLab fails.
pub async fn of_shipment(run: &Run<'_>, address: &MrAddress, mr: &MergeRequest) -> Result<(), TaskError> {
    let title = belongs::title(&mr.title, run.release);
    if let Says::Another(whose) = &title {
        return Err(refused(run, vec![not_ours(mr, whose)]));
    }
    let proof = format!("{} ships {}!{} at {}", run.release, address.project, address.iid, mr.head_sha);
    if run.ctx.proven.holds(&proof) {
        return Ok(());
    }
    let named = named_assemblies(run.ctx, address, &mr.head_sha).await?;
    match (belongs::assemblies(named.iter().map(String::as_str), run.release), title) {
        (Says::Another(whose), _) => {
            let whose: String = whose.chars().take(KEY_CHARS).collect();
            Err(refused(run, vec![not_ours(mr, &format!("assembly {whose:?}"))]))
        }
        (Says::Nothing, Says::Nothing) => {
            let why = "names no release, neither in its title nor in its files";
            Err(refused(run, vec![format!("group.shipment.url ({} {why})", mr.web_url)]))
        }
        (Says::Ours | Says::Nothing, _) => {
            run.ctx.proven.add(proof);
            Ok(())
        }
    }
}

fn not_ours(mr: &MergeRequest, whose: &str) -> String {
    format!("group.shipment.url ({} is the shipment of {whose})", mr.web_url)
}

/// The assemblies that the files of the merge request name. A file that is gone or unreadable names none: whoever
/// needs its content finds that out.
async fn named_assemblies(ctx: &Context, address: &MrAddress, head: &str) -> Result<Vec<String>, TaskError> {
    let gitlab = ctx.gitlab();
    let changed = gitlab.changed_files(address).await?;
    let wanted = changed.into_iter().filter(|file| !file.deleted && is_shipment_file(&file.path));
    let read = wanted.map(|file| {
        let gitlab = &gitlab;
        async move {
            match gitlab.file(&address.project, &file.path, head).await {
                Ok(text) => Ok(ShipmentFile::parse(&file.path, &text).ok().flatten().and_then(|file| file.assembly())),
                Err(error) if matches!(error.class(), ErrorClass::NotFound | ErrorClass::Forbidden) => Ok(None),
                Err(error) => Err(TaskError::from(error)),
            }
        }
    });
    let named: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    Ok(named.into_iter().flatten().collect())
}

/// Do the advisories belong to this release, as far as their synopses tell?
///
/// # Errors
///
/// One of them is another release's.
pub fn of_advisories<'a>(
    run: &Run<'_>,
    all: impl IntoIterator<Item = (&'a str, &'a Erratum)>,
) -> Result<(), TaskError> {
    let strangers: Vec<String> = all
        .into_iter()
        .filter_map(|(impetus, erratum)| match belongs::text(&erratum.synopsis, run.release) {
            Says::Another(whose) => {
                Some(format!("group.advisories.{impetus} ({} is the advisory of {whose})", erratum.id))
            }
            Says::Ours | Says::Nothing => None,
        })
        .collect();
    if strangers.is_empty() { Ok(()) } else { Err(refused(run, strangers)) }
}

/// Does the ticket that build data names belong to this release, as far as Jira tells? Without an answer of Jira it
/// counts as ours: work on the ticket is best effort, and asks again. Reads only.
///
/// # Errors
///
/// It is another release's, or build data fails.
pub async fn of_ticket(run: &Run<'_>) -> Result<(), TaskError> {
    let Some(Ok(ticket)) = run.assembly().await?.jira_ticket.as_deref().map(str::parse::<JiraKey>) else {
        return Ok(());
    };
    if run.ctx.settings.credentials.get(Credential::JiraToken).is_none() {
        return Ok(());
    }
    match run.ctx.jira().issue(&ticket).await {
        Ok(Some(story)) => is_ours(run, &ticket, &story.summary),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// Does a ticket with this summary belong to the release?
///
/// # Errors
///
/// It is another release's.
pub fn is_ours(run: &Run<'_>, ticket: &JiraKey, summary: &str) -> Result<(), TaskError> {
    match belongs::text(summary, run.release) {
        Says::Another(whose) => {
            Err(refused(run, vec![format!("group.release_jira ({ticket} is the ticket of {whose})")]))
        }
        Says::Ours | Says::Nothing => Ok(()),
    }
}

fn refused(run: &Run<'_>, missing: Vec<String>) -> TaskError {
    TaskError::closed(run.release, ClosedGate::NotReady { missing })
}
