//! What Jira sends, as far as we read it; unknown fields are no concern of ours.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) issues: Vec<Issue>,
    pub(super) next_page_token: Option<String>,
    pub(super) is_last: Option<bool>,
    pub(super) total: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    pub(super) key: String,
    pub(super) fields: Fields,
}

#[derive(Deserialize)]
pub(super) struct Fields {
    pub(super) summary: String,
    pub(super) status: Named,
    pub(super) labels: Option<Vec<String>>,
    pub(super) priority: Option<Named>,
    #[serde(rename = "issuetype")]
    pub(super) issue_type: Option<Named>,
    pub(super) assignee: Option<User>,
    pub(super) subtasks: Option<Vec<SubTask>>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct SubTask {
    pub(super) key: String,
}

#[derive(Deserialize)]
pub(super) struct User {
    #[serde(rename = "accountId")]
    pub(super) account_id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "emailAddress")]
    pub(super) email: Option<String>,
    #[serde(default = "yes")]
    pub(super) active: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
pub(super) struct Transitions {
    pub(super) transitions: Vec<Transition>,
}

#[derive(Deserialize)]
pub(super) struct Transition {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) to: Option<Named>,
}
