//! Issues of Jira: the tracking story, its QE sub-tasks and the bugs that the release fixes.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::sim::facts::accounts::Person;
use crate::sim::scenario::{Progress, ReleasePlan};

/// Summaries of the sub-tasks that QE owns.
pub const QE_SUBTASKS: [&str; 3] = [
    "[Mon-Wed] QE notifies ON_QA bugzilla owners and analyze ci failures",
    "[Wed-Fri] QE does release verification",
    "[Fri/Mon] QE moves advisories to REL_PREP",
];

/// What Jira knows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Jira {
    /// Issues by key.
    pub issues: BTreeMap<String, Issue>,
    /// Mail addresses of accounts: account id → address.
    pub accounts: BTreeMap<String, String>,
    /// Account ids whose mail address is not shown.
    pub hidden_mails: Vec<String>,
    /// Account ids that are no longer active.
    pub inactive: Vec<String>,
    /// A search for a key that does not exist answers 400 instead of leaving it out.
    pub unknown_keys_are_errors: bool,
}

/// One issue.
#[derive(Debug, Clone, Serialize)]
pub struct Issue {
    /// Key such as `OCPBUGS-1`.
    pub key: String,
    /// Number, unique over all projects.
    pub id: u64,
    /// One line.
    pub summary: String,
    /// Plain text, lines separated by `\n`.
    pub description: String,
    /// Name of the issue type.
    pub kind: String,
    /// Name of the status.
    pub status: String,
    /// Name of the priority.
    pub priority: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Account id.
    pub assignee: Option<String>,
    /// Account id of the QA contact.
    pub qa_contact: Option<String>,
    /// Value of the release blocker field.
    pub release_blocker: Option<String>,
    /// Opaque value of the customer cases field.
    pub customer_cases: Option<String>,
    /// Target version.
    pub target_version: Option<String>,
    /// Whom the issue asks for information, account ids.
    pub need_info: Vec<String>,
    /// Key of the issue that this one is a sub-task of.
    pub parent: Option<String>,
    /// Comments, oldest first.
    pub comments: Vec<Comment>,
    /// Changes, oldest first.
    pub changes: Vec<Change>,
    /// Links to other places: URL and title.
    pub remote_links: Vec<(String, String)>,
    /// Whether the token may see it; if not, it seems not to exist.
    pub visible: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// One comment.
#[derive(Debug, Clone, Serialize)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Plain text.
    pub body: String,
    /// When it was written.
    pub created: Timestamp,
}

/// One change of one field.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Field.
    pub field: String,
    /// Text before.
    pub from: String,
    /// Text after.
    pub to: String,
    /// When.
    pub created: Timestamp,
}

/// Where a bug of the release is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// In the advisory of this kind (`rpm`, `rhcos`).
    Advisory(&'static str),
    /// In the shipment file of this kind (`image`, `extras`).
    Shipment(&'static str),
}

/// A bug that the release fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    /// Its key.
    pub key: String,
    /// One line.
    pub summary: String,
    /// Status when the world begins.
    pub status: &'static str,
    /// Whether it tracks a CVE.
    pub cve: bool,
    /// Where it is listed.
    pub home: Home,
}

/// The bugs of the release: numbers follow from the release, so that every service can name them.
pub fn bugs(plan: &ReleasePlan) -> Vec<Bug> {
    let base = plan.art_ticket.rsplit('-').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(20_000) * 10;
    let minor = plan.release.minor();
    [
        (Home::Shipment("image"), "Verified", true, "golang: unbounded read"),
        (Home::Shipment("image"), "Verified", false, "Console shows a stale alert"),
        (Home::Shipment("image"), "Verified", false, "Router reloads twice"),
        (Home::Shipment("image"), "Closed", false, "Installer ignores a proxy entry"),
        (Home::Shipment("image"), "ON_QA", false, "Etcd restart takes long"),
        (Home::Shipment("image"), "Verified", false, "Node name is cut in a message"),
        (Home::Shipment("extras"), "Verified", true, "webapp: cross-site request"),
        (Home::Shipment("extras"), "Verified", false, "Operator logs at wrong level"),
        (Home::Advisory("rpm"), "Verified", false, "Package misses a dependency"),
        (Home::Advisory("rpm"), "Verified", false, "Man page is outdated"),
        (Home::Advisory("rhcos"), "Verified", true, "kernel: use after free"),
        (Home::Advisory("rhcos"), "ON_QA", false, "Time zone data is old"),
    ]
    .into_iter()
    .zip(1..)
    .map(|((home, status, cve, text), n)| {
        let summary = if cve {
            format!("CVE-2026-{} {text} [openshift-{minor}.z]", 10_000 + n)
        } else {
            format!("[{minor}.z] {text}")
        };
        Bug { key: format!("OCPBUGS-{}", base + n), summary, status, cve, home }
    })
    .collect()
}

impl Issue {
    /// An open issue without anything special.
    pub fn new(key: &str, id: u64, kind: &str, summary: &str, status: &str, created: Timestamp) -> Self {
        Self {
            key: key.to_owned(),
            id,
            summary: summary.to_owned(),
            description: String::new(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            priority: "Normal".to_owned(),
            labels: Vec::new(),
            assignee: None,
            qa_contact: None,
            release_blocker: None,
            customer_cases: None,
            target_version: None,
            need_info: Vec::new(),
            parent: None,
            comments: Vec::new(),
            changes: Vec::new(),
            remote_links: Vec::new(),
            visible: true,
            created,
        }
    }

    /// The project part of the key.
    pub fn project(&self) -> &str {
        self.key.split('-').next().unwrap_or_default()
    }

    /// Statuses that can be entered from the present one.
    pub fn next_statuses(&self) -> &'static [&'static str] {
        if self.project() == "OCPBUGS" {
            return match self.status.as_str() {
                "NEW" => &["ASSIGNED", "Closed"],
                "ASSIGNED" => &["POST", "Closed"],
                "POST" => &["MODIFIED", "ASSIGNED"],
                "MODIFIED" => &["ON_QA", "ASSIGNED"],
                "ON_QA" => &["Verified", "ASSIGNED"],
                "Verified" => &["Release Pending", "Closed", "ASSIGNED"],
                "Release Pending" => &["Closed"],
                "Closed" => &["ASSIGNED"],
                _ => &[],
            };
        }
        match self.status.as_str() {
            "To Do" => &["In Progress", "Closed"],
            "In Progress" => &["Closed", "To Do"],
            "Closed" => &["To Do"],
            _ => &[],
        }
    }

    /// Enters a status and remembers it in the history.
    pub fn enter(&mut self, status: &str, now: Timestamp) {
        self.change("status", self.status.clone(), status.to_owned(), now);
        self.status = status.to_owned();
    }

    pub(in crate::sim) fn change(&mut self, field: &str, from: String, to: String, created: Timestamp) {
        self.changes.push(Change { field: field.to_owned(), from, to, created });
    }
}

impl Jira {
    /// Jira as the plan's release finds it.
    pub fn new(plan: &ReleasePlan, _base_url: &str, _rng: &mut fastrand::Rng) -> Self {
        let mut jira = Self::default();
        let made = plan.start.checked_sub(SignedDuration::from_hours(48)).unwrap_or(plan.start);
        let summary = format!("Release {} [{}]", plan.release, plan.release_date_text);
        jira.add_issue(Issue::new(&plan.art_ticket, 0, "Story", &summary, "In Progress", made));
        let (project, number) = plan.art_ticket.split_once('-').unwrap_or(("ART", "20000"));
        let number: u64 = number.parse().unwrap_or(20_000);
        let owned = plan.past.progress("take-ownership") == Progress::Passed;
        let over = plan.past.progress("change-advisory-status") == Progress::Passed;
        for (summary, n) in QE_SUBTASKS.into_iter().zip(1..) {
            let begun = owned && !summary.starts_with("[Fri/Mon]");
            let status = if over {
                "Closed"
            } else if begun {
                "In Progress"
            } else {
                "To Do"
            };
            let mut task = Issue::new(&format!("{project}-{}", number + n), 0, "Sub-task", summary, status, made);
            task.parent = Some(plan.art_ticket.clone());
            jira.add_issue(task);
        }
        let qa = jira.account("qa.contact@example.com");
        for bug in bugs(plan) {
            let kind = if bug.cve { "Vulnerability" } else { "Bug" };
            let mut issue = Issue::new(&bug.key, 0, kind, &bug.summary, bug.status, made);
            if bug.cve {
                issue.labels = vec!["SecurityTracking".to_owned(), "CVE".to_owned()];
                issue.priority = "Critical".to_owned();
            }
            issue.qa_contact.clone_from(&qa);
            issue.target_version = Some(format!("{}.z", plan.release.minor()));
            jira.add_issue(issue);
        }
        jira
    }

    /// Adds an issue; a number of 0 becomes the next free one.
    pub fn add_issue(&mut self, mut issue: Issue) {
        if issue.id == 0 {
            issue.id = self.issues.values().map(|issue| issue.id).max().unwrap_or(1_000_000) + 1;
        }
        self.issues.insert(issue.key.clone(), issue);
    }

    /// The account id behind a mail address; remembers the account.
    pub fn account(&mut self, mail: &str) -> Option<String> {
        let person = Person::by_mail(mail)?;
        let id = format!("712020:{}", person.id);
        self.accounts.insert(id.clone(), person.mail);
        Some(id)
    }

    /// Finds a visible issue by key or number.
    pub(in crate::sim) fn find(&self, key: &str) -> Option<&Issue> {
        self.issues
            .get(key)
            .or_else(|| self.issues.values().find(|issue| issue.id.to_string() == key))
            .filter(|i| i.visible)
    }

    pub(in crate::sim) fn find_mut(&mut self, key: &str) -> Option<&mut Issue> {
        let key = self.find(key)?.key.clone();
        self.issues.get_mut(&key)
    }
}
