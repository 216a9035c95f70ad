//! Messages to people; a message never changes a task's status.
//!
//! Each message has a key and is sent at most once: the key is kept in the ledger of this machine
//! before sending and with the task afterwards.

use crate::core::clients::slack::Slack;
use crate::core::config::credentials::Credential;
use crate::core::context::Context;
use crate::core::effects::{EffectError, Effects, Ledger};
use crate::domain::mask;
use crate::domain::release::ZStream;
use crate::domain::state::operation::Operation;
use crate::domain::task::{JobSystem, Outcome, Task};
use crate::operators::run::Run;

/// Longest text that is sent as one message; Slack shows longer ones badly.
const LONGEST_MESSAGE: usize = 4000;

/// Size of the pieces of a longer text.
const PIECE: usize = 2500;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Post {
    /// Unique within the release.
    key: String,
    /// Team whose channel gets it.
    team: &'static str,
    /// Who is mentioned.
    mention: Mention,
    /// The text, without mention.
    text: String,
}

/// Who is mentioned in front of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mention {
    /// The user group that leads releases of the minor.
    Lead,
    /// The user group of the team.
    Team,
}

/// Tells people how a run ended, where that is worth a message.
pub async fn after(run: &Run<'_>, outcome: &Outcome) {
    for post in posts(run, outcome) {
        if run.state.task(run.task).is_some_and(|entry| entry.notified.contains(&post.key)) {
            continue;
        }
        match send(run.ctx, run.release, &post, run.effects()).await {
            Ok(Sent::Now(warning)) => {
                run.tell_effect(format!("tell {} on Slack", post.team));
                run.with_the_end(Operation::Notified { task: run.task, key: post.key.clone() });
                if let Some(warning) = warning {
                    run.warn(warning);
                }
            }
            Ok(Sent::Before | Sent::NotWanted) => {}
            Err(why) => run.warn(format!("nobody was told on Slack: {why}")),
        }
    }
}

/// Tells that a state file was created; a warning when that was not possible.
pub async fn state_file_created(ctx: &Context, release: &ZStream) -> Option<String> {
    let text = format!("{} is prepared: the state file {} was created.", bold(release), release.state_path());
    let post = Post { key: format!("created/{release}"), team: "qe-release", mention: Mention::Lead, text };
    alone(ctx, release, &post).await
}

/// A message of a plan, as far as people are told.
#[derive(Debug, Clone, Copy)]
pub struct PlanMessage<'a> {
    /// One line.
    pub text: &'a str,
    /// What to do, in order.
    pub steps: &'a [String],
    /// Pages to look at.
    pub links: &'a [String],
}

/// Tells a message of a plan.
pub async fn of_plan(ctx: &Context, release: &ZStream, message: PlanMessage<'_>, key: &str) {
    let steps: String = message.steps.iter().map(|step| format!("\n• {}", escaped(step))).collect();
    let links: String = message.links.iter().map(|link| format!("\n{link}")).collect();
    let text = format!("{} {}{steps}{links}", bold(release), escaped(message.text));
    let post = Post { key: format!("plan/{key}"), team: "qe-release", mention: Mention::Lead, text };
    if let Some(warning) = alone(ctx, release, &post).await {
        tracing::warn!("{warning}");
    }
}

async fn alone(ctx: &Context, release: &ZStream, post: &Post) -> Option<String> {
    let ledger = match Ledger::open(&ctx.home, &release.to_string()) {
        Ok(ledger) => ledger,
        Err(error) => return Some(format!("nobody was told on Slack: {error}")),
    };
    let effects = Effects { ledger: &ledger, clock: &ctx.clock, cancel: &ctx.cancel };
    match send(ctx, release, post, effects).await {
        Ok(Sent::Now(warning)) => warning,
        Ok(Sent::Before | Sent::NotWanted) => None,
        Err(why) => Some(format!("nobody was told on Slack: {why}")),
    }
}

enum Sent {
    Now(Option<String>),
    Before,
    NotWanted,
}

async fn send(ctx: &Context, release: &ZStream, post: &Post, effects: Effects<'_>) -> Result<Sent, String> {
    if ctx.options.no_notify || ctx.options.dry_run {
        return Ok(Sent::NotWanted);
    }
    if ctx.settings.credentials.get(Credential::SlackBotToken).is_none() {
        return Err(format!("{} is not set", Credential::SlackBotToken));
    }
    let sealed = ctx.sealed().map_err(|error| error.to_string())?;
    let channel = sealed.slack_channel(post.team).map_err(|error| error.to_string())?;
    let handle = match post.mention {
        Mention::Lead => sealed.lead_handle(release.minor()).map(|lead| lead.id),
        Mention::Team => sealed.slack_handle(post.team),
    };
    let slack = ctx.slack();
    let (mention, warning) = mention(&slack, handle.ok()).await;
    let text = format!("{mention}{}", mask::mask(&post.text));
    for (place, piece) in pieces(&text).iter().enumerate() {
        let key = format!("slack/{}/{place}", post.key);
        let what = format!("post a message to {}", post.team);
        let sent = effects.at_most_once(&key, &what, async || slack.post_message(channel, piece, None).await).await;
        match sent {
            Ok(Some(_)) => {}
            Ok(None) if place == 0 => return Ok(Sent::Before),
            Ok(None) => {}
            Err(error) => return Err(told(&error)),
        }
    }
    Ok(Sent::Now(warning))
}

/// The mention with a blank behind it; without a group the message goes out all the same.
async fn mention(slack: &Slack, handle: Option<&str>) -> (String, Option<String>) {
    let Some(handle) = handle else { return (String::new(), None) };
    match slack.group_id(handle).await {
        Ok(Some(id)) => (format!("<!subteam^{id}> "), None),
        Ok(None) => (String::new(), Some(format!("Slack knows no user group {handle}; nobody was mentioned"))),
        Err(error) => (String::new(), Some(format!("nobody was mentioned: {error}"))),
    }
}

fn told(error: &EffectError) -> String {
    if let EffectError::Unknown { cause: Some(cause), .. } = error {
        return format!("the message may have got lost ({cause}); it is not sent a second time");
    }
    format!("{error}; {}", error.next_step())
}

/// What is worth a message.
fn posts(run: &Run<'_>, outcome: &Outcome) -> Vec<Post> {
    let (release, task) = (run.release, run.task);
    let post = |key: String, text: String| Post { key, team: "qe-release", mention: Mention::Lead, text };
    match (task, outcome) {
        (Task::TakeOwnership, Outcome::Passed { .. }) => {
            let advisories: Vec<_> =
                run.state.metadata().advisory_ids.iter().map(|(impetus, id)| format!("{impetus} {id}")).collect();
            let mr = run.state.metadata().shipment_mr.map(|url| format!("\n{url}")).unwrap_or_default();
            let text = format!("{} has a release lead. Advisories: {}{mr}", bold(release), advisories.join(", "));
            let mut all = vec![post("ownership".to_owned(), text)];
            all.extend(abnormal(run).map(|text| Post {
                key: format!("abnormal/{text}"),
                team: "art",
                mention: Mention::Team,
                text: format!(
                    "{} {}\nPlease help: QE cannot work on them in this state.",
                    bold(release),
                    escaped(&text)
                ),
            }));
            all
        }
        (Task::StageTesting | Task::ImageConsistencyCheck, Outcome::Waiting { job: Some(job), .. }) => {
            let name = match job.system {
                JobSystem::Jenkins => "the stage pipeline",
                JobSystem::Prow => "the image-consistency job",
            };
            // Told once, by the run that started it; later looks know more about the job, but start none.
            if !run.notes().effects.iter().any(|effect| effect.starts_with("start ")) {
                return Vec::new();
            }
            let since = job.triggered_at.map(|at| at.to_string()).unwrap_or_default();
            let page = job.url.as_deref().unwrap_or("its page does not exist yet");
            vec![post(format!("job/{task}/{since}"), format!("{} {name} was started: {page}", bold(release)))]
        }
        (Task::ChangeAdvisoryStatus, Outcome::Passed { summary }) => {
            vec![post("approved".to_owned(), format!("{} is approved: {}", bold(release), escaped(summary)))]
        }
        (_, _) => Vec::new(),
    }
}

/// The blocker about advisories in an abnormal state that this run is going to store.
fn abnormal(run: &Run<'_>) -> Option<String> {
    run.notes().operations.iter().find_map(|operation| {
        let Operation::AddIssue(issue) = operation else { return None };
        issue.blocker.then(|| issue.text.clone())
    })
}

fn bold(release: &ZStream) -> String {
    format!("*[{release}]*")
}

/// Slack reads these three characters as markup; text from outside must not mention or link anybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One message, or pieces cut at line ends in code blocks whose fences cannot be broken from inside.
fn pieces(text: &str) -> Vec<String> {
    if text.chars().count() <= LONGEST_MESSAGE {
        return vec![text.to_owned()];
    }
    let mut all = Vec::new();
    let mut piece = String::new();
    for line in text.replace("```", "'''").lines() {
        let chars: Vec<char> = line.chars().collect();
        for part in chars.chunks(PIECE).map(|part| part.iter().collect::<String>()) {
            if !piece.is_empty() && piece.chars().count() + part.chars().count() + 1 > PIECE {
                all.push(format!("```{}```", std::mem::take(&mut piece)));
            }
            if !piece.is_empty() {
                piece.push('\n');
            }
            piece.push_str(&part);
        }
    }
    if !piece.is_empty() {
        all.push(format!("```{piece}```"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_line_ends_and_cannot_break_its_fence() {
        let text = "line with ``` inside\n".repeat(400);
        let all = pieces(&text);
        assert!(all.len() > 3);
        for piece in all {
            assert_eq!(piece.matches("```").count(), 2, "{piece}");
            assert!(piece.chars().count() <= PIECE + 6);
        }
    }

    #[test]
    fn text_from_outside_mentions_nobody() {
        assert_eq!(escaped("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
    }
}
