//! Stalls: what takes much longer than usual.

use super::draft::Draft;
use super::messages::{Kind, Message};
use super::table::stall_limit;

/// Adds a `Stalled` for every wait beyond its limit; the occasion changes once a day.
pub(super) fn rows(draft: &mut Draft<'_>) {
    let now = draft.input.now;
    let stalled: Vec<Message> = draft
        .messages()
        .iter()
        .filter_map(|wait| {
            let since = wait.since?;
            let limit = stall_limit(&draft.input.stall, wait.kind, wait.task)?;
            let age = now.duration_since(since);
            (age > limit).then(|| {
                let text =
                    format!("{}, for {} h now; usual is less than {} h", wait.text, age.as_hours(), limit.as_hours());
                let mut message =
                    Message::new(Kind::Stalled, text).since(Some(since)).step("look at the page, ask its owners");
                message.task = wait.task;
                message.links = wait.links.clone();
                let (kind, day) = (wait.kind.name(), age.as_hours() / 24);
                message.occasion(format!("{kind}/{since}/day {day}"))
            })
        })
        .collect();
    for message in stalled {
        draft.say(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::Task;
    use crate::planner::given::{at, fresh, message_of, move_to, pass};
    use crate::planner::walk::plan;

    #[test]
    fn a_wait_beyond_its_limit_is_reported_once_a_day_and_stays_a_wait() {
        let mut input = fresh();
        pass(&mut input, &[Task::TakeOwnership]);
        move_to(&mut input, "2026-03-21T21:00:00Z");
        assert!(plan(&input).messages.iter().all(|message| message.kind != Kind::Stalled), "36 h are usual");

        move_to(&mut input, "2026-03-21T22:00:00Z");
        let first = plan(&input);
        let key = message_of(&first, Kind::Stalled).key();
        assert_eq!(first.recheck_at(), Some(at("2026-03-21T22:30:00Z")), "it may still come by itself");
        move_to(&mut input, "2026-03-22T06:00:00Z");
        assert_eq!(message_of(&plan(&input), Kind::Stalled).key(), key);
        move_to(&mut input, "2026-03-22T12:00:00Z");
        assert_ne!(message_of(&plan(&input), Kind::Stalled).key(), key);
    }

    #[test]
    fn the_settings_say_how_long_a_wait_may_take() {
        let mut input = fresh();
        pass(&mut input, &[Task::TakeOwnership]);
        input.stall.promotion = jiff::SignedDuration::from_hours(48);
        move_to(&mut input, "2026-03-21T22:00:00Z");
        assert!(plan(&input).messages.iter().all(|message| message.kind != Kind::Stalled), "48 h are allowed");
        input.stall.promotion = jiff::SignedDuration::from_hours(2);
        assert!(message_of(&plan(&input), Kind::Stalled).text.ends_with("usual is less than 2 h"));
    }
}
