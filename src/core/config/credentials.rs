//! Credentials: which ones exist, what they are for, and which of them this run has.

use std::collections::BTreeMap;
use std::fmt;

use super::env::Env;
use super::error::ConfigError;
use super::secret::Secret;
use crate::domain::mask;

/// A credential, known by the variable that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Credential {
    /// Opens the sealed settings.
    OarJwk,
    /// Jira API token.
    JiraToken,
    /// Jira account the token belongs to.
    JiraUsername,
    /// Mail address that elliott uses for Jira.
    JiraEmail,
    /// Slack bot token.
    SlackBotToken,
    /// Jenkins user.
    JenkinsUser,
    /// Jenkins API token.
    JenkinsToken,
    /// GitLab access token.
    GitlabToken,
    /// GitHub token.
    GithubToken,
    /// Gangway token.
    ApiToken,
    /// Bearer token for the Errata Tool.
    ErrataToken,
}

impl Credential {
    /// Every credential there is.
    pub const ALL: &'static [Self] = &[
        Self::OarJwk,
        Self::JiraToken,
        Self::JiraUsername,
        Self::JiraEmail,
        Self::SlackBotToken,
        Self::JenkinsUser,
        Self::JenkinsToken,
        Self::GitlabToken,
        Self::GithubToken,
        Self::ApiToken,
        Self::ErrataToken,
    ];

    /// The environment variable that holds it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::OarJwk => "OAR_JWK",
            Self::JiraToken => "JIRA_TOKEN",
            Self::JiraUsername => "JIRA_USERNAME",
            Self::JiraEmail => "JIRA_EMAIL",
            Self::SlackBotToken => "SLACK_BOT_TOKEN",
            Self::JenkinsUser => "JENKINS_USER",
            Self::JenkinsToken => "JENKINS_TOKEN",
            Self::GitlabToken => "GITLAB_TOKEN",
            Self::GithubToken => "GITHUB_TOKEN",
            Self::ApiToken => "APITOKEN",
            Self::ErrataToken => "ERRATA_TOKEN",
        }
    }

    /// What it is for.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::OarJwk => "opens the sealed settings (owners, contacts, service addresses)",
            Self::JiraToken => "reads and changes Jira issues",
            Self::JiraUsername => "the account that JIRA_TOKEN belongs to",
            Self::JiraEmail => "the mail address elliott uses for Jira; JIRA_USERNAME when absent",
            Self::SlackBotToken => "posts notifications",
            Self::JenkinsUser => "the account that JENKINS_TOKEN belongs to",
            Self::JenkinsToken => "starts and reads Jenkins builds",
            Self::GitlabToken => "reads and approves shipment merge requests",
            Self::GithubToken => "reads and writes the release state",
            Self::ApiToken => "starts Prow jobs through Gangway",
            Self::ErrataToken => "talks to the Errata Tool when OAR_ERRATA_AUTH=bearer",
        }
    }

    /// How to get it.
    pub const fn how_to_get(self) -> &'static str {
        match self {
            Self::OarJwk => "ask a release lead for the key of the sealed settings",
            Self::JiraToken => "create an API token in your Atlassian account settings",
            Self::JiraUsername | Self::JiraEmail => "the mail address of your Atlassian account",
            Self::SlackBotToken => "copy the bot token (xoxb-…) of the release bot from its app page",
            Self::JenkinsUser => "your Jenkins user id",
            Self::JenkinsToken => "create an API token on your Jenkins user page, Security",
            Self::GitlabToken => "create a personal access token with scope api in GitLab",
            Self::GithubToken => "create a token with contents read and write on the state repository",
            Self::ApiToken => "copy the API token of your login on the CI cluster (oc whoami -t)",
            Self::ErrataToken => {
                "use the token your Errata Tool administrator gave you, or kinit without OAR_ERRATA_AUTH"
            }
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.variable())
    }
}

/// The credentials this run was given.
#[derive(Debug, Clone, Default)]
pub struct Credentials(BTreeMap<Credential, Secret>);

impl Credentials {
    /// Takes what the environment offers; an empty variable counts as missing. From then on every masking
    /// hides these values.
    pub fn from_env(env: &Env) -> Self {
        let found = |credential: &Credential| {
            env.get(credential.variable()).map(|text| (*credential, Secret::new(text.trim())))
        };
        let all: BTreeMap<Credential, Secret> = Credential::ALL.iter().filter_map(found).collect();
        mask::know(all.values().map(|secret| secret.expose().to_owned()));
        Self(all)
    }

    /// The secret, when it was given.
    pub fn get(&self, credential: Credential) -> Option<&Secret> {
        self.0.get(&credential)
    }

    /// The secret.
    ///
    /// # Errors
    ///
    /// It was not given.
    pub fn need(&self, credential: Credential) -> Result<&Secret, ConfigError> {
        self.get(credential).ok_or_else(|| ConfigError::MissingCredentials(vec![credential]))
    }

    /// Checks that all of `needed` were given.
    ///
    /// # Errors
    ///
    /// One error that names every missing one, so that nobody has to start the command five times.
    pub fn require(&self, needed: &[Credential]) -> Result<(), ConfigError> {
        let missing: Vec<_> = needed.iter().copied().filter(|c| !self.0.contains_key(c)).collect();
        if missing.is_empty() { Ok(()) } else { Err(ConfigError::MissingCredentials(missing)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_listed_together_and_an_empty_one_is_missing() {
        let env = Env::default().with("GITHUB_TOKEN", "invented").with("JIRA_TOKEN", "");
        let reported = Credentials::from_env(&env)
            .require(&[Credential::JiraToken, Credential::GithubToken, Credential::JenkinsUser])
            .map_err(|error| error.to_string());
        assert_eq!(reported, Err("credentials are missing: JIRA_TOKEN, JENKINS_USER".to_owned()));
    }

    #[test]
    fn debug_output_of_credentials_holds_no_secret() {
        let env = Env::default().with("GITHUB_TOKEN", "invented-token");
        assert!(!format!("{:?}", Credentials::from_env(&env)).contains("invented"));
    }
}
