//! Messages on their way: who is called, where they go, and that each goes once.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::escape::{log_pieces, pieces};
use super::post::{Mention, Post, Thread};
use crate::core::clients::slack::Slack;
use crate::core::clock::Clock;
use crate::core::config::settings::{Settings, SlackSettings};
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{EffectError, Effects};
use crate::domain::credential::Credential;
use crate::domain::mask::Masker;
use crate::domain::release::ZStream;

/// What sending a message takes.
#[derive(Debug, Clone, Copy)]
pub struct Notifier<'a> {
    /// Channels, groups, credential and the thread that asked.
    pub settings: &'a Settings,
    /// The client.
    pub slack: &'a Slack,
    /// Folder of this machine, for the ledger.
    pub home: &'a Path,
    /// For time stamps of the ledger.
    pub clock: &'a Clock,
    /// Ends the pauses.
    pub cancel: &'a CancellationToken,
    /// Post no messages.
    pub no_notify: bool,
    /// Change nothing outside.
    pub dry_run: bool,
}

/// What became of a message.
#[derive(Debug, Default)]
pub struct Sent {
    /// Did the channel get it by this call?
    pub is_new: bool,
    /// What went wrong with it.
    pub warnings: Vec<String>,
}

impl Sent {
    fn warned(warning: String) -> Self {
        Self { is_new: false, warnings: vec![warning] }
    }
}

impl Notifier<'_> {
    /// Sends a message about `release`, once whatever happens, within the effects of a run.
    pub async fn send(self, release: &ZStream, post: &Post, effects: Effects<'_>) -> Sent {
        if self.no_notify || self.dry_run {
            return Sent::default();
        }
        match self.prepared(release, post).await {
            Ok(prepared) => prepared.send(post, effects).await,
            Err(why) => Sent::warned(format!("nobody was notified on Slack: {why}")),
        }
    }

    /// Sends a message that belongs to no run; what went wrong with it.
    pub(super) async fn send_alone(self, release: &ZStream, post: &Post) -> Vec<String> {
        let ledger = match Ledger::open(self.home, &release.into()) {
            Ok(ledger) => ledger,
            Err(error) => return vec![format!("nobody was notified on Slack: {error}")],
        };
        let effects = Effects { ledger: &ledger, clock: self.clock, cancel: self.cancel };
        self.send(release, post, effects).await.warnings
    }

    async fn prepared(&self, release: &ZStream, post: &Post) -> Result<Prepared<'_>, String> {
        if self.settings.credentials.get(Credential::SlackBotToken).is_none() {
            return Err(format!("{} is not set", Credential::SlackBotToken));
        }
        let sealed = self.settings.sealed().map_err(|error| error.to_string())?;
        let channel = sealed.slack_channel(post.team).map_err(|error| error.to_string())?.to_owned();
        let lead = || sealed.lead_handle(release.minor()).map(|lead| lead.id).ok();
        let slack = self.slack;
        let mut warnings = Vec::new();
        let mention = match &post.mention {
            Mention::Lead => group(slack, lead(), &mut warnings).await,
            Mention::Team => group(slack, sealed.slack_handle(post.team).ok(), &mut warnings).await,
            Mention::Person(mail) => match person(slack, mail, &mut warnings).await {
                Some(person) => format!("{person} "),
                None => group(slack, lead(), &mut warnings).await,
            },
        };
        let mut text = self.settings.credentials.masker().mask(&post.text);
        if let Some(mail) = &post.owner
            && let Some(owner) = person(slack, mail, &mut warnings).await
        {
            text = format!("{text}\nOwner: {owner}");
        }
        let masker = self.settings.credentials.masker();
        Ok(Prepared { asked: &self.settings.slack, masker, slack, channel, mention, text, warnings })
    }
}

/// A message with everything looked up.
struct Prepared<'a> {
    masker: &'a Masker,
    slack: &'a Slack,
    /// The thread that asked.
    asked: &'a SlackSettings,
    channel: String,
    mention: String,
    text: String,
    warnings: Vec<String>,
}

impl Prepared<'_> {
    async fn send(self, post: &Post, effects: Effects<'_>) -> Sent {
        let mut sent = Sent { is_new: false, warnings: self.warnings.clone() };
        let all = pieces(&self.mention, &self.text);
        match self.once(&format!("slack/{}", post.key), post.team, &self.channel, None, &all, effects).await {
            Ok(true) => sent.is_new = true,
            // Whoever was not called before is not called now: no reason to complain again.
            Ok(false) => sent.warnings.clear(),
            Err(error) => sent.warnings = vec![format!("nobody was notified on Slack: {}", why(&error))],
        }
        let (Some(channel), Some(thread)) = (&self.asked.channel, &self.asked.thread) else { return sent };
        let replies = match &post.thread {
            Thread::Nothing => return sent,
            Thread::Log(log) if !log.trim().is_empty() => {
                let mut replies = pieces("", &self.text);
                replies.extend(log_pieces(&self.masker.hide(log)));
                replies
            }
            Thread::Same | Thread::Log(_) => pieces("", &self.text),
        };
        let key = format!("slack/{channel}/{thread}/{}", post.key);
        if let Err(error) = self.once(&key, "the thread", channel, Some(thread), &replies, effects).await {
            sent.warnings.push(format!("the Slack thread that asked got no message: {}", why(&error)));
        }
        sent
    }

    /// Posts the pieces that were not posted before; was the first one posted now?
    async fn once(
        &self,
        key: &str,
        place: &str,
        channel: &str,
        thread: Option<&str>,
        pieces: &[String],
        effects: Effects<'_>,
    ) -> Result<bool, EffectError> {
        let mut is_new = false;
        for (number, piece) in pieces.iter().enumerate() {
            let what = format!("post a message to {place}");
            let post = async || self.slack.post_message(channel, piece, thread).await;
            match effects.at_most_once(&format!("{key}/{number}"), &what, post).await? {
                Some(_) => is_new |= number == 0,
                None if number == 0 => return Ok(false),
                None => {}
            }
        }
        Ok(is_new)
    }
}

/// The mention of a group with a blank behind it; without it the message goes out all the same.
async fn group(slack: &Slack, handle: Option<&str>, warnings: &mut Vec<String>) -> String {
    let Some(handle) = handle else { return String::new() };
    match slack.group_id(handle).await {
        Ok(Some(id)) => return format!("<!subteam^{id}> "),
        Ok(None) => warnings.push(format!("Slack knows no user group {handle}; nobody was mentioned")),
        Err(error) => warnings.push(format!("nobody was mentioned: {error}")),
    }
    String::new()
}

/// The mention of a person. Addresses of mailing systems carry a suffix (`name+jira@…`) that Slack does not know.
async fn person(slack: &Slack, mail: &str, warnings: &mut Vec<String>) -> Option<String> {
    let plain = match mail.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => mail.to_owned(),
    };
    match slack.user_id(&plain).await {
        Ok(Some(id)) => return Some(format!("<@{id}>")),
        Ok(None) => warnings.push("Slack knows nobody with the owner's mail address".to_owned()),
        Err(error) => warnings.push(format!("the owner was not mentioned: {error}")),
    }
    None
}

fn why(error: &EffectError) -> String {
    if let EffectError::Unknown { cause: Some(cause), .. } = error {
        return format!("the message may have got lost ({cause}); it is not sent a second time");
    }
    format!("{error}; {}", error.next_step())
}
