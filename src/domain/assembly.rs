//! Build data: one assembly of a minor, resolved by ART's inheritance rules.

pub mod changes;
mod layer;
pub mod original;
mod yaml;

use indexmap::IndexMap;

use self::layer::Layered;
use self::yaml::{Mapping, Value};
use jiff::civil::Date;

use super::advisory::{NOT_OURS, holds_images};
use super::dates;
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
    /// A merge suffix where ART's own tools refuse one.
    #[error("build data of {assembly} cannot be used: ART's tools refuse `{key}`, a suffix on a top-level key")]
    TopLevelSuffix {
        /// The assembly that has it.
        assembly: String,
        /// The key with its suffix.
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
    /// The release's Jira ticket; none while it is a placeholder (`ART-0`).
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
    /// The way the release ships. An unfinished shipment or a placeholder advisory is Konflux: ART
    /// fills it in later, and taking it for the Errata flow would start the wrong tasks.
    pub fn flow(&self) -> Flow {
        if self.has_shipment || !self.not_ready.is_empty() { Flow::Konflux } else { Flow::Errata }
    }

    /// When the release is due; nothing without a usable date.
    pub fn due(&self) -> Option<Date> {
        self.release_date.as_deref().and_then(dates::release_date)
    }

    /// The assembly from which everything of this release comes, when it has nothing of its own yet. Such values
    /// are those of another release, until ART fills in its own.
    pub fn inherited_whole_from(&self) -> Option<&str> {
        let mut origins = self.origins.iter().filter(|(entry, _)| entry.starts_with("group."));
        let (_, first) = origins.next()?;
        let all_strange = *first != self.key && origins.all(|(_, origin)| *origin != self.key);
        all_strange.then_some(first.as_str())
    }

    /// Without shipment and without an advisory that holds images nobody can tell the flow yet. Seen
    /// in 4.20.0-ec.4, whose neighbours all have a shipment.
    fn refuse_to_guess_the_flow(&mut self) {
        let has_images = self.advisories.keys().any(|impetus| holds_images(impetus));
        if !self.has_shipment && !has_images && self.not_ready.is_empty() {
            self.not_ready("group.shipment".to_owned(), "is missing, and no advisory holds images");
        }
    }

    fn not_ready(&mut self, entry: String, why: impl Into<String>) {
        self.not_ready.push(NotReady { entry, why: why.into() });
    }

    fn came_from(&mut self, entry: &str, origin: &str) {
        self.origins.insert(entry.to_owned(), origin.to_owned());
    }
}

/// All assemblies of one minor, parsed once.
#[derive(Debug, Clone)]
pub struct BuildData {
    releases: Mapping,
}

impl BuildData {
    /// Parses a `releases.yml`.
    ///
    /// # Errors
    ///
    /// Not YAML, or not a map of assemblies under `releases`.
    pub fn parse(text: &str) -> Result<Self, AssemblyError> {
        let tree: Value = crate::domain::yaml::parse(text).map_err(|why| AssemblyError::NotYaml { why })?;
        match tree {
            Value::Map(mut top) => match top.entries.swap_remove("releases") {
                Some(Value::Map(releases)) => Ok(Self { releases }),
                Some(_) | None => Err(shape("releases")),
            },
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                Err(shape("releases"))
            }
        }
    }

    /// The assembly keys in file order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.releases.entries.keys().map(String::as_str)
    }

    /// Resolves a release.
    ///
    /// # Errors
    ///
    /// Not listed, not a map, or circular inheritance.
    pub fn resolve(&self, release: &ZStream) -> Result<Assembly, AssemblyError> {
        self.resolve_key(&release.assembly_key())
    }

    /// Resolves an assembly by its key.
    ///
    /// # Errors
    ///
    /// Not listed, not a map, or circular inheritance.
    pub fn resolve_key(&self, key: &str) -> Result<Assembly, AssemblyError> {
        let mut found = Assembly { key: key.to_owned(), ..Assembly::default() };
        let family = self.family(key, &mut found.warnings)?;
        let mut merged = IndexMap::new();
        // The oldest ancestor first; each younger one is laid over it.
        for (key, assembly) in family.iter().rev() {
            for (part, value) in &assembly.entries {
                if matches!(part.as_str(), "group" | "basis") {
                    layer::set(&mut merged, part, value, key);
                }
            }
        }
        if let Some(group) = merged.get("group") {
            read_advisories(&mut found, group.get("advisories"));
            read_ticket(&mut found, group.get("release_jira"));
            read_date(&mut found, group.get("release_date"));
            read_shipment(&mut found, group.get("shipment"));
        }
        found.refuse_to_guess_the_flow();
        read_builds(&mut found, merged.get("basis").and_then(|basis| basis.get("reference_releases")));
        Ok(found)
    }

    /// The assembly and its ancestors, itself first.
    ///
    /// # Errors
    ///
    /// Not listed, not a map, circular, or a suffix on a top-level key.
    fn family(&self, key: &str, warnings: &mut Vec<String>) -> Result<Vec<(&str, &Mapping)>, AssemblyError> {
        let mut family: Vec<(&str, &Mapping)> = Vec::new();
        let mut next = Some(key.to_owned());
        while let Some(key) = next {
            if family.iter().any(|(known, _)| *known == key) {
                let chain = family.iter().map(|(known, _)| (*known).to_owned()).chain([key]).collect();
                return Err(AssemblyError::Cycle { chain });
            }
            let Some((listed, entry)) = self.releases.entries.get_key_value(&key) else {
                let Some((child, _)) = family.last() else { return Err(AssemblyError::NotListed { key }) };
                warnings
                    .push(format!("{child} inherits from {key}, which is not listed; it counts as having no parent"));
                break;
            };
            let assembly = entry
                .get("assembly")
                .and_then(Value::as_map)
                .ok_or_else(|| shape(&format!("releases.{key}.assembly")))?;
            if let Some(key) = assembly.entries.keys().find(|key| layer::split(key).1 != layer::Meeting::Merge) {
                return Err(AssemblyError::TopLevelSuffix { assembly: listed.clone(), key: key.clone() });
            }
            let repeated = self.releases.repeated.iter().filter(|repeated| **repeated == key);
            for key in repeated.chain(repeated_inside(assembly)) {
                warnings.push(format!("{listed}: key {key} is written more than once; the last one counts"));
            }
            family.push((listed, assembly));
            next = parent_of(assembly);
        }
        Ok(family)
    }

    fn assembly(&self, key: &str) -> Result<&Value, AssemblyError> {
        let entry = self.releases.entries.get(key).ok_or_else(|| AssemblyError::NotListed { key: key.to_owned() })?;
        entry.get("assembly").ok_or_else(|| shape(&format!("releases.{key}.assembly")))
    }
}

fn shape(path: &str) -> AssemblyError {
    AssemblyError::Shape { path: path.to_owned(), expected: "a map" }
}

/// `basis.assembly`, whatever suffix it carries. It is never inherited.
fn parent_of(assembly: &Mapping) -> Option<String> {
    let basis = assembly.entries.get("basis")?.as_map()?;
    let (_, value) = basis.entries.iter().find(|(key, _)| {
        let (stem, meeting) = layer::split(key);
        stem == "assembly" && meeting != layer::Meeting::Remove
    })?;
    value.text()
}

/// Repeated keys of the parts that we read.
fn repeated_inside(assembly: &Mapping) -> impl Iterator<Item = &String> {
    let parts = assembly.entries.iter().filter(|(key, _)| matches!(key.as_str(), "group" | "basis"));
    let parts = parts.filter_map(|(_, value)| value.as_map());
    let inner = parts.clone().flat_map(|map| map.entries.values().filter_map(Value::as_map));
    assembly.repeated.iter().chain(parts.chain(inner).flat_map(|map| &map.repeated))
}

fn read_advisories(found: &mut Assembly, node: Option<&Layered<'_>>) {
    let Some(node) = node.filter(|node| !node.is_null()) else { return };
    let Layered::Map(entries, _) = node else {
        return found.not_ready("group.advisories".to_owned(), "is not a map of advisory numbers");
    };
    for (impetus, node) in entries {
        let entry = format!("group.advisories.{impetus}");
        found.came_from(&entry, node.origin());
        let gap = match node.scalar().and_then(|(value, _)| value.text()).map(|text| (text.parse::<i64>(), text)) {
            Some((Ok(number), _)) if number > 0 => {
                found.advisories.insert((*impetus).to_owned(), AdvisoryId::new(number.unsigned_abs()));
                continue;
            }
            Some((Ok(number), _)) => format!("{number} is a placeholder: ART has not created the advisory yet"),
            Some((Err(_), text)) => format!("{text:?} is not an advisory number"),
            None => "has no number yet".to_owned(),
        };
        // Whatever others ship holds nobody up here.
        if *impetus == NOT_OURS {
            found.warnings.push(format!("{entry}: {gap}; others ship it"));
        } else {
            found.not_ready(entry, gap);
        }
    }
}

fn read_ticket(found: &mut Assembly, node: Option<&Layered<'_>>) {
    let Some((value, origin)) = node.and_then(Layered::scalar) else { return };
    let Some(ticket) = value.text().filter(|text| !text.is_empty()) else { return };
    found.came_from("group.release_jira", origin);
    if ticket.ends_with("-0") {
        return found
            .warnings
            .push(format!("group.release_jira is {ticket}, a placeholder; the ticket is not known yet"));
    }
    found.jira_ticket = Some(ticket);
}

fn read_date(found: &mut Assembly, node: Option<&Layered<'_>>) {
    let Some((value, origin)) = node.and_then(Layered::scalar) else { return };
    let Some(date) = value.text().filter(|text| !text.is_empty()) else { return };
    found.came_from("group.release_date", origin);
    found.release_date = Some(date);
}

fn read_shipment(found: &mut Assembly, node: Option<&Layered<'_>>) {
    let Some(node) = node.filter(|node| !node.is_null()) else { return };
    found.has_shipment = true;
    let url = node.get("url").and_then(Layered::scalar);
    match url.and_then(|(value, origin)| Some((value.text().filter(|text| !text.is_empty())?, origin))) {
        Some((url, origin)) => {
            found.came_from("group.shipment.url", origin);
            found.shipment_mr = Some(url);
        }
        None => {
            found.not_ready("group.shipment.url".to_owned(), "is missing: ART has not opened the merge request yet")
        }
    }
}

fn read_builds(found: &mut Assembly, node: Option<&Layered<'_>>) {
    let Some(Layered::Map(entries, _)) = node else { return };
    for (arch, node) in entries {
        let entry = format!("basis.reference_releases.{arch}");
        found.came_from(&entry, node.origin());
        match node.scalar().and_then(|(value, _)| value.text()) {
            Some(build) => drop(found.candidate_builds.insert((*arch).to_owned(), build)),
            None => found.warnings.push(format!("{entry} names no build")),
        }
    }
}

#[cfg(test)]
mod tests;
