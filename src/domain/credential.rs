//! Credentials: which ones exist, what they are for, how to get one. Their values are `core::config`'s.

use std::fmt;

macro_rules! credentials {
    ($($(#[doc = $doc:literal])+ $name:ident = $variable:literal, for $purpose:literal, from $source:literal;)*) => {
        /// A credential, known by the variable that holds it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Credential {
            $($(#[doc = $doc])+ $name,)*
        }

        impl Credential {
            /// Every credential there is, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The environment variable that holds it.
            pub const fn variable(self) -> &'static str {
                match self {
                    $(Self::$name => $variable,)*
                }
            }

            /// What it is for.
            pub const fn purpose(self) -> &'static str {
                match self {
                    $(Self::$name => $purpose,)*
                }
            }

            /// How to get it.
            pub const fn how_to_get(self) -> &'static str {
                match self {
                    $(Self::$name => $source,)*
                }
            }
        }
    };
}

credentials! {
    /// Opens the sealed settings.
    OarJwk = "OAR_JWK",
        for "opens the sealed settings (owners, contacts, service addresses)",
        from "ask a release lead for the key of the sealed settings";
    /// Jira API token.
    JiraToken = "JIRA_TOKEN",
        for "reads and changes Jira issues",
        from "create an API token in your Atlassian account settings";
    /// Jira account the token belongs to.
    JiraUsername = "JIRA_USERNAME",
        for "the account that JIRA_TOKEN belongs to",
        from "the mail address of your Atlassian account";
    /// Mail address that elliott uses for Jira.
    JiraEmail = "JIRA_EMAIL",
        for "the mail address elliott uses for Jira; JIRA_USERNAME when absent",
        from "the mail address of your Atlassian account";
    /// Slack bot token.
    SlackBotToken = "SLACK_BOT_TOKEN",
        for "posts notifications",
        from "copy the bot token (xoxb-…) of the release bot from its app page";
    /// Jenkins user.
    JenkinsUser = "JENKINS_USER",
        for "the account that JENKINS_TOKEN belongs to",
        from "your Jenkins user id";
    /// Jenkins API token.
    JenkinsToken = "JENKINS_TOKEN",
        for "starts and reads Jenkins builds",
        from "create an API token on your Jenkins user page, Security";
    /// GitLab access token.
    GitlabToken = "GITLAB_TOKEN",
        for "reads and approves shipment merge requests",
        from "create a personal access token with scope api in GitLab";
    /// GitHub token.
    GithubToken = "GITHUB_TOKEN",
        for "reads and writes the release state",
        from "create a token with contents read and write on the state repository, or name a GitHub App with the same rights (OAR_GITHUB_APP_ID, OAR_GITHUB_APP_KEY_FILE)";
    /// Gangway token.
    ApiToken = "APITOKEN",
        for "starts Prow jobs through Gangway",
        from "copy the API token of your login on the CI cluster (oc whoami -t)";
    /// Bearer token for the Errata Tool.
    ErrataToken = "ERRATA_TOKEN",
        for "talks to the Errata Tool when OAR_ERRATA_AUTH=bearer",
        from "use the token your Errata Tool administrator gave you, or kinit without OAR_ERRATA_AUTH";
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.variable())
    }
}
