//! Messages on their way: who is called, where they go, and that each goes once.

use std::collections::BTreeSet;

use super::escape::{foreign, log_pieces, pieces};
use super::notices;
use crate::core::clients::slack::Slack;
use crate::core::context::Context;
use crate::core::effects::{EffectError, Effects, Ledger};
use crate::domain::credential::Credential;
use crate::domain::mask;
use crate::domain::outcome::Outcome;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;
use crate::operators::error::TaskError;
use crate::operators::run::Run;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    /// Unique within the release.
    pub(super) key: String,
    /// Team whose channel gets it.
    pub(super) team: &'static str,
    /// Who is called.
    pub(super) mention: Mention,
    /// The text, without mention; foreign parts of it are harmless already.
    pub(super) text: String,
    /// Mail address of the owner whom the text is about.
    pub(super) owner: Option<String>,
    /// What the thread gets from which somebody started us.
    pub(super) thread: Thread,
}

/// Who is called by a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mention {
    /// The user group that leads releases of the minor.
    Lead,
    /// The user group of the team.
    Team,
    /// One person, by mail address; the lead group where Slack does not know the address.
    Person(String),
}

/// What goes into the thread from which somebody started us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thread {
    /// Nothing.
    Nothing,
    /// The same text.
    Same,
    /// This log; the same text when it is empty.
    Log(String),
}

impl Post {
    /// A message to the release leads.
    pub(super) const fn lead(key: String, text: String) -> Self {
        Self { key, team: "qe-release", mention: Mention::Lead, text, owner: None, thread: Thread::Nothing }
    }
}

/// Tells people how a run ended, where that is worth a message.
pub async fn after(run: &Run<'_>, ended: Result<&Outcome, &TaskError>) {
    for post in notices::posts(run, ended) {
        if run.state.task(run.task).is_some_and(|entry| entry.notified.contains(&post.key)) {
            continue;
        }
        let sent = send(run.ctx, run.release, &post, run.effects()).await;
        if sent.is_new {
            run.add_effect(format!("tell {} on Slack", post.team));
            run.with_the_end(Operation::Notified { task: run.task, key: post.key.clone() });
        }
        for warning in sent.warnings {
            run.warn(warning);
        }
    }
}

/// Tells that a state file was created; a warning when that was not possible.
pub async fn state_file_created(ctx: &Context, release: &ZStream) -> Option<String> {
    let text = format!("{} is prepared: the state file {} was created.", bold(release), release.state_path());
    let warnings = alone(ctx, release, &Post::lead(format!("created/{release}"), text)).await;
    (!warnings.is_empty()).then(|| warnings.join("; "))
}

/// A message of a plan, as far as people are reported.
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

/// Keys of the messages of plans that were distinguished from this machine and are not reported again.
pub fn plan_keys(ctx: &Context, release: &ZStream) -> BTreeSet<String> {
    let Ok(ledger) = Ledger::open(&ctx.home, &release.to_string()) else { return BTreeSet::new() };
    let place = match (&ctx.settings.slack.channel, &ctx.settings.slack.thread) {
        // Whoever asks from a thread is reported there, too.
        (Some(channel), Some(thread)) => format!("slack/{channel}/{thread}/plan/"),
        _ => "slack/plan/".to_owned(),
    };
    let first = |key: String| Some(key.strip_prefix(&place)?.strip_suffix("/0")?.to_owned());
    ledger.tried().into_iter().filter_map(first).collect()
}

/// Tells a message of a plan to the owner, in the channel of the leads and in the thread that asked. What went
/// wrong with that comes back in words.
pub async fn of_plan(ctx: &Context, release: &ZStream, message: PlanMessage<'_>, key: &str) -> Vec<String> {
    if ctx.options.no_notify {
        return vec!["nobody was notified on Slack: --no-notify".to_owned()];
    }

    let steps: String = message.steps.iter().map(|step| format!("\n• {}", foreign(step))).collect();
    let links: String = message.links.iter().map(|link| format!("\n{}", foreign(link))).collect();
    let text = format!("{} {}{steps}{links}", bold(release), foreign(message.text));
    let mention = message.owner.map_or(Mention::Lead, |mail| Mention::Person(mail.to_owned()));
    let post = Post { mention, thread: Thread::Same, ..Post::lead(format!("plan/{key}"), text) };
    alone(ctx, release, &post).await
}

async fn alone(ctx: &Context, release: &ZStream, post: &Post) -> Vec<String> {
    let ledger = match Ledger::open(&ctx.home, &release.to_string()) {
        Ok(ledger) => ledger,
        Err(error) => return vec![format!("nobody was notified on Slack: {error}")],
    };
    let effects = Effects { ledger: &ledger, clock: &ctx.clock, cancel: &ctx.cancel };
    send(ctx, release, post, effects).await.warnings
}

/// What became of a message.
#[derive(Debug, Default)]
struct Sent {
    /// Did the channel get it by this call?
    is_new: bool,
    warnings: Vec<String>,
}

impl Sent {
    fn warned(warning: String) -> Self {
        Self { is_new: false, warnings: vec![warning] }
    }
}

async fn send(ctx: &Context, release: &ZStream, post: &Post, effects: Effects<'_>) -> Sent {
    if ctx.options.no_notify || ctx.options.dry_run {
        return Sent::default();
    }
    match prepared(ctx, release, post).await {
        Ok(prepared) => prepared.send(ctx, post, effects).await,
        Err(why) => Sent::warned(format!("nobody was notified on Slack: {why}")),
    }
}

/// A message with everything looked up.
struct Prepared {
    slack: Slack,
    channel: String,
    mention: String,
    text: String,
    warnings: Vec<String>,
}

async fn prepared(ctx: &Context, release: &ZStream, post: &Post) -> Result<Prepared, String> {
    if ctx.settings.credentials.get(Credential::SlackBotToken).is_none() {
        return Err(format!("{} is not set", Credential::SlackBotToken));
    }
    let sealed = ctx.sealed().map_err(|error| error.to_string())?;
    let channel = sealed.slack_channel(post.team).map_err(|error| error.to_string())?.to_owned();
    let lead = || sealed.lead_handle(release.minor()).map(|lead| lead.id).ok();
    let slack = ctx.slack();
    let mut warnings = Vec::new();
    let mention = match &post.mention {
        Mention::Lead => group(&slack, lead(), &mut warnings).await,
        Mention::Team => group(&slack, sealed.slack_handle(post.team).ok(), &mut warnings).await,
        Mention::Person(mail) => match person(&slack, mail, &mut warnings).await {
            Some(person) => format!("{person} "),
            None => group(&slack, lead(), &mut warnings).await,
        },
    };
    let mut text = mask::mask(&post.text);
    if let Some(mail) = &post.owner
        && let Some(owner) = person(&slack, mail, &mut warnings).await
    {
        text = format!("{text}\nOwner: {owner}");
    }
    Ok(Prepared { slack, channel, mention, text, warnings })
}

impl Prepared {
    async fn send(self, ctx: &Context, post: &Post, effects: Effects<'_>) -> Sent {
        let mut sent = Sent { is_new: false, warnings: self.warnings.clone() };
        let all = pieces(&self.mention, &self.text);
        match self.once(&format!("slack/{}", post.key), post.team, &self.channel, None, &all, effects).await {
            Ok(true) => sent.is_new = true,
            // Whoever was not called before is not called now: no reason to complain again.
            Ok(false) => sent.warnings.clear(),
            Err(error) => sent.warnings = vec![format!("nobody was notified on Slack: {}", reported(&error))],
        }
        let asked = &ctx.settings.slack;
        let (Some(channel), Some(thread)) = (&asked.channel, &asked.thread) else { return sent };
        let replies = match &post.thread {
            Thread::Nothing => return sent,
            Thread::Log(log) if !log.trim().is_empty() => {
                let mut replies = pieces("", &self.text);
                replies.extend(log_pieces(log));
                replies
            }
            Thread::Same | Thread::Log(_) => pieces("", &self.text),
        };
        let key = format!("slack/{channel}/{thread}/{}", post.key);
        if let Err(error) = self.once(&key, "the thread", channel, Some(thread), &replies, effects).await {
            sent.warnings.push(format!("the Slack thread that asked was not reported: {}", reported(&error)));
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

fn reported(error: &EffectError) -> String {
    if let EffectError::Unknown { cause: Some(cause), .. } = error {
        return format!("the message may have got lost ({cause}); it is not sent a second time");
    }
    format!("{error}; {}", error.next_step())
}

pub(super) fn bold(release: &ZStream) -> String {
    format!("*[{release}]*")
}
