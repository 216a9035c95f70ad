//! When tasks asked to be looked at again. A wait is not stored with the release, so a plan alone would name
//! the same call again at once; what a tool answered a minute ago says when that makes sense.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::reply::Reply;
use crate::domain::release::ZStream;
use crate::domain::task::Task;
use crate::runs::record::TaskAnswer;

/// What was answered lately, by release and task; only in memory, and only a help.
#[derive(Debug, Default)]
pub struct Rechecks {
    until: Mutex<HashMap<(String, Task), Timestamp>>,
}

impl Rechecks {
    /// Remembers what `reply` says about its task: not before when, or nothing any more.
    pub fn note(&self, reply: &Reply, now: Timestamp) {
        let Some(answer) = TaskAnswer::of(&reply.body) else { return };
        let until =
            answer.seconds_to_wait().and_then(|seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok());
        let mut rechecks = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        rechecks.retain(|_, until| *until > now);
        match until {
            Some(until) => drop(rechecks.insert((answer.release, answer.task), until)),
            None => drop(rechecks.remove(&(answer.release, answer.task))),
        }
    }

    /// Seconds until `task` may be looked at again; nothing when it may be now.
    pub fn left(&self, release: &ZStream, task: Task, now: Timestamp) -> Option<i64> {
        let rechecks = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = rechecks.get(&(release.to_string(), task))?;
        Some(until.duration_since(now).as_secs()).filter(|seconds| *seconds > 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_wait_is_known_until_its_time_or_until_the_task_says_otherwise() {
        let (rechecks, now) = (Rechecks::default(), Timestamp::UNIX_EPOCH);
        let release: ZStream = "4.20.17".parse().unwrap();
        let reply = |next: Value| {
            Reply::said("", "")
                .with("release", json!("4.20.17"))
                .with("task", json!("stage-testing"))
                .with("next", next)
        };
        let after = |seconds| now + SignedDuration::from_secs(seconds);
        rechecks.note(&reply(json!({ "not_before_seconds": 600 })), now);
        assert_eq!(rechecks.left(&release, Task::StageTesting, after(60)), Some(540));
        assert_eq!(rechecks.left(&release, Task::StageTesting, after(600)), None);
        assert_eq!(rechecks.left(&release, Task::PushToCdnStaging, now), None);
        rechecks.note(&reply(json!({ "text": "done" })), now);
        assert_eq!(rechecks.left(&release, Task::StageTesting, now), None);
    }
}
