//! Build data: one assembly of a minor, resolved by ART's inheritance rules.

use indexmap::IndexMap;

use super::ids::AdvisoryId;
use super::release::ZStream;
use super::task::Flow;

/// Why build data does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// The text is not YAML.
    #[error("build data is not YAML: {why}")]
    NotYaml {
        /// What the parser says.
        why: String,
    },
    /// YAML, but not of the form of build data.
    #[error("build data entry {path} is not {expected}")]
    Shape {
        /// Where.
        path: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The release has no assembly yet.
    #[error("build data does not list {key} yet")]
    NotListed {
        /// The assembly key.
        key: String,
    },
    /// An assembly that is its own ancestor.
    #[error("build data is circular: {}", chain.join(" -> "))]
    Cycle {
        /// From the release to the repeated ancestor.
        chain: Vec<String>,
    },
}

/// An entry of an assembly that cannot be used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady {
    /// The entry, dotted (`group.advisories.metadata`).
    pub entry: String,
    /// Why.
    pub why: String,
}

/// What build data says about one release, after inheritance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assembly {
    /// The key under which the release is listed.
    pub key: String,
    /// Usable advisories by impetus, in file order.
    pub advisories: IndexMap<String, AdvisoryId>,
    /// Candidate nightlies by architecture, in file order.
    pub candidate_builds: IndexMap<String, String>,
    /// The release's Jira ticket; a placeholder (`ART-0`) is told in `not_ready`.
    pub jira_ticket: Option<String>,
    /// As written; see `dates`.
    pub release_date: Option<String>,
    /// Address of the shipment merge request.
    pub shipment_mr: Option<String>,
    /// Is there a shipment at all, with or without an address?
    pub has_shipment: bool,
    /// Entries that cannot be used yet.
    pub not_ready: Vec<NotReady>,
    /// Oddities that do not stop anybody.
    pub warnings: Vec<String>,
    /// The assembly that each value came from, by dotted entry.
    pub origins: IndexMap<String, String>,
}

impl Assembly {
    /// The way the release ships. An unfinished shipment or placeholder advisory is Konflux: ART
    /// fills it in later, and treating it as Errata flow would start the wrong tasks.
    pub fn flow(&self) -> Flow {
        if self.has_shipment || !self.not_ready.is_empty() { Flow::Konflux } else { Flow::Errata }
    }
}

/// All assemblies of one minor, parsed once.
#[derive(Debug, Clone)]
pub struct BuildData;

impl BuildData {
    /// Parses a `releases.yml`.
    ///
    /// # Errors
    ///
    /// Not YAML, or not a map of assemblies under `releases`.
    pub fn parse(_text: &str) -> Result<Self, AssemblyError> {
        Ok(Self)
    }

    /// The assembly keys in file order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// Resolves a release.
    ///
    /// # Errors
    ///
    /// Not listed, or circular inheritance.
    pub fn resolve(&self, release: &ZStream) -> Result<Assembly, AssemblyError> {
        self.resolve_key(&release.assembly_key())
    }

    /// Resolves an assembly by its key.
    ///
    /// # Errors
    ///
    /// Not listed, or circular inheritance.
    pub fn resolve_key(&self, key: &str) -> Result<Assembly, AssemblyError> {
        Err(AssemblyError::NotListed { key: key.to_owned() })
    }
}
