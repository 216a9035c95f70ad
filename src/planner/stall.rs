//! X rows: what takes much longer than usual.

use super::draft::Draft;
use super::messages::{Kind, Message, stall_limit};

/// Adds a `Stalled` for every wait beyond its limit; the occasion changes once a day.
pub(super) fn rows(draft: &mut Draft<'_>) {
    let now = draft.input.now;
    let stalled: Vec<Message> = draft
        .messages()
        .iter()
        .filter_map(|wait| {
            let since = wait.since?;
            let limit = stall_limit(wait.kind, wait.task)?;
            let age = now.duration_since(since);
            (age > limit).then(|| {
                let text =
                    format!("{}, for {} h now; usual is less than {} h", wait.text, age.as_hours(), limit.as_hours());
                let mut told =
                    Message::new(Kind::Stalled, text).since(Some(since)).step("look at the page, ask its owners");
                told.task = wait.task;
                told.links = wait.links.clone();
                let (kind, day) = (wait.kind.name(), age.as_hours() / 24);
                told.occasion(format!("{kind}/{since}/day {day}"))
            })
        })
        .collect();
    for message in stalled {
        draft.say(message);
    }
}
