//! A state file that somebody broke: said once, until somebody has mended it.

use super::event::DriveEvent;
use super::memory::Memory;
use super::options::{DriveOptions, OUTAGE_WAIT, is_broken_file};
use crate::core::context::Context;
use crate::core::error::chain;
use crate::core::notices::of_plan::{self, PlanMessage};
use crate::domain::release::ZStream;
use crate::operators::error::TaskError;

/// Tells whoever watches and the owner of the release that the file is broken, where, and what to do.
pub(super) async fn say(
    ctx: &Context,
    release: &ZStream,
    options: &DriveOptions,
    error: &TaskError,
    memory: &mut Memory,
    tell: &mut (dyn FnMut(DriveEvent<'_>) + Send),
) {
    let text = chain(error);
    if !is_broken_file(error) || memory.broken_file.as_ref() == Some(&text) {
        return;
    }
    let minutes = OUTAGE_WAIT.as_mins();
    // It is the stored file that has to be whole again.
    let step = error.next_step().replace("oar state check FILE", &format!("oar -r {release} state check"));
    tell(DriveEvent::Marked(format!(
        "{text}; {step}; nothing is done until then, a look every {minutes} min finds it mended"
    )));
    let owner = options.owner(ctx, release);
    let message = PlanMessage { text: &text, steps: &[step], links: &[], owner: owner.as_deref() };
    // The text of a broken file may be anything: the day makes the key.
    let key = format!("BrokenFile/release/{}", ctx.clock.today());
    let sent = of_plan::send(ctx.notifier(&ctx.slack()), release, message, &key).await;
    for trouble in sent.warnings {
        tell(DriveEvent::Marked(format!("{trouble} ({text})")));
    }
    memory.broken_file = Some(text);
}

/// Says that it goes on, when somebody has mended the file.
pub(super) fn is_mended(memory: &mut Memory, tell: &mut (dyn FnMut(DriveEvent<'_>) + Send)) {
    if memory.broken_file.take().is_some() {
        tell(DriveEvent::Marked("the state file can be read again".to_owned()));
    }
}
