//! Messages that belong to no run: what a plan has to say, and that a state file was made.

use std::collections::BTreeSet;

use super::escape::foreign;
use super::post::{Mention, Post, Thread, bold};
use super::send::{Before, Notifier, Sent};
use crate::core::effects::ledger::Ledger;
use crate::domain::release::ZStream;

/// Says that a state file was created.
pub fn state_file_created(release: &ZStream) -> Post {
    let text = format!("{} is prepared: the state file {} was created.", bold(release), release.state_path());
    Post::lead(format!("created/{release}"), text)
}

/// A message of a plan, as far as people get it.
#[derive(Debug, Clone, Copy)]
pub struct PlanMessage<'a> {
    /// One line.
    pub text: &'a str,
    /// What to do, in order.
    pub steps: &'a [String],
    /// Pages to look at.
    pub links: &'a [String],
    /// Mail address of the owner of the release, who is called.
    pub owner: Option<&'a str>,
}

/// Keys of the messages of plans that certainly were sent from this machine; of one that perhaps was, Slack is asked.
pub fn sent_keys(notifier: Notifier<'_>, release: &ZStream) -> BTreeSet<String> {
    let Ok(ledger) = Ledger::open(notifier.home, &release.into()) else { return BTreeSet::new() };
    let place = match (&notifier.settings.slack.channel, &notifier.settings.slack.thread) {
        // Whoever asks from a thread gets it there, too.
        (Some(channel), Some(thread)) => format!("slack/{channel}/{thread}/plan/"),
        _ => "slack/plan/".to_owned(),
    };
    let first = |key: String| Some(key.strip_prefix(&place)?.strip_suffix("/0")?.to_owned());
    ledger.settled().into_iter().filter_map(first).collect()
}

/// Sends a message of a plan to the owner, in the channel of the leads and in the thread that asked.
pub async fn send(notifier: Notifier<'_>, release: &ZStream, message: PlanMessage<'_>, key: &str) -> Sent {
    if notifier.no_notify {
        let warnings = vec!["nobody was notified on Slack: --no-notify".to_owned()];
        return Sent { warnings, ..Sent::default() };
    }

    let steps: String = message.steps.iter().map(|step| format!("\n• {}", foreign(step))).collect();
    let links: String = message.links.iter().map(|link| format!("\n{}", foreign(link))).collect();
    let text = format!("{} {}{steps}{links}", bold(release), foreign(message.text));
    let mention = message.owner.map_or(Mention::Lead, |mail| Mention::Person(mail.to_owned()));
    let post = Post { mention, thread: Thread::Same, ..Post::lead(format!("plan/{key}"), text) };
    // Every machine finds the same things to say.
    notifier.send_alone(&release.into(), &post, Before::Perhaps).await
}
