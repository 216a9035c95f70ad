//! Invented credentials of the simulated world and the three ways requests carry them.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What every simulated service accepts; anything else is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Errata Tool, bearer instead of Kerberos.
    pub errata_token: String,
    /// Jira account (a mail address).
    pub jira_user: String,
    /// Jira API token.
    pub jira_token: String,
    /// GitLab access token.
    pub gitlab_token: String,
    /// GitHub token.
    pub github_token: String,
    /// Jenkins account.
    pub jenkins_user: String,
    /// Jenkins API token.
    pub jenkins_token: String,
    /// Slack bot token.
    pub slack_bot_token: String,
    /// Prow gateway token.
    pub apitoken: String,
}

impl Default for Credentials {
    fn default() -> Self {
        let token = |service: &str| format!("sim-{service}-token");
        Self {
            errata_token: token("errata"),
            jira_user: "release-bot@example.com".to_owned(),
            jira_token: token("jira"),
            gitlab_token: token("gitlab"),
            github_token: token("github"),
            jenkins_user: "sim-jenkins-user".to_owned(),
            jenkins_token: token("jenkins"),
            slack_bot_token: "xoxb-sim-slack-token".to_owned(),
            apitoken: token("gangway"),
        }
    }
}

/// Whether `Authorization` is `Bearer <token>`.
pub fn bearer(headers: &HeaderMap, token: &str) -> bool {
    scheme(headers, "bearer").is_some_and(|given| given == token)
}

/// Whether `Authorization` is `Basic` with this user and password.
pub fn basic(headers: &HeaderMap, user: &str, password: &str) -> bool {
    scheme(headers, "basic").is_some_and(|given| given == STANDARD.encode(format!("{user}:{password}")))
}

/// Whether the header `name` has exactly this value.
pub fn header(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|given| given == value)
}

/// What follows the scheme word of `Authorization`, when the word (any case) is this one.
pub fn scheme<'h>(headers: &'h HeaderMap, word: &str) -> Option<&'h str> {
    let (given, rest) = headers.get("authorization")?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(word).then(|| rest.trim())
}
