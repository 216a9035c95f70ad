//! Invented credentials of the simulated world, one row each, and the three ways requests carry them.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::credential::Credential;

/// What every simulated service accepts for a credential.
struct Invented {
    value: &'static str,
    /// Does the journal show its hash instead, and may no output show it?
    is_secret: bool,
}

/// Every credential with what is accepted for it; anything else is refused.
const fn invented(credential: Credential) -> Invented {
    const fn secret(value: &'static str) -> Invented {
        Invented { value, is_secret: true }
    }
    const fn account(value: &'static str) -> Invented {
        Invented { value, is_secret: false }
    }
    match credential {
        // Opens nothing but invented settings.
        Credential::OarJwk => account("sim-key-16-bytes"),
        Credential::JiraToken => secret("sim-jira-token"),
        Credential::JiraUsername | Credential::JiraEmail => account("release-bot@example.com"),
        Credential::SlackBotToken => secret("xoxb-sim-slack-token"),
        Credential::JenkinsUser => account("sim-jenkins-user"),
        Credential::JenkinsToken => secret("sim-jenkins-token"),
        Credential::GitlabToken => secret("sim-gitlab-token"),
        Credential::GithubToken => secret("sim-github-token"),
        Credential::ApiToken => secret("sim-gangway-token"),
        Credential::ErrataToken => secret("sim-errata-token"),
    }
}

/// The private key of the simulated GitHub Apps.
pub const APP_KEY: &str = include_str!("services/github/app_key.pem");

/// The token that the simulated cluster accepts.
pub const KUBE_TOKEN: &str = "sim-kube-token";

/// What is accepted for `credential`.
pub const fn accepted(credential: Credential) -> &'static str {
    invented(credential).value
}

/// Every secret, for whoever has to keep them out of a text.
pub fn secrets() -> impl Iterator<Item = &'static str> {
    let secret = Credential::ALL.iter().map(|credential| invented(*credential)).filter(|one| one.is_secret);
    secret.map(|one| one.value).chain([KUBE_TOKEN])
}

/// The variables under which `oar` looks for credentials and for what goes with them; everything is invented.
pub fn env() -> Vec<(String, String)> {
    let beside = [
        ("OAR_ERRATA_AUTH", "bearer"),
        ("OAR_SHIPMENT_ISSUE_SOURCES", "issues.example.com"),
        ("OAR_PAYLOAD_REPOSITORY", crate::sim::facts::images::PAYLOADS),
    ];
    let credentials = Credential::ALL.iter().map(|credential| (credential.variable(), accepted(*credential)));
    beside.into_iter().chain(credentials).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Settings as the sealed file holds them, with invented owners and contacts.
pub fn settings(base_url: &str) -> serde_json::Value {
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

/// Whether `Authorization` is `Bearer` with this token.
pub fn bearer(headers: &HeaderMap, token: Credential) -> bool {
    scheme(headers, "bearer").is_some_and(|given| given == accepted(token))
}

/// Whether `Authorization` is `Basic` with this user and password.
pub fn basic(headers: &HeaderMap, user: Credential, password: Credential) -> bool {
    let wanted = format!("{}:{}", accepted(user), accepted(password));
    scheme(headers, "basic").is_some_and(|given| given == STANDARD.encode(wanted))
}

/// Whether the header `name` has exactly this value.
pub fn header(headers: &HeaderMap, name: &str, value: Credential) -> bool {
    headers.get(name).is_some_and(|given| given == accepted(value))
}

/// What follows the scheme of `Authorization`, when it is this one, in any case.
pub fn scheme<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, rest) = headers.get("authorization")?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
