//! A message: its key, its text, who is called by it and where it goes.

use jiff::Timestamp;

use crate::domain::release::ZStream;
use crate::domain::state::entries::DueNotice;

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Unique within the release.
    pub key: String,
    /// Team whose channel gets it.
    pub team: String,
    /// Who is called.
    pub mention: Mention,
    /// The text, without mention; foreign parts of it are harmless already.
    pub text: String,
    /// Mail address of the owner whom the text is about.
    pub owner: Option<String>,
    /// What the thread gets from which somebody started us.
    pub thread: Thread,
}

/// Who is called by a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mention {
    /// The user group that leads releases of the minor.
    Lead,
    /// The user group of the team.
    Team,
    /// One person, by mail address; the lead group where Slack does not know the address.
    Person(String),
}

/// What goes into the thread from which somebody started us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thread {
    Nothing,
    /// The same text.
    Same,
    /// This log; the same text when it is empty.
    Log(String),
}

impl Post {
    /// A message to the release leads.
    pub fn lead(key: String, text: String) -> Self {
        Self { key, team: "qe-release".to_owned(), mention: Mention::Lead, text, owner: None, thread: Thread::Nothing }
    }
}

impl Post {
    /// The message as the state keeps it until it is sent: without names of people, which belong to no public file,
    /// and without the thread, which belongs to whoever asked.
    pub fn due(&self, at: Timestamp) -> DueNotice {
        DueNotice {
            key: self.key.clone(),
            team: self.team.clone(),
            calls_team: self.mention == Mention::Team,
            text: self.text.clone(),
            due_at: Some(at),
        }
    }

    /// A message that an earlier run left.
    pub fn of_due(due: &DueNotice) -> Self {
        let mention = if due.calls_team { Mention::Team } else { Mention::Lead };
        Self { team: due.team.clone(), mention, ..Self::lead(due.key.clone(), due.text.clone()) }
    }
}

pub(super) fn bold(release: &ZStream) -> String {
    format!("*[{release}]*")
}
