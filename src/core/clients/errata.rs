//! Errata Tool: advisories, push jobs, security alerts.
//!
//! Authentication comes with the HTTP service (Kerberos in production). The service answers slowly
//! for advisories with many builds, replaces an attribute as a whole when it is sent, and says what
//! it dislikes in `errors` (an object of lists) or `error` (a text or a list).
//!
//! One request per question: the state of an advisory needs neither its builds nor its test runs.

pub mod alerts;
pub mod push;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::retry::Repeat;
use crate::domain::advisory::AdvisoryState;
use crate::domain::ids::{AdvisoryId, JiraKey};

/// Errata Tool: advisories, push jobs, security alerts.
#[derive(Debug, Clone)]
pub struct Errata {
    http: ServiceHttp,
}

/// An advisory as the Errata Tool knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erratum {
    /// Its number.
    pub id: AdvisoryId,
    /// Bug fix, security or enhancement.
    pub kind: ErratumKind,
    /// Its name, for example `RHBA-2026:1234` or `RHSA-2026:160001-02`.
    pub name: String,
    /// What it is about, in a few words; empty when the service does not say.
    pub synopsis: String,
    /// Where it is in its life.
    pub state: AdvisoryState,
    /// Advisories that have to be pushed before this one.
    pub blocking: Vec<AdvisoryId>,
    /// Jira issues attached to it.
    pub issues: BTreeSet<JiraKey>,
    /// Was its content pushed to staging since it last changed? Nothing when the service does not say.
    pub staged: Option<bool>,
}

/// Kind of an advisory; only security advisories have alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErratumKind {
    /// Bug fixes.
    Rhba,
    /// Security fixes.
    Rhsa,
    /// Enhancements.
    Rhea,
    /// A kind we do not know.
    Other(String),
}

impl ErratumKind {
    fn of(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "rhba" => Self::Rhba,
            "rhsa" => Self::Rhsa,
            "rhea" => Self::Rhea,
            _ => Self::Other(text.to_owned()),
        }
    }
}

impl Errata {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Page of an advisory for people.
    pub fn page(&self, id: AdvisoryId) -> String {
        format!("{}/advisory/{id}", self.http.base())
    }

    /// One advisory: `GET /api/v1/erratum/{id}`. Reads.
    ///
    /// # Errors
    ///
    /// The service fails or does not know the number.
    pub async fn advisory(&self, id: AdvisoryId) -> Result<Erratum, ClientError> {
        let call = self.http.get("read an advisory", &format!("/api/v1/erratum/{id}"));
        call.read(|answer| erratum(answer.json()?).map_err(|why| unreadable(&answer, why))).await
    }

    /// Mail address of the QE owner: `GET /advisory/{id}.json`, the only page that tells it. Reads.
    ///
    /// # Errors
    ///
    /// The service fails or does not know the number.
    pub async fn owner_email(&self, id: AdvisoryId) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            people: People,
        }
        #[derive(Deserialize)]
        struct People {
            assigned_to: String,
        }
        let path = format!("/advisory/{id}.json");
        let page: Page = self.http.get("read the owner of an advisory", &path).json_answer().await?;
        Ok(page.people.assigned_to)
    }

    /// Names of the builds of an advisory: `GET /api/v1/erratum/{id}/builds`. Reads.
    ///
    /// # Errors
    ///
    /// The service fails or does not know the number.
    pub async fn builds(&self, id: AdvisoryId) -> Result<BTreeSet<String>, ClientError> {
        #[derive(Deserialize)]
        struct Product {
            builds: Vec<Map<String, Value>>,
        }
        let path = format!("/api/v1/erratum/{id}/builds");
        let products: std::collections::BTreeMap<String, Product> =
            self.http.get("read the builds of an advisory", &path).json_answer().await?;
        let builds = products.into_values().flat_map(|product| product.builds);
        Ok(builds.flat_map(|build| build.into_iter().map(|(name, _)| name)).collect())
    }

    /// Makes `email` the QE owner: `PUT /api/v1/erratum/{id}` with that single attribute, because
    /// everything that is sent replaces what others wrote. Converges.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`] for an address that the Errata Tool does not know.
    pub async fn set_owner(&self, id: AdvisoryId, email: &str) -> Result<(), ClientError> {
        let call = self.http.put("set the owner of an advisory", Repeat::Converges, &format!("/api/v1/erratum/{id}"));
        call.form(&[("advisory[assigned_to_email]", email)]).accept(&[400, 422]).read(|answer| moved(&answer)).await
    }

    /// Moves an advisory: `POST /api/v1/erratum/{id}/change_state`. Look first: read the state before
    /// and after, the service ignores moves it does not know and reports success.
    ///
    /// # Errors
    ///
    /// [`Fault::Refused`] with what stands in the way.
    pub async fn change_state(&self, id: AdvisoryId, to: &AdvisoryState) -> Result<(), ClientError> {
        let path = format!("/api/v1/erratum/{id}/change_state");
        let call = self.http.post("move an advisory", Repeat::LookFirst, &path);
        call.form(&[("new_state", to.as_str())]).accept(&[400, 422]).read(|answer| moved(&answer)).await
    }
}

/// Was a change taken?
fn moved(answer: &Answer) -> Result<(), ClientError> {
    refusal(answer).map_or_else(|| answer.done(), Err)
}

/// What a 400 or 422 means; nothing for a success.
fn refusal(answer: &Answer) -> Option<ClientError> {
    (!answer.status.is_success()).then(|| {
        let texts = complaints(&answer.body);
        let said = if texts.is_empty() { answer.excerpt() } else { Some(texts.join("; ")) };
        let why = said.unwrap_or_else(|| format!("HTTP {}", answer.status.as_u16()));
        answer.error(Fault::Refused(answer.masker.mask(&why)))
    })
}

/// The complaints in the body of a refusal, whichever of its forms it has.
fn complaints(body: &[u8]) -> Vec<String> {
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let mut texts = Vec::new();
    for (field, value) in body.get("errors").and_then(Value::as_object).into_iter().flatten() {
        for text in strings(value) {
            texts.push(if field == "base" { text } else { format!("{field} {text}") });
        }
    }
    for key in ["errors", "error"] {
        texts.extend(body.get(key).filter(|value| !value.is_object()).into_iter().flat_map(strings));
    }
    texts
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn unreadable(answer: &Answer, why: String) -> ClientError {
    ClientError::unreadable(answer.service, answer.op, why)
}

#[derive(Deserialize)]
struct Page {
    errata: Map<String, Value>,
    jira_issues: JiraIssues,
}

#[derive(Deserialize)]
struct JiraIssues {
    jira_issues: Vec<AttachedIssue>,
}

#[derive(Deserialize)]
struct AttachedIssue {
    jira_issue: IssueKey,
}

#[derive(Deserialize)]
struct IssueKey {
    key: String,
}

#[derive(Deserialize)]
struct Facts {
    id: u64,
    fulladvisory: String,
    #[serde(default)]
    synopsis: Option<String>,
    status: String,
    /// Left out or null when there are none.
    #[serde(default)]
    blocking_advisories: Option<Vec<u64>>,
    /// 0 or 1 in answers of the service, true or false in its documentation.
    #[serde(default)]
    rhnqa: Option<Value>,
}

fn erratum(page: Page) -> Result<Erratum, String> {
    // The one key below `errata` is the kind.
    let (kind, facts) = page.errata.into_iter().next().ok_or("missing field `errata.{kind}`")?;
    let facts: Facts =
        serde_json::from_value(facts).map_err(|cause| format!("not the documented advisory ({cause})"))?;
    let issues = page.jira_issues.jira_issues.into_iter().map(|issue| issue.jira_issue.key.parse::<JiraKey>());
    Ok(Erratum {
        id: AdvisoryId::new(facts.id),
        kind: ErratumKind::of(&kind),
        name: facts.fulladvisory,
        synopsis: facts.synopsis.unwrap_or_default(),
        state: facts.status.parse().unwrap_or_else(|never: std::convert::Infallible| match never {}),
        blocking: facts.blocking_advisories.unwrap_or_default().into_iter().map(AdvisoryId::new).collect(),
        issues: issues.collect::<Result<_, _>>().map_err(|cause| cause.to_string())?,
        staged: facts.rhnqa.as_ref().and_then(|flag| flag.as_bool().or_else(|| flag.as_u64().map(|n| n != 0))),
    })
}

#[cfg(test)]
mod tests;
