//! Messages on their way: who is called, where they go, and that each goes once.

use std::cell::Cell;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::escape::{log_pieces, pieces};
use super::post::{Mention, Post, Thread};
use crate::core::clients::error::{ClientError, Fault};
use crate::core::clients::slack::Slack;
use crate::core::clock::Clock;
use crate::core::config::settings::{Settings, SlackSettings};
use crate::core::effects::ledger::Ledger;
use crate::core::effects::{Effect, EffectError, Effects, Look};
use crate::domain::absence::{Announced, ClockOf, Shown};
use crate::domain::credential::Credential;
use crate::domain::dates::stamp;
use crate::domain::mask::Masker;
use crate::domain::subject::Subject;

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
    /// Is it certain that the channel has it, or will not get it any more?
    pub is_settled: bool,
    /// When a look settles whether an earlier try arrived.
    pub look_again: Option<Timestamp>,
    /// What went wrong with it.
    pub warnings: Vec<String>,
}

impl Sent {
    fn warned(warning: String) -> Self {
        Self { warnings: vec![warning], ..Self::default() }
    }
}

/// Who may have sent a message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nobody before that time of this machine, at which it became due or was found to be left.
    Nobody(Timestamp),
    /// A machine that did not come to store it.
    Perhaps,
    /// Whoever let it be due at that time.
    Due(Announced),
}

impl Notifier<'_> {
    /// Sends a message about `subject`, once whatever happens, within the effects of a run.
    pub async fn send(self, subject: &Subject, post: &Post, before: Before, effects: Effects<'_>) -> Sent {
        if self.no_notify || self.dry_run {
            return Sent::default();
        }
        match self.prepared(subject, post).await {
            Ok(prepared) => Box::pin(prepared.send(post, before, effects)).await,
            Err(why) => Sent::warned(format!("nobody was notified on Slack: {why}")),
        }
    }

    /// Would a message leave at all?
    pub fn may_send(&self) -> bool {
        let has_token = self.settings.credentials.get(Credential::SlackBotToken).is_some();
        !self.no_notify && !self.dry_run && has_token && self.settings.sealed().is_ok()
    }

    /// Sends a message that belongs to no run.
    pub async fn send_alone(self, subject: &Subject, post: &Post, before: Before) -> Sent {
        let ledger = match Ledger::open(self.home, subject) {
            Ok(ledger) => ledger,
            Err(error) => return Sent::warned(format!("nobody was notified on Slack: {error}")),
        };
        let effects = Effects { ledger: &ledger, clock: self.clock, cancel: self.cancel };
        self.send(subject, post, before, effects).await
    }

    async fn prepared(&self, subject: &Subject, post: &Post) -> Result<Prepared<'_>, String> {
        if self.settings.credentials.get(Credential::SlackBotToken).is_none() {
            return Err(format!("{} is not set", Credential::SlackBotToken));
        }
        let sealed = self.settings.sealed().map_err(|error| error.to_string())?;
        let channel = sealed.slack_channel(&post.team).map_err(|error| error.to_string())?.to_owned();
        let lead = || sealed.lead_handle(subject.minor()).map(|lead| lead.id).ok();
        let slack = self.slack;
        let mut warnings = Vec::new();
        let mention = match &post.mention {
            Mention::Lead => group(slack, lead(), &mut warnings).await,
            Mention::Team => group(slack, sealed.slack_handle(&post.team).ok(), &mut warnings).await,
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
        Ok(Prepared {
            subject: subject.clone(),
            asked: &self.settings.slack,
            masker,
            slack,
            channel,
            mention,
            text,
            warnings,
        })
    }
}

/// A message with everything looked up.
struct Prepared<'a> {
    subject: Subject,
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
    async fn send(self, post: &Post, before: Before, effects: Effects<'_>) -> Sent {
        let mut sent = Sent { warnings: self.warnings.clone(), ..Sent::default() };
        let all = pieces(&self.mention, &self.text);
        let place = MessagePlace { name: &post.team, channel: &self.channel, thread: None };
        match self.once(&format!("slack/{}", post.key), place, &all, before, effects).await {
            Ok(true) => (sent.is_new, sent.is_settled) = (true, true),
            // Whoever was not called before is not called now: no reason to complain again.
            Ok(false) => (sent.is_settled, sent.warnings) = (true, Vec::new()),
            Err(EffectError::Unproven { look_again, cause: None, .. }) => {
                (sent.look_again, sent.warnings) = (Some(look_again), Vec::new());
            }
            Err(error) => {
                sent.is_settled = matches!(error, EffectError::OutOfSight { .. });
                sent.warnings = vec![format!("nobody was notified on Slack: {}", why(&error, &post.team))];
            }
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
        let place = MessagePlace { name: "the thread", channel, thread: Some(thread) };
        if let Err(error) = self.once(&key, place, &replies, before, effects).await {
            let why = why(&error, &post.team);
            sent.warnings.push(format!("the Slack thread that asked got no message: {why}"));
        }
        sent
    }

    /// Posts the pieces that are not there; was the first one posted now?
    async fn once(
        &self,
        key: &str,
        place: MessagePlace<'_>,
        pieces: &[String],
        before: Before,
        effects: Effects<'_>,
    ) -> Result<bool, EffectError> {
        let MessagePlace { name, channel, thread } = place;
        let mut is_new = false;
        for (number, piece) in pieces.iter().enumerate() {
            let (key, what) = (format!("{key}/{number}"), format!("post a message to {name}"));
            if effects.ledger.has(&key) {
                continue;
            }
            let due = if let Before::Due(announced) = before { Some(announced) } else { None };
            let late = match before {
                Before::Nobody(since) => stood_still(since, effects).await.then_some(since),
                Before::Perhaps | Before::Due(_) => None,
            };
            // Whoever came by meanwhile may have sent it in our place.
            let due = due.or_else(|| late.map(|at| Announced { at, clock: ClockOf::Us }));
            let announced = effects.open(&key).into_iter().chain(due).max_by_key(|tried| tried.settled_at());
            let since = announced.map_or_else(|| effects.clock.now(), |announced| announced.at);
            let since = since.checked_sub(LOOKS_BACK).unwrap_or(Timestamp::MIN);
            let marker = format!("{}/{key}", self.subject.file_name());
            // What nobody can have sent is looked for only once its answer got lost.
            let looks = Cell::new(announced.is_some() || before == Before::Perhaps);
            let look = async || {
                if !looks.replace(true) {
                    return Ok(Look::at_object(None));
                }
                match self.slack.markers(channel, thread, since).await {
                    Ok(shown) if shown.keys.contains(&marker) => Ok(Look::Found(())),
                    Ok(shown) => Ok(Look::Absent(Shown {
                        newest: shown.newest,
                        reaches_back_to: shown.oldest.filter(|_| shown.is_cut),
                    })),
                    Err(error) if error.fault == Fault::Refused(MISSING_SCOPE.to_owned()) => Ok(Look::Blind),
                    // Nobody has answered in it yet.
                    Err(error) if error.fault == Fault::Refused(NO_THREAD.to_owned()) => Ok(Look::at_object(None)),
                    Err(error) => Err(error),
                }
            };
            let looked_at = effects.clock.now();
            let ready = async || {
                if !stood_still(looked_at, effects).await {
                    return Ok(());
                }
                Err(EffectError::Unproven { what: what.clone(), look_again: effects.clock.now(), cause: None })
            };
            let post = async || self.slack.post_message(channel, piece, thread, &marker).await.map(drop);
            let effect = Effect { key: &key, what: &what, announced };
            let ended = effects.once(&effect, look, ready, post).await?;
            is_new |= number == 0 && ended.is_new();
        }
        Ok(is_new)
    }
}

/// Did so much time pass since then that others may have sent what was due?
async fn stood_still(since: Timestamp, effects: Effects<'_>) -> bool {
    effects.clock.refresh(effects.cancel).await;
    effects.clock.now().duration_since(since) > SENT_WITHIN
}

/// From its becoming due to its way out a message takes seconds; after that others count it as left behind.
const SENT_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// Where a message goes.
#[derive(Clone, Copy)]
struct MessagePlace<'a> {
    name: &'a str,
    channel: &'a str,
    thread: Option<&'a str>,
}

/// How long before its announcement a message is looked for: clocks differ, and whoever crashed is taken over after
/// hours.
const LOOKS_BACK: SignedDuration = SignedDuration::from_hours(24);

/// What Slack says of a thread that nobody can see.
const NO_THREAD: &str = "thread_not_found";

/// What Slack says when the token may not look at a channel.
const MISSING_SCOPE: &str = "missing_scope";

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

fn why(error: &EffectError, team: &str) -> String {
    match error {
        EffectError::Unproven { look_again, cause: Some(cause), .. } => format!(
            "the message may have got lost ({cause}); a run from {} on looks for it before it is sent again",
            stamp(*look_again)
        ),
        EffectError::OutOfSight { at, .. } => format!(
            "nobody knows whether the message that was due at {} arrived, and it is not sent a second time: Slack lets \
             the bot not look at the channel (give its token the scopes channels:history and groups:history)",
            stamp(*at)
        ),
        EffectError::Client(ClientError { fault: Fault::Refused(code), .. }) => {
            let step = match code.as_str() {
                "not_in_channel" | "no_permission" | "restricted_action" => {
                    format!("invite the bot into the channel of {team}; the next run sends the message")
                }
                "channel_not_found" | "is_archived" => format!(
                    "choose another channel for {team} (slack.{team}.channel in the sealed settings), or invite the bot \
                     when it is private; the next run sends the message"
                ),
                MISSING_SCOPE => {
                    "give the token of the bot the scope chat:write; the next run sends the message".to_owned()
                }
                _ => error.next_step(),
            };
            format!("{error}; {step}")
        }
        EffectError::Unproven { .. } | EffectError::Client(_) | EffectError::Ledger { .. } => {
            format!("{error}; {}", error.next_step())
        }
    }
}
