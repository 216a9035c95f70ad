//! The label by which a payload is known to everybody as accepted, or, when a person says so, as rejected.

use crate::core::clients::error::ClientError;
use crate::core::context::Context;
use crate::domain::result_file::ResultFile;
use crate::domain::result_file::additions::{Event, EventKind};
use crate::domain::result_file::change::ResultChange;
use crate::domain::result_file::name::ResultName;
use crate::domain::service::Service;
use crate::operators::error::TaskError;
use crate::operators::jobs::job_writer::{JobWriter, message};
use crate::operators::jobs::report::LabelState;
use crate::operators::jobs::trigger::{store, whole};

const ACCEPTED: &str = "Accepted";
const REJECTED: &str = "Rejected";

/// Did a person label the payload as rejected, and nobody take that back?
pub(super) fn is_rejected(file: &ResultFile) -> bool {
    let events = file.events();
    let [rejected, taken_back] = [EventKind::PayloadRejected, EventKind::RejectionTakenBack].map(EventKind::name);
    let last = events.iter().rev().find(|event| event.kind == rejected || event.kind == taken_back);
    last.is_some_and(|event| event.kind == rejected)
}

/// Brings the label to what a person said last: rejected, or what it was before.
///
/// # Errors
///
/// The cluster cannot be asked, or does not do it.
pub(super) async fn set_by_hand(ctx: &Context, of: &ResultName, file: &ResultFile) -> Result<(), TaskError> {
    let was_accepted = file.events().iter().any(|event| event.kind == EventKind::Labelled.name());
    let value = if is_rejected(file) { Some(REJECTED) } else { was_accepted.then_some(ACCEPTED) };
    let shown = ctx.kube()?.label(&of.build, of.arch, value).await?;
    if shown.as_deref() == value {
        return Ok(());
    }
    let why = "it does not show the label as it was set";
    Err(ClientError::unreadable(Service::Kube, "label release payload", why).into())
}

/// Has the payload to be labelled: accepted by us or promoted by a person, and not labelled yet? What older programs
/// concluded they labelled; what a person rejected waits until that is taken back.
pub(super) fn is_due(file: &ResultFile) -> bool {
    let events = file.events();
    let has = |kind: EventKind| events.iter().any(|event| event.kind == kind.name());
    let by_us = file.accepted() == Some(true) && file.verdict().is_some();
    let by_person = file.promoted() == Some(true) && has(EventKind::Promoted);
    (by_us || by_person) && !has(EventKind::Labelled) && !is_rejected(file)
}

/// Labels the payload, and notes it in the record. A label that could not be set is noted once, and tried again with each
/// pass.
pub(super) async fn set(
    writer: &JobWriter<'_>,
    of: &ResultName,
    file: &ResultFile,
    notes: &mut Vec<String>,
) -> Result<LabelState, TaskError> {
    let held = writer.hold().await?;
    let event = |kind, detail: String| Event { at: whole(writer.ctx.clock.now()), actor: writer.actor(), kind, detail };
    let labelled = match held.ctx.kube() {
        Ok(kube) => kube.label(&of.build, of.arch, Some(ACCEPTED)).await.map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; {}", error.next_step())),
    };
    match labelled.and_then(|label| match label.as_deref() {
        Some(ACCEPTED) => Ok(()),
        _ => Err("the API does not show the label after it was set".to_owned()),
    }) {
        Ok(()) => {
            let note = ResultChange::Note(event(EventKind::Labelled, format!("qe_state={ACCEPTED}")));
            store(&held, of, message::LABEL, &[note]).await?;
            match writer.ctx.release_controller_of(of.arch).qe_badge(&of.build).await {
                Ok(Some(true)) => {}
                Ok(_) => notes.push("the release controller does not show its QE badge yet".to_owned()),
                Err(error) => notes.push(format!("whether its QE badge shows is not known: {error}")),
            }
            Ok(LabelState::Set)
        }
        Err(why) => {
            let failed = EventKind::LabelFailed.name();
            if !file.events().iter().any(|event| event.kind == failed && event.detail == why) {
                let note = ResultChange::Note(event(EventKind::LabelFailed, why.clone()));
                store(&held, of, message::NO_LABEL, &[note]).await?;
            }
            Ok(LabelState::Due(why))
        }
    }
}
