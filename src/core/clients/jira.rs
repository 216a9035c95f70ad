//! Jira: Cloud (`/rest/api/3`, basic authentication) by default, Server (`/rest/api/2`) by setting.
//!
//! An issue that the token may not see is answered with 404 by Cloud and with 403 by Server; both are an answer
//! here, not an error.

mod wire;

use serde_json::json;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::retry::Repeat;
use crate::core::config::jira::JiraApi;
use crate::domain::ids::JiraKey;

/// Issues per page of a search.
const PER_PAGE: usize = 100;

/// A sweep over one minor finds some hundred issues; more pages than this are a loop.
const MOST_PAGES: usize = 50;

/// Fields that every issue is asked for.
const FIELDS: &str = "summary,status,labels,priority,assignee,issuetype,subtasks";

/// Jira: ART tickets, bugs, trackers.
#[derive(Debug, Clone)]
pub struct Jira {
    http: ServiceHttp,
    api: JiraApi,
}

/// An issue as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JiraIssue {
    pub key: JiraKey,
    /// Its title.
    pub summary: String,
    /// Name of its status.
    pub status: String,
    pub labels: Vec<String>,
    /// Name of its priority.
    pub priority: Option<String>,
    /// Name of its type.
    pub issue_type: Option<String>,
    /// Who works on it.
    pub assignee: Option<AccountId>,
    /// Keys of its sub-tasks.
    pub subtasks: Vec<JiraKey>,
}

/// An account: Cloud's `accountId`, Server's `name`. Never a mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The id as Jira spells it, for paths and bodies.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A step that the workflow offers for an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Its number, as text.
    pub id: String,
    pub name: String,
    /// Status to which it leads.
    pub to: String,
}

impl Jira {
    /// A client over `http` that speaks `api`.
    pub const fn new(http: ServiceHttp, api: JiraApi) -> Self {
        Self { http, api }
    }

    /// Whose credential this is: `GET /myself`. Reads.
    ///
    /// # Errors
    ///
    /// As every call; 401 when the credential is worn out.
    pub async fn myself(&self) -> Result<AccountId, ClientError> {
        const OP: &str = "who we are";
        let user: wire::User = self.http.get(OP, &self.path("/myself")).json_answer().await?;
        self.account(user).ok_or_else(|| ClientError::unreadable(self.http.service(), OP, "an account without id"))
    }

    /// One issue: `GET /issue/{key}`; nothing when it does not exist or is not visible to us. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn issue(&self, key: &JiraKey) -> Result<Option<JiraIssue>, ClientError> {
        let path = self.path(&format!("/issue/{key}"));
        let call = self.http.get("read an issue", &path).query(&[("fields", FIELDS)]).accept(&[403, 404]);
        call.read(|answer| {
            if !answer.status.is_success() {
                return not_visible(&answer).map(|()| None);
            }
            self.ours(answer.json()?).map(Some)
        })
        .await
    }

    /// All issues of a query: `GET /search/jql` (Server: `/search`), all pages. Reads.
    ///
    /// Issues that are not visible to us are simply not among them.
    ///
    /// # Errors
    ///
    /// As every call; 400 when a key of the query does not exist.
    pub async fn search(&self, jql: &str) -> Result<Vec<JiraIssue>, ClientError> {
        const OP: &str = "search issues";
        let size = PER_PAGE.to_string();
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let base = [("jql", jql), ("fields", FIELDS), ("maxResults", &size)];
            let start = found.len().to_string();
            let call = match (self.api, &token) {
                (JiraApi::Cloud, None) => self.http.get(OP, &self.path("/search/jql")).query(&base),
                (JiraApi::Cloud, Some(token)) => {
                    self.http.get(OP, &self.path("/search/jql")).query(&base).query(&[("nextPageToken", token)])
                }
                (JiraApi::Server, _) => {
                    self.http.get(OP, &self.path("/search")).query(&base).query(&[("startAt", &start)])
                }
            };
            let page: wire::Page = call.json_answer().await?;
            let empty = page.issues.is_empty();
            for issue in page.issues {
                found.push(self.ours(issue)?);
            }
            let more = match self.api {
                JiraApi::Cloud => page.next_page_token.is_some() && page.is_last != Some(true),
                JiraApi::Server => !empty && page.total.is_some_and(|total| found.len() < total),
            };
            if !more {
                return Ok(found);
            }
            if page.next_page_token.is_some() && page.next_page_token == token {
                return Err(ClientError::unreadable(self.http.service(), OP, "the same page token twice"));
            }
            token = page.next_page_token;
        }
        Err(ClientError::unreadable(self.http.service(), OP, format!("more than {MOST_PAGES} pages")))
    }

    /// The visible issues among `keys`, in pages of a hundred keys. Reads.
    ///
    /// # Errors
    ///
    /// As [`Jira::search`].
    pub async fn issues(&self, keys: &[JiraKey]) -> Result<Vec<JiraIssue>, ClientError> {
        let mut found = Vec::new();
        for some in keys.chunks(PER_PAGE) {
            let list: Vec<_> = some.iter().map(JiraKey::as_str).collect();
            found.extend(self.search(&format!("key in ({})", list.join(", "))).await?);
        }
        Ok(found)
    }

    /// The account of a mail address: `GET /user/search` for the whole address, then an exact comparison. Reads.
    ///
    /// # Errors
    ///
    /// As every call; [`Fault::Ambiguous`] when several accounts have the address.
    pub async fn find_user(&self, email: &str) -> Result<Option<AccountId>, ClientError> {
        const OP: &str = "look up an account by mail address";
        let parameter = match self.api {
            JiraApi::Cloud => "query",
            JiraApi::Server => "username",
        };
        let query = [(parameter, email), ("maxResults", "50")];
        let users: Vec<wire::User> = self.http.get(OP, &self.path("/user/search")).query(&query).json_answer().await?;
        let same = |user: &wire::User| user.email.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(email));
        let mut accounts: Vec<_> =
            users.into_iter().filter(|user| user.active && same(user)).filter_map(|user| self.account(user)).collect();
        match accounts.len() {
            0 | 1 => Ok(accounts.pop()),
            several => {
                let what = format!("knows {several} accounts that have the mail address");
                Err(ClientError::new(self.http.service(), OP, Fault::Ambiguous(what)))
            }
        }
    }

    /// Makes `account` work on the issue: `PUT /issue/{key}/assignee`. Converges.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn assign(&self, key: &JiraKey, account: &AccountId) -> Result<(), ClientError> {
        let body = match self.api {
            JiraApi::Cloud => json!({ "accountId": account.as_str() }),
            JiraApi::Server => json!({ "name": account.as_str() }),
        };
        let path = self.path(&format!("/issue/{key}/assignee"));
        self.http.put("assign an issue", Repeat::Converges, &path).json(&body).done().await
    }

    /// The steps that the workflow offers now: `GET /issue/{key}/transitions`. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn transitions(&self, key: &JiraKey) -> Result<Vec<Transition>, ClientError> {
        let path = self.path(&format!("/issue/{key}/transitions"));
        let offered: wire::Transitions = self.http.get("list the transitions of an issue", &path).json_answer().await?;
        let ours = |step: wire::Transition| {
            let to = step.to.map_or_else(|| step.name.clone(), |to| to.name);
            Transition { id: step.id, name: step.name, to }
        };
        Ok(offered.transitions.into_iter().map(ours).collect())
    }

    /// Takes a step: `POST /issue/{key}/transitions`. May already have happened: look at the status first.
    ///
    /// # Errors
    ///
    /// As every call; 400 when the workflow does not offer the step (any more).
    pub async fn transition(&self, key: &JiraKey, step: &Transition) -> Result<(), ClientError> {
        let path = self.path(&format!("/issue/{key}/transitions"));
        let body = json!({ "transition": { "id": step.id } });
        self.http.post("move an issue", Repeat::LookFirst, &path).json(&body).done().await
    }

    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.api.root())
    }

    fn account(&self, user: wire::User) -> Option<AccountId> {
        match self.api {
            JiraApi::Cloud => user.account_id,
            JiraApi::Server => user.name,
        }
        .map(AccountId)
    }

    fn ours(&self, issue: wire::Issue) -> Result<JiraIssue, ClientError> {
        let key = |text: String| {
            text.parse().map_err(|bad| ClientError::unreadable(self.http.service(), "read an issue", format!("{bad}")))
        };
        let fields = issue.fields;
        Ok(JiraIssue {
            key: key(issue.key)?,
            summary: fields.summary,
            status: fields.status.name,
            labels: fields.labels.unwrap_or_default(),
            priority: fields.priority.map(|named| named.name),
            issue_type: fields.issue_type.map(|named| named.name),
            assignee: fields.assignee.and_then(|user| self.account(user)),
            subtasks: fields
                .subtasks
                .unwrap_or_default()
                .into_iter()
                .map(|sub| key(sub.key))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A refused issue is an answer, a refused account is not: Jira tells them apart in a header.
fn not_visible(answer: &Answer) -> Result<(), ClientError> {
    if answer.header("x-authentication-denied-reason").is_some() {
        return Err(answer.error(Fault::Unauthorized(answer.status.as_u16())));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
