//! Messages about the runs of tasks: due with the end of a run, sent behind it, caught up by whoever comes later.

use jiff::Timestamp;

use super::error::TaskError;
use super::run::Run;
use crate::core::context::Context;
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{EffectError, Effects};
use crate::core::error::chain;
use crate::core::notices::of_run::{self, End, EndedRun};
use crate::core::notices::post::Post;
use crate::core::notices::send::{Before, Notifier, Sent};
use crate::domain::absence::{Announced, ClockOf};
use crate::domain::dates::stamp;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::entries::DueNotice;
use crate::domain::state::operation::Operation;
use crate::domain::state::view::State;
use crate::domain::task::Task;

/// What a run has to say, and since when.
#[derive(Debug)]
pub(super) struct DuePosts {
    posts: Vec<Post>,
    at: Timestamp,
}

/// What is worth a message of how the run ended; it is stored with the end, so that no crash loses it.
pub(super) fn of_end(run: &Run<'_>, ended: Result<&Outcome, &TaskError>) -> DuePosts {
    let at = run.ctx.clock.now();
    if run.ctx.options.no_notify || run.ctx.options.dry_run || run.notes().gave_way {
        return DuePosts { posts: Vec::new(), at };
    }
    let end = match ended {
        Ok(outcome) => End::Outcome(outcome),
        Err(error) if error.ends_the_run() => End::BrokeOff { why: chain(error), next: error.next_step() },
        Err(_) => End::Interrupted,
    };
    let (release, task, state, log) = (run.release, run.task, &run.state, run.log.text());
    let services = &run.ctx.settings.services;
    let notices = run.notes().notices.clone();
    let mut posts = of_run::posts(&EndedRun { release, task, state, end, log, services }, &notices);
    let (sent, due) = (state.notified(), state.due());
    posts.retain(|post| !sent.contains(&post.key) && due.iter().all(|(_, notice)| notice.key != post.key));
    if let Err(error) = announce(run.effects(), &posts) {
        run.warn(format!("{error}; another run may look for its messages in vain"));
    }
    for post in &posts {
        run.with_the_end(due_now(post, Some(task), at));
    }
    DuePosts { posts, at }
}

/// Lets `post` be due, so that it is sent by this run or any later one.
pub(super) fn due_now(post: &Post, task: Option<Task>, at: Timestamp) -> Operation {
    Operation::NoticeDue { task, notice: post.due(at) }
}

/// Sends what this run has to say and what earlier ones left; what arrived is stored. What is not due by this run in
/// the state as it was `stored` with its end is for somebody else to send, or was sent.
pub(super) async fn send(run: &Run<'_>, due: DuePosts, stored: Option<&State>) {
    let DuePosts { mut posts, at } = due;
    if let Some(stored) = stored {
        let due = stored.due();
        let is_ours = |notice: &DueNotice| notice.due_at.is_some_and(|due_at| due_at.as_second() == at.as_second());
        posts.retain(|post| due.iter().any(|(_, notice)| notice.key == post.key && is_ours(notice)));
    }
    let slack = run.ctx.slack();
    let notifier = run.ctx.notifier(&slack);
    let mut arrived = Vec::new();
    let is_something_to_send = !posts.is_empty() || !run.state.due().is_empty();
    if is_something_to_send
        && notifier.may_send()
        && let Err(error) = run.ctx.statebox.may_act(run.release).await
    {
        run.warn(format!("nobody was notified on Slack: {}", chain(&error)));
        return;
    }
    for post in &posts {
        let sent = notifier.send(&run.release.into(), post, Before::Nobody(at), run.effects()).await;
        if sent.is_new {
            run.add_effect(format!("tell {} on Slack", post.team));
        }
        if sent.is_settled {
            arrived.push(Operation::Notified { task: Some(run.task), key: post.key.clone() });
        }
        for warning in sent.warnings {
            run.warn(warning);
        }
    }
    let left = left_behind(notifier, run.release, &run.state, run.effects()).await;
    for (_, notice, _) in left.iter().filter(|(.., sent)| sent.is_new) {
        run.add_effect(format!("tell {} on Slack what was due since {}", notice.team, since(notice)));
    }
    arrived.extend(settled(&left));
    if let Some(warning) = left.into_iter().find_map(|(_, _, sent)| sent.warnings.into_iter().next()) {
        run.warn(warning);
    }
    if let Some(trouble) = store(run.ctx, run.release, &arrived).await {
        run.warn(trouble);
    }
}

/// Sends a message that became due with the creation of the state file; what went wrong with it.
pub(super) async fn send_first(ctx: &Context, release: &ZStream, post: &Post, due_at: Timestamp) -> Vec<String> {
    let ledger = match Ledger::open(&ctx.home, &release.into()) {
        Ok(ledger) => ledger,
        Err(error) => return vec![format!("nobody was notified on Slack: {error}")],
    };
    let effects = Effects { ledger: &ledger, clock: &ctx.clock, cancel: &ctx.cancel };
    let mut trouble: Vec<_> =
        announce(effects, std::slice::from_ref(post)).err().map(|error| error.to_string()).into_iter().collect();
    let slack = ctx.slack();
    let sent = ctx.notifier(&slack).send(&release.into(), post, Before::Nobody(due_at), effects).await;
    if sent.is_settled {
        let arrived = Operation::Notified { task: None, key: post.key.clone() };
        trouble.extend(store(ctx, release, &[arrived]).await);
    }
    trouble.extend(sent.warnings);
    trouble
}

/// What became of the messages that earlier runs left.
#[derive(Debug, Default)]
pub struct LateMessages {
    /// What was done or went wrong, a line each.
    pub said: Vec<String>,
    /// When a look settles the next one that is left.
    pub look_again: Option<Timestamp>,
}

/// Sends what earlier runs left, from whatever machine.
pub async fn catch_up(ctx: &Context, release: &ZStream, state: &State) -> LateMessages {
    let ledger = match Ledger::open(&ctx.home, &release.into()) {
        Ok(ledger) => ledger,
        Err(error) => return LateMessages { said: vec![error.to_string()], look_again: None },
    };
    let effects = Effects { ledger: &ledger, clock: &ctx.clock, cancel: &ctx.cancel };
    let slack = ctx.slack();
    let left = left_behind(ctx.notifier(&slack), release, state, effects).await;
    let mut said: Vec<_> = left
        .iter()
        .filter(|(.., sent)| sent.is_new)
        .map(|(_, notice, _)| format!("{} is informed on Slack of what was due since {}", notice.team, since(notice)))
        .collect();
    said.extend(store(ctx, release, &settled(&left)).await);
    let look_again = left.iter().filter_map(|(.., sent)| sent.look_again).min();
    said.extend(left.into_iter().flat_map(|(_, _, sent)| sent.warnings));
    LateMessages { said, look_again }
}

/// Stores that messages arrived; what went wrong with that.
pub async fn store(ctx: &Context, release: &ZStream, arrived: &[Operation]) -> Option<String> {
    if arrived.is_empty() {
        return None;
    }
    match ctx.statebox.apply_or_keep(release, arrived, "Remember sent messages").await {
        Ok(stored) => stored.notice(),
        // The ledger of this machine and the message itself tell the next run.
        Err(error) => Some(format!("it is not stored which messages were sent: {}", chain(&error))),
    }
}

type Left = (Option<Task>, DueNotice, Sent);

async fn left_behind(notifier: Notifier<'_>, release: &ZStream, state: &State, effects: Effects<'_>) -> Vec<Left> {
    let mut left = Vec::new();
    for (task, notice) in state.due() {
        let clock = if effects.ledger.announced(&announcement(&notice.key)) { ClockOf::Us } else { ClockOf::Others };
        let before = match clock {
            // This machine knows whether it tried.
            ClockOf::Us => Before::Nobody(effects.clock.now()),
            ClockOf::Others => Before::Due(Announced { at: notice.due_at.unwrap_or(Timestamp::UNIX_EPOCH), clock }),
        };
        let sent = notifier.send(&release.into(), &Post::of_due(&notice), before, effects).await;
        left.push((task, notice, sent));
    }
    left
}

fn settled(left: &[Left]) -> Vec<Operation> {
    let settled = left.iter().filter(|(.., sent)| sent.is_settled);
    settled.map(|(task, notice, _)| Operation::Notified { task: *task, key: notice.key.clone() }).collect()
}

/// Notes in the ledger of this machine that `posts` become due by it.
///
/// # Errors
///
/// The ledger cannot be written.
pub(super) fn announce(effects: Effects<'_>, posts: &[Post]) -> Result<(), EffectError> {
    posts.iter().try_for_each(|post| effects.ledger.announces(effects.clock.now(), &announcement(&post.key)))
}

fn announcement(key: &str) -> String {
    format!("notice/{key}")
}

fn since(notice: &DueNotice) -> String {
    notice.due_at.map(stamp).unwrap_or_default()
}
