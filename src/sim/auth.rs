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

impl Credentials {
    /// The variables under which `oar` looks for them; everything is invented.
    pub fn env(&self) -> Vec<(String, String)> {
        [
            ("OAR_JWK", "sim-key-16-bytes"),
            ("OAR_ERRATA_AUTH", "bearer"),
            ("OAR_SHIPMENT_ISSUE_SOURCES", "issues.example.com"),
            ("OAR_PAYLOAD_REPOSITORY", crate::sim::facts::images::PAYLOADS),
            ("ERRATA_TOKEN", &self.errata_token),
            ("JIRA_USERNAME", &self.jira_user),
            ("JIRA_EMAIL", &self.jira_user),
            ("JIRA_TOKEN", &self.jira_token),
            ("GITLAB_TOKEN", &self.gitlab_token),
            ("GITHUB_TOKEN", &self.github_token),
            ("JENKINS_USER", &self.jenkins_user),
            ("JENKINS_TOKEN", &self.jenkins_token),
            ("SLACK_BOT_TOKEN", &self.slack_bot_token),
            ("APITOKEN", &self.apitoken),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Every secret, for whoever has to keep them out of a text.
    pub fn secrets(&self) -> [&str; 7] {
        [
            &self.errata_token,
            &self.jira_token,
            &self.gitlab_token,
            &self.github_token,
            &self.jenkins_token,
            &self.slack_bot_token,
            &self.apitoken,
        ]
    }

    /// Settings as the sealed file holds them, with invented owners and contacts.
    pub fn settings(&self, base_url: &str) -> serde_json::Value {
        let leads: serde_json::Map<String, serde_json::Value> = (12..=23)
            .map(|minor| (format!("4.{minor}"), format!("rel-lead-4{minor}").into()))
            .chain([("5.0".to_owned(), "rel-lead-50".into())])
            .collect();
        let mut release_team = serde_json::json!({ "channel": "#team-qe-release", "id": "example-qe-release" });
        if let Some(team) = release_team.as_object_mut() {
            team.extend(leads);
        }
        serde_json::json!({
            "build_data_url": format!("{base_url}/build_data/openshift-eng/ocp-build-data/%s/releases.yml"),
            "jira_server": format!("{base_url}/jira"),
            "jenkins_server": format!("{base_url}/jenkins"),
            "gitlab_url": format!("{base_url}/gitlab"),
            "release_url": format!("{base_url}/release_controller/"),
            "signature_url": format!("{base_url}/signatures/"),
            "owners": { "default": "release-lead@example.com" },
            "contacts": {
                "email": { "qe": "qe-list@example.com", "art": "art-list@example.com", "trt": "trt-list@example.com" },
                "slack": {
                    "qe": { "channel": "#forum-qe", "id": "example-qe" },
                    "qe-forum": { "channel": "#forum-qe-bugs", "id": "example-qe" },
                    "qe-release": release_team,
                    "art": { "channel": "#forum-ocp-release", "id": "release-artists-example" },
                    "approver": {
                        "channel": "#forum-approvals",
                        "doc_id": "example-docs-approvers",
                        "prodsec_id": "prodsec-a@example.com,prodsec-b@example.com"
                    }
                }
            },
            "report_templates": {}
        })
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

/// What follows the scheme of `Authorization`, when it is this one, in any case.
pub fn scheme<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, rest) = headers.get("authorization")?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
