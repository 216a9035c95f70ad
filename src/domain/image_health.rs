//! Health of container images: the grade the catalogue gives, and what all grades together mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_yaml::Value;

use super::ids::Digest;
use super::shipment::StageRelease;

/// A letter, or nothing valid. Later letters are worse; [`Grade::Unknown`] is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Best.
    A,
    /// Still healthy.
    B,
    /// Unhealthy.
    C,
    /// Unhealthy.
    D,
    /// Unhealthy.
    E,
    /// Worst letter.
    F,
    /// No valid grade, or a letter that we do not know.
    Unknown,
}

impl Grade {
    /// Reads the catalogue's spelling.
    pub fn from_wire(text: &str) -> Self {
        match text {
            "A" => Self::A,
            "B" => Self::B,
            "C" => Self::C,
            "D" => Self::D,
            "E" => Self::E,
            "F" => Self::F,
            _ => Self::Unknown,
        }
    }

    /// Only A and B are.
    pub const fn is_healthy(self) -> bool {
        matches!(self, Self::A | Self::B)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
            Self::D => "D",
            Self::E => "E",
            Self::F => "F",
            Self::Unknown => "Unknown",
        };
        f.pad(text)
    }
}

/// A grade with the time for which it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradePeriod {
    /// The letter.
    pub grade: Grade,
    /// From when.
    pub start: Option<Timestamp>,
    /// Until when; open when absent.
    pub end: Option<Timestamp>,
}

/// The grade that holds `now`. Grades of the future and of the past do not count; where several hold, the
/// worst does, because the catalogue shows customers that one.
pub fn effective(periods: &[GradePeriod], now: Timestamp) -> Grade {
    periods
        .iter()
        .filter(|period| period.start.is_some_and(|start| start <= now) && period.end.is_none_or(|end| end >= now))
        .map(|period| period.grade)
        .max()
        .unwrap_or(Grade::Unknown)
}

/// Until when the grades stay healthy as they are planned; nothing when they are not now.
pub fn healthy_until(periods: &[GradePeriod], now: Timestamp) -> Option<Timestamp> {
    let healthy = |at| effective(periods, at).is_healthy();
    // A grade holds to the end of its period; the second after it is the first that may differ.
    let after = |end: Timestamp| end.checked_add(SignedDuration::from_secs(1)).ok();
    let changes = periods.iter().flat_map(|period| [period.start, period.end.and_then(after)]).flatten();
    let mut bad: Vec<_> = changes.filter(|at| *at > now && !healthy(*at)).collect();
    bad.sort_unstable();
    healthy(now).then(|| bad.first().copied().unwrap_or(Timestamp::MAX))
}

/// An image as the stage advisory lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// Component name.
    pub component: String,
    /// Architecture.
    pub arch: String,
    /// Pull spec with digest.
    pub pull_spec: String,
    /// The digest out of the pull spec.
    pub digest: Digest,
}

/// Reads the images of a stage advisory, one per digest, in file order.
///
/// # Errors
///
/// Why the text cannot be used: no YAML, no image list, an image without digest, or no image at all. A login
/// page is YAML, too (one long string), and must not look like an advisory without images.
pub fn listed_images(advisory: &str) -> Result<Vec<ListedImage>, String> {
    let document: Value = super::yaml::parse(advisory).map_err(|why| format!("not YAML ({why})"))?;
    let images = document.get("spec").and_then(|spec| spec.get("content")).and_then(|content| content.get("images"));
    let images = images.and_then(Value::as_sequence).ok_or("no list `spec.content.images`")?;
    let mut seen = BTreeSet::new();
    let mut listed = Vec::new();
    for image in images {
        let text = |key: &str| image.get(key).and_then(Value::as_str).unwrap_or("unknown").to_owned();
        let pull_spec = text("containerImage");
        let digest: Digest = pull_spec
            .split_once('@')
            .and_then(|(_, digest)| digest.parse().ok())
            .ok_or_else(|| format!("image {:?} has no digest", text("component")))?;
        if seen.insert(digest.clone()) {
            listed.push(ListedImage { component: text("component"), arch: text("architecture"), pull_spec, digest });
        }
    }
    if listed.is_empty() { Err("it lists no image".to_owned()) } else { Ok(listed) }
}

/// How bad a vulnerability is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VulnerabilitySeverity {
    /// Worst.
    Critical,
    /// High.
    Important,
    /// Medium.
    Moderate,
    /// Least.
    Low,
    /// A word that we do not know.
    Other(String),
}

impl VulnerabilitySeverity {
    /// Reads the catalogue's spelling.
    pub fn from_wire(text: &str) -> Self {
        match text {
            "Critical" => Self::Critical,
            "Important" => Self::Important,
            "Moderate" => Self::Moderate,
            "Low" => Self::Low,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for VulnerabilitySeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "Critical",
            Self::Important => "Important",
            Self::Moderate => "Moderate",
            Self::Low => "Low",
            Self::Other(text) => text,
        })
    }
}

/// A vulnerability of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability {
    /// CVE name.
    pub cve: String,
    /// How bad.
    pub severity: VulnerabilitySeverity,
    /// Affected packages with version.
    pub affected: Vec<(String, String)>,
    /// Source packages to look at.
    pub sources: Vec<String>,
}

/// An image with a bad grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnhealthyImage {
    /// Which image.
    pub image: ListedImage,
    /// Its grade.
    pub grade: Grade,
    /// Why, as far as the catalogue says.
    pub vulnerabilities: Vec<Vulnerability>,
}

/// What is known of all images of a shipment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReport {
    /// How many images have a known answer.
    pub scanned: usize,
    /// The bad ones, in the order of the advisories.
    pub unhealthy: Vec<UnhealthyImage>,
}

/// What image health means for the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthVerdict {
    /// Every image is fine.
    Healthy {
        /// How many were looked at.
        scanned: usize,
    },
    /// At least one image has a bad grade.
    Unhealthy {
        /// How many have a bad grade, unknown ones included.
        unhealthy: usize,
        /// How many of these have no valid grade.
        unknown: usize,
        /// How many were looked at.
        scanned: usize,
    },
    /// Not every image could be looked at: neither good nor bad.
    Unknown {
        /// Why.
        why: String,
    },
    /// The stage release has not succeeded, so there is nothing to look at.
    NotReleased(StageRelease),
}

impl HealthReport {
    /// How many images have no valid grade.
    pub fn unknown(&self) -> usize {
        self.unhealthy.iter().filter(|image| image.grade == Grade::Unknown).count()
    }

    /// Good only when no image is bad.
    pub fn verdict(&self) -> HealthVerdict {
        let scanned = self.scanned;
        if self.unhealthy.is_empty() {
            HealthVerdict::Healthy { scanned }
        } else {
            HealthVerdict::Unhealthy { unhealthy: self.unhealthy.len(), unknown: self.unknown(), scanned }
        }
    }

    /// The report as a comment for the merge request. The same facts give the same text, so that an unchanged
    /// report is recognised; `marker` is its first line.
    pub fn to_markdown(&self, marker: &str) -> String {
        let mut text = format!(
            "{marker}\n### Image health\n\nImages scanned: {}\nUnhealthy images: {}\nUnknown grade: {}\n",
            self.scanned,
            self.unhealthy.len(),
            self.unknown()
        );
        if !self.unhealthy.is_empty() {
            text.push_str("\n| Component | Grade | Architecture | Pull spec |\n|---|---|---|---|\n");
            for UnhealthyImage { image, grade, .. } in &self.unhealthy {
                let (component, arch, spec) = (cell(&image.component), cell(&image.arch), cell(&image.pull_spec));
                // Writing to a string cannot fail.
                let _ = writeln!(text, "| {component} | {grade} | {arch} | `{spec}` |");
            }
        }
        let packages = self.packages();
        if !packages.is_empty() {
            text.push_str("\n| Package | Severity | CVEs | Source packages |\n|---|---|---|---|\n");
            for AffectedPackage { severity, name, version, cves, sources } in &packages {
                let (cves, sources) = (joined(cves), joined(sources));
                let _ = writeln!(text, "| {}-{} | {severity} | {cves} | {sources} |", cell(name), cell(version));
            }
        }
        text
    }

    /// The affected packages, worst first, then by name.
    fn packages(&self) -> Vec<AffectedPackage> {
        let mut grouped: BTreeMap<&(String, String), AffectedPackage> = BTreeMap::new();
        for found in self.unhealthy.iter().flat_map(|image| &image.vulnerabilities) {
            for package in &found.affected {
                let group = grouped.entry(package).or_insert_with(|| AffectedPackage {
                    severity: found.severity.clone(),
                    name: package.0.clone(),
                    version: package.1.clone(),
                    cves: BTreeSet::new(),
                    sources: BTreeSet::new(),
                });
                if found.severity < group.severity {
                    group.severity = found.severity.clone();
                }
                group.cves.insert(found.cve.clone());
                group.sources.extend(found.sources.iter().cloned());
            }
        }
        let mut packages: Vec<_> = grouped.into_values().collect();
        packages.sort();
        packages
    }
}

/// A package with all that is known against it; ordered as the report lists it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct AffectedPackage {
    severity: VulnerabilitySeverity,
    name: String,
    version: String,
    cves: BTreeSet<String>,
    sources: BTreeSet<String>,
}

fn joined(items: &BTreeSet<String>) -> String {
    items.iter().map(|item| cell(item)).collect::<Vec<_>>().join(", ")
}

/// A text that cannot break out of its table cell.
fn cell(text: &str) -> String {
    text.replace(['\n', '\r', '`'], " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests;
