//! Sealed settings: people, contacts and addresses that must not be public.
//!
//! Checked as a whole when loaded, because a missing handle must not surface in the notification of
//! a task that has otherwise succeeded. Immutable: who owns a release is an argument of a task.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};
use url::Url;

use super::credentials::Credentials;
use super::error::ConfigError;
use super::jwe::{self, JweError, SealKey};
use super::origin::Origin;
use crate::domain::credential::Credential;
use crate::domain::release::Minor;
use crate::domain::service::Service;

/// Address keys of the file and the services they belong to.
const ADDRESSES: [(&str, Service); 6] = [
    ("build_data_url", Service::BuildData),
    ("jira_server", Service::Jira),
    ("jenkins_server", Service::Jenkins),
    ("gitlab_url", Service::Gitlab),
    ("release_url", Service::ReleaseController),
    ("signature_url", Service::Signatures),
];

/// Slack teams that tasks write to; others may exist.
const TEAMS: [&str; 5] = ["qe", "qe-forum", "qe-release", "art", "approver"];

/// The sealed settings of one file.
#[derive(Debug, Clone)]
pub struct SealedSettings {
    path: PathBuf,
    addresses: BTreeMap<Service, (String, &'static str)>,
    owners: BTreeMap<String, String>,
    email: BTreeMap<String, String>,
    slack: BTreeMap<String, BTreeMap<String, String>>,
}

/// The Slack handle of the lead of a minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadHandle<'a> {
    /// The user-group handle.
    pub id: &'a str,
    /// The minor has none of its own; this is the group of all leads. Worth a warning.
    pub is_fallback: bool,
}

impl SealedSettings {
    /// Opens and checks the file `path`: a compact JWE, or plain JSON outside of any repository.
    ///
    /// # Errors
    ///
    /// Unreadable, a key that is missing or does not fit, plain text inside a repository, or content
    /// that breaks the schema (all complaints at once).
    pub fn load(path: &Path, credentials: &Credentials, warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
        if jwe::is_sealed(&text) {
            let sealed = |cause: JweError| ConfigError::Sealed { path: path.to_owned(), cause };
            let key = SealKey::parse(credentials.need(Credential::OarJwk)?).map_err(sealed)?;
            let plain = jwe::decrypt(&text, &key).map_err(sealed)?;
            return Self::from_json(path, &plain, warnings);
        }
        if let Some(repository) = repository_around(path) {
            return Err(ConfigError::PlainInRepository { path: path.to_owned(), repository });
        }
        Self::from_json(path, text.as_bytes(), warnings)
    }

    /// The same; without a file or without its key there are no sealed settings, which is an error
    /// only for those who need them.
    pub(super) fn load_if_possible(
        path: Option<&Path>,
        credentials: &Credentials,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Self>, ConfigError> {
        match path.map(|path| Self::load(path, credentials, warnings)) {
            None | Some(Err(ConfigError::MissingCredentials(_))) => Ok(None),
            Some(loaded) => loaded.map(Some),
        }
    }

    /// Reads and checks the plain content; `path` is for messages.
    ///
    /// # Errors
    ///
    /// Content that breaks the schema, with all complaints.
    pub fn from_json(path: &Path, plain: &[u8], warnings: &mut Vec<String>) -> Result<Self, ConfigError> {
        let refuse = |complaints| ConfigError::SealedContent { path: path.to_owned(), complaints };
        let Ok(Json::Object(top)) = serde_json::from_slice(plain) else {
            return Err(refuse(vec!["it is not a JSON object".to_owned()]));
        };
        let mut check = Check { complaints: Vec::new(), warnings };
        let settings = check.settings(path, &top);
        if check.complaints.is_empty() { Ok(settings) } else { Err(refuse(check.complaints)) }
    }

    /// Addresses that the file names.
    pub(super) fn service_urls(&self) -> BTreeMap<Service, (String, Origin)> {
        let origin = |key| Origin::Sealed { path: self.path.clone(), key };
        self.addresses.iter().map(|(service, (url, key))| (*service, (url.clone(), origin(key)))).collect()
    }

    /// Mail address of the owner of a minor's releases.
    pub fn owner(&self, minor: Minor) -> &str {
        let owner = self.owners.get(&minor.to_string()).or_else(|| self.owners.get("default"));
        owner.map(String::as_str).unwrap_or_default()
    }

    /// Mail address of a team.
    ///
    /// # Errors
    ///
    /// The team has none.
    pub fn email(&self, team: &str) -> Result<&str, ConfigError> {
        entry(&self.email, team, || format!("contacts.email.{team}"))
    }

    /// Slack channel of a team, with `#`.
    ///
    /// # Errors
    ///
    /// The team is unknown or has no channel.
    pub fn slack_channel(&self, team: &str) -> Result<&str, ConfigError> {
        self.slack(team, "channel")
    }

    /// Slack user group of a team.
    ///
    /// # Errors
    ///
    /// The team is unknown or has no group.
    pub fn slack_handle(&self, team: &str) -> Result<&str, ConfigError> {
        self.slack(team, "id")
    }

    /// Any attribute of a Slack team, such as `doc_id` of `approver`.
    ///
    /// # Errors
    ///
    /// The team is unknown or lacks the attribute.
    pub fn slack(&self, team: &str, attribute: &str) -> Result<&str, ConfigError> {
        let what = || format!("contacts.slack.{team}.{attribute}");
        self.slack.get(team).map_or_else(|| Err(ConfigError::NoEntry { what: what() }), |t| entry(t, attribute, what))
    }

    /// Slack user group of the lead of a minor, else of all leads.
    ///
    /// # Errors
    ///
    /// Neither exists; a loaded file always has the second.
    pub fn lead_handle(&self, minor: Option<Minor>) -> Result<LeadHandle<'_>, ConfigError> {
        match minor.and_then(|minor| self.slack("qe-release", &minor.to_string()).ok()) {
            Some(id) => Ok(LeadHandle { id, is_fallback: false }),
            None => Ok(LeadHandle { id: self.slack("qe-release", "id")?, is_fallback: true }),
        }
    }

    /// Mail addresses of product security.
    pub fn prodsec(&self) -> Vec<&str> {
        let all = self.slack("approver", "prodsec_id").unwrap_or_default();
        all.split(',').map(str::trim).filter(|address| !address.is_empty()).collect()
    }
}

fn entry<'a>(map: &'a BTreeMap<String, String>, key: &str, what: impl Fn() -> String) -> Result<&'a str, ConfigError> {
    map.get(key).map(String::as_str).ok_or_else(|| ConfigError::NoEntry { what: what() })
}

/// The Git work tree that holds `path`, if any.
pub(super) fn repository_around(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// Collects everything that is wrong instead of stopping at the first.
struct Check<'a> {
    complaints: Vec<String>,
    warnings: &'a mut Vec<String>,
}

impl Check<'_> {
    fn settings(&mut self, path: &Path, top: &Map<String, Json>) -> SealedSettings {
        let known = ["owners", "contacts", "report_templates"];
        for key in top.keys() {
            if !known.contains(&key.as_str()) && !ADDRESSES.iter().any(|(name, _)| name == key) {
                self.warnings.push(format!("{}: key {key} is not used", path.display()));
            }
        }
        let contacts = self.object(top, "contacts");
        let mut slack = BTreeMap::new();
        for (team, attributes) in self.object(&contacts, "slack") {
            let what = format!("contacts.slack.{team}");
            slack.insert(team, self.texts(&what, &attributes));
        }
        let settings = SealedSettings {
            path: path.to_owned(),
            addresses: self.addresses(top),
            owners: self.map(top, "owners", "owners"),
            email: self.map(&contacts, "email", "contacts.email"),
            slack,
        };
        // Nothing reads them yet; what is wrong with them is said all the same.
        if top.contains_key("report_templates") {
            self.map(top, "report_templates", "report_templates");
        }
        self.people(path, &settings);
        settings
    }

    fn addresses(&mut self, top: &Map<String, Json>) -> BTreeMap<Service, (String, &'static str)> {
        let mut found = BTreeMap::new();
        for (key, service) in ADDRESSES {
            let Some(value) = top.get(key) else { continue };
            let url = value.as_str().unwrap_or_default();
            let placeholders = url.matches("%s").count();
            if !Url::parse(&url.replace("%s", "x").replace("{arch}", "x")).is_ok_and(|url| url.has_host()) {
                self.complaints.push(format!("{key} is not an address"));
            } else if service == Service::BuildData && placeholders != 1 {
                self.complaints.push(format!("{key} must hold %s exactly once, it does {placeholders} times"));
            } else {
                found.insert(service, (url.to_owned(), key));
            }
        }
        found
    }

    fn people(&mut self, path: &Path, settings: &SealedSettings) {
        if !settings.owners.contains_key("default") {
            self.complaints.push("owners.default is missing".to_owned());
        }
        for (minor, address) in &settings.owners {
            if minor != "default" && minor.parse::<Minor>().is_err() {
                self.complaints.push(format!("owners.{minor} is neither default nor a minor such as 4.20"));
            }
            if !is_address(address) {
                self.complaints.push(format!("owners.{minor} is not a mail address"));
            }
        }
        for team in settings.email.iter().filter(|(_, address)| !is_address(address)).map(|(team, _)| team) {
            self.complaints.push(format!("contacts.email.{team} is not a mail address"));
        }
        // The group of all leads stands in for every lead, so it has to exist.
        if settings.slack("qe-release", "id").is_err() {
            self.complaints.push("contacts.slack.qe-release.id is missing".to_owned());
        }
        for team in TEAMS.iter().filter(|team| settings.slack_channel(team).is_err()) {
            self.warnings.push(format!("{}: contacts.slack.{team}.channel is missing", path.display()));
        }
    }

    fn object(&mut self, parent: &Map<String, Json>, key: &str) -> Map<String, Json> {
        match parent.get(key) {
            Some(Json::Object(inner)) => inner.clone(),
            Some(_) | None => {
                self.complaints.push(format!("{key} is missing or no object"));
                Map::new()
            }
        }
    }

    fn map(&mut self, parent: &Map<String, Json>, key: &str, what: &str) -> BTreeMap<String, String> {
        let inner = Json::Object(self.object(parent, key));
        self.texts(what, &inner)
    }

    fn texts(&mut self, what: &str, value: &Json) -> BTreeMap<String, String> {
        let Some(object) = value.as_object() else {
            self.complaints.push(format!("{what} is no object"));
            return BTreeMap::new();
        };
        let mut texts = BTreeMap::new();
        for (key, value) in object {
            match value.as_str().map(str::trim).filter(|text| !text.is_empty()) {
                Some(text) => drop(texts.insert(key.clone(), text.to_owned())),
                None => self.complaints.push(format!("{what}.{key} is not a text, or empty")),
            }
        }
        texts
    }
}

/// `local@domain.tld`, nothing around it.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((_, tld)) = domain.rsplit_once('.') else { return false };
    let all = |text: &str, extra: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || extra.contains(letter))
    };
    all(local, "._%+-") && all(domain, ".-") && tld.len() >= 2 && tld.chars().all(|letter| letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
