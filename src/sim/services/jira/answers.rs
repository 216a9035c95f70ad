//! The bodies of Jira's answers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::sim::facts::accounts::Person;
use crate::sim::facts::jira::{Comment, Issue, Jira};

/// Which form texts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Wiki text.
    Two,
    /// Atlassian documents.
    Three,
}

impl Version {
    /// The version behind a path segment.
    pub(super) fn of(segment: &str) -> Option<Self> {
        match segment {
            "2" => Some(Self::Two),
            "3" | "latest" => Some(Self::Three),
            _ => None,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// A text in the form of this version; an empty one is null.
    pub(super) fn text(self, text: &str) -> Value {
        match self {
            _ if text.is_empty() => Value::Null,
            Self::Two => json!(text),
            Self::Three => document(text),
        }
    }

    /// The plain text of what was sent; `None` when the form is not that of this version.
    pub(super) fn read(self, sent: &Value) -> Option<String> {
        match self {
            Self::Two => sent.as_str().map(str::to_owned),
            Self::Three => {
                let right = sent.get("type")?.as_str()? == "doc" && sent.get("version")?.as_u64()? == 1;
                let blocks = sent.get("content")?.as_array()?;
                right.then(|| blocks.iter().map(plain).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

fn document(text: &str) -> Value {
    let paragraphs: Vec<Value> = text
        .lines()
        .map(|line| {
            let content = if line.is_empty() { json!([]) } else { json!([{ "type": "text", "text": line }]) };
            json!({ "type": "paragraph", "content": content })
        })
        .collect();
    json!({ "type": "doc", "version": 1, "content": paragraphs })
}

fn plain(node: &Value) -> String {
    if let Some(text) = node.get("text").and_then(Value::as_str) {
        return text.to_owned();
    }
    match node.get("type").and_then(Value::as_str) {
        Some("hardBreak") => return "\n".to_owned(),
        Some("mention") => {
            let id = node.pointer("/attrs/id").and_then(Value::as_str).unwrap_or_default();
            return format!("[~accountId:{id}]");
        }
        Some(_) | None => {}
    }
    let inside = node.get("content").and_then(Value::as_array);
    inside.map(|inside| inside.iter().map(plain).collect()).unwrap_or_default()
}

/// A time as Jira writes it.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// Builds answers for one base URL and version.
pub(super) struct Writer<'a> {
    pub(super) jira: &'a Jira,
    pub(super) base_url: &'a str,
    pub(super) version: Version,
}

impl Writer<'_> {
    fn api(&self) -> String {
        format!("{}/jira/rest/api/{}", self.base_url, self.version.number())
    }

    /// A user object.
    pub(super) fn user(&self, account: &str) -> Value {
        let mail = self.jira.accounts.get(account).cloned().unwrap_or_default();
        let name = Person::by_mail(&mail).map_or_else(|| "Somebody".to_owned(), |person| person.display_name());
        let mut user = json!({
            "self": format!("{}/user?accountId={account}", self.api()),
            "accountId": account,
            "accountType": "atlassian",
            "avatarUrls": { "48x48": format!("{}/jira/avatar/{account}", self.base_url) },
            "displayName": name,
            "active": !self.jira.inactive.iter().any(|id| id == account),
            "timeZone": "Etc/UTC",
        });
        if !self.jira.hidden_mails.iter().any(|id| id == account) && !mail.is_empty() {
            user["emailAddress"] = json!(mail);
        }
        user
    }

    /// A status object.
    pub(super) fn status(&self, name: &str) -> Value {
        let (id, key, category) = match name {
            "NEW" | "To Do" => (2, "new", "To Do"),
            "Closed" | "Verified" => (3, "done", "Done"),
            _ => (4, "indeterminate", "In Progress"),
        };
        let number = name.bytes().fold(10_000_u64, |sum, byte| sum + u64::from(byte));
        json!({
            "self": format!("{}/status/{number}", self.api()),
            "description": "",
            "iconUrl": format!("{}/jira/images/icons/status.png", self.base_url),
            "name": name,
            "id": number.to_string(),
            "statusCategory": {
                "self": format!("{}/statuscategory/{id}", self.api()),
                "id": id, "key": key, "colorName": "blue-gray", "name": category,
            },
        })
    }

    /// A comment object.
    pub(super) fn comment(&self, issue: &Issue, comment: &Comment, author: &str) -> Value {
        json!({
            "self": format!("{}/issue/{}/comment/{}", self.api(), issue.id, comment.id),
            "id": comment.id.to_string(),
            "author": self.user(author),
            "body": self.version.text(&comment.body),
            "updateAuthor": self.user(author),
            "created": stamp(comment.created),
            "updated": stamp(comment.created),
        })
    }

    /// Where an issue is.
    pub(super) fn issue_url(&self, issue: &Issue) -> String {
        format!("{}/issue/{}", self.api(), issue.id)
    }

    /// An issue with the wanted fields.
    pub(super) fn issue(&self, issue: &Issue, fields: &Fields, changelog: bool, author: &str) -> Value {
        let mut body = json!({
            "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
            "id": issue.id.to_string(),
            "self": self.issue_url(issue),
            "key": issue.key,
        });
        let all = self.fields(issue, author);
        let wanted: Map<String, Value> = all.into_iter().filter(|(name, _)| fields.has(name)).collect();
        body["fields"] = Value::Object(wanted);
        if changelog {
            let histories: Vec<Value> = issue
                .changes
                .iter()
                .zip(1..)
                .map(|(change, n)| {
                    json!({
                        "id": (issue.id * 100 + n).to_string(),
                        "author": self.user(author),
                        "created": stamp(change.created),
                        "items": [{
                            "field": change.field, "fieldtype": "jira", "fieldId": change.field,
                            "from": null, "fromString": change.from, "to": null, "toString": change.to,
                        }],
                    })
                })
                .collect();
            let total = histories.len();
            body["changelog"] = json!({ "startAt": 0, "maxResults": total, "total": total, "histories": histories });
        }
        body
    }

    fn fields(&self, issue: &Issue, author: &str) -> Map<String, Value> {
        let user = |id: &Option<String>| id.as_deref().map(|id| self.user(id));
        let brief = |other: &Issue| {
            json!({
                "id": other.id.to_string(), "key": other.key, "self": self.issue_url(other),
                "fields": {
                    "summary": other.summary, "status": self.status(&other.status),
                    "issuetype": { "name": other.kind, "subtask": other.parent.is_some() },
                },
            })
        };
        let subtasks: Vec<Value> =
            self.jira.issues.values().filter(|other| other.parent.as_ref() == Some(&issue.key)).map(brief).collect();
        let comments: Vec<Value> = issue.comments.iter().map(|comment| self.comment(issue, comment, author)).collect();
        let total = comments.len();
        let need_info: Vec<Value> = issue.need_info.iter().map(|id| self.user(id)).collect();
        let updated = issue.changes.last().map_or(issue.created, |change| change.created);
        let fields = json!({
            "summary": issue.summary,
            "description": self.version.text(&issue.description),
            "status": self.status(&issue.status),
            "labels": issue.labels,
            "priority": { "name": issue.priority, "id": "3" },
            "assignee": user(&issue.assignee),
            "reporter": self.user(author),
            "subtasks": subtasks,
            "parent": issue.parent.as_ref().and_then(|key| self.jira.issues.get(key)).map(brief),
            "issuetype": { "name": issue.kind, "id": "1", "subtask": issue.parent.is_some() },
            "project": { "id": project_id(issue.project()), "key": issue.project(), "name": issue.project() },
            "created": stamp(issue.created),
            "updated": stamp(updated),
            "comment": {
                "comments": comments, "self": format!("{}/comment", self.issue_url(issue)),
                "maxResults": total, "total": total, "startAt": 0,
            },
            "customfield_10470": user(&issue.qa_contact),
            "customfield_10482": if need_info.is_empty() { Value::Null } else { Value::Array(need_info) },
            "customfield_10847": issue.release_blocker.as_ref().map(|value| json!({ "value": value })),
            "customfield_10978": issue.customer_cases,
            "customfield_10979": null,
        });
        fields.as_object().cloned().unwrap_or_default()
    }
}

/// The number of a project, as text.
pub(super) fn project_id(key: &str) -> String {
    key.bytes().fold(10_000_u64, |sum, byte| sum + u64::from(byte)).to_string()
}

/// Which fields are wanted.
pub(super) enum Fields {
    /// All of them.
    All,
    /// These.
    Named(BTreeSet<String>),
}

impl Fields {
    /// Reads the names that a request lists; a name may be `*all` or begin with a minus sign.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<String> =
            names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
        if names.iter().any(|name| name == "*all" || name == "*navigable") { Self::All } else { Self::Named(names) }
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}
