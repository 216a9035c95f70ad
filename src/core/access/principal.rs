//! A caller with a name, and the scopes that say what it may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::spelled::spelled;

spelled! {
    /// One permission, spelled as tokens and OAuth servers spell it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    Scope,
    /// As tokens spell it.
    as_str: &'static str {
        /// Look at releases, jobs and runs of one's own.
        Read = "release:read",
        /// Run tasks and store what they found out.
        Write = "release:write",
        /// Ask for what ships or overrides; a person confirms it. Also: confirm what others ask for.
        Critical = "release:critical",
        /// The same without a person.
        CriticalUnattended = "release:critical:unattended",
        /// Start test jobs that a registry knows.
        JobsRun = "jobs:run",
        /// Start any test job.
        JobsRunAny = "jobs:run:any",
        /// Report and resolve issues.
        IssuesWrite = "issues:write",
        /// Empty and warm the cache.
        CacheAdmin = "cache:admin",
        /// See and cancel runs of others.
        Admin = "admin",
    }
}

impl Scope {
    /// Does an agent get it when nobody says anything else? It gets everything that a person can still stop.
    const fn is_for_agents(self) -> bool {
        match self {
            Self::Read | Self::Write | Self::Critical | Self::JobsRun | Self::IssuesWrite | Self::CacheAdmin => true,
            Self::CriticalUnattended | Self::JobsRunAny | Self::Admin => false,
        }
    }

    /// The scopes of an agent.
    pub fn of_agents() -> Vec<Self> {
        Self::ALL.into_iter().filter(|scope| scope.is_for_agents()).collect()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no scope")]
pub struct UnknownScope {
    pub text: String,
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope { text: text.to_owned() })
    }
}

/// Somebody who asks: a person or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// A role or account, never a mail address.
    pub name: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// When its credential was made, by the clock of the machine; nothing when nobody knows.
    pub since: Option<Timestamp>,
}

impl Principal {
    /// A principal with `scopes`.
    pub fn new(name: impl Into<String>, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { name: name.into(), scopes: scopes.into_iter().collect(), since: None }
    }

    /// May it do what `scope` covers?
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_as_it_is_spelled() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!(
            "release:everything".parse::<Scope>().unwrap_err().to_string(),
            "\"release:everything\" is no scope"
        );
    }

    #[test]
    fn an_agent_cannot_act_without_a_person_by_default() {
        let agent = Principal::new("agent", Scope::of_agents());
        assert!(agent.may(Scope::Critical) && !agent.may(Scope::CriticalUnattended) && !agent.may(Scope::Admin));
    }
}
