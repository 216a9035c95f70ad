//! Does the payload hold exactly what the shipment ships?
//!
//! Every image of the payload has to be one of the shipment's, or one that was shipped earlier. What
//! nobody could look up is neither: it never passes.

use std::collections::BTreeSet;
use std::fmt;

use super::ids::Digest;
use super::release::ZStream;

/// Names by which the payload lists its operating system; those images are not built by the shipment.
const BASE_IMAGES: [&str; 2] = ["machine-os-content", "rhel-coreos"];

/// An image as payload or shipment name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedImage {
    /// Its name there.
    pub name: String,
    /// Where it is: `host/repository@sha256:…` or `host/repository:tag`.
    pub pull_spec: String,
}

/// What a registry says of an image of one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Digest of the image itself.
    pub digest: Digest,
    /// Digest of the list that holds it, when it is held by one.
    pub list_digest: Option<Digest>,
    /// Label `name`.
    pub name: Option<String>,
    /// Label `vcs-ref`: the commit it was built from.
    pub vcs_ref: Option<String>,
    /// Labels `version` and `release` as a tag.
    pub tag: Option<String>,
}

/// By what a payload image was recognised in the shipment, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchKey {
    /// The same list of images.
    ListDigest,
    /// The same image.
    Digest,
    /// Built from the same commit under the same name. Weak: it may be another build.
    VcsRef,
}

impl MatchKey {
    /// Name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListDigest => "list digest",
            Self::Digest => "digest",
            Self::VcsRef => "vcs-ref",
        }
    }

    /// Is it another build, perhaps?
    pub const fn is_weak(self) -> bool {
        matches!(self, Self::VcsRef)
    }
}

/// A component that is the payload image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Name of the component.
    pub component: String,
    /// What is equal.
    pub key: MatchKey,
}

/// What became of one payload image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageVerdict {
    /// The shipment ships it.
    Shipment(Vec<Match>),
    /// It was shipped earlier; where to, as far as the catalogue tells.
    Released(BTreeSet<String>),
    /// Neither. The components are other builds of an image of the same name.
    Missing(Vec<NamedImage>),
    /// Not found out, and why.
    Unknown(String),
}

impl ImageVerdict {
    /// Name in reports.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Shipment(_) => "shipment",
            Self::Released(_) => "released",
            Self::Missing(_) => "missing",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Is a payload image left out of the comparison?
pub fn is_skipped(name: &str) -> bool {
    let base = name.strip_suffix("-extensions").filter(|base| *base != BASE_IMAGES[0]).unwrap_or(name);
    let numbered =
        base.rsplit_once('-').filter(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let stem = numbered.map_or(base, |(stem, _)| stem);
    base == BASE_IMAGES[0] || stem == BASE_IMAGES[1]
}

/// The release in the title of a shipment merge request (`Shipment for 4.20.17`).
pub fn release_of_title(title: &str) -> Option<ZStream> {
    const BEFORE: &str = "shipment for ";
    let start = title.to_ascii_lowercase().find(BEFORE)? + BEFORE.len();
    let name = title.get(start..)?.split_whitespace().next()?;
    name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).parse().ok()
}

/// The components that are the payload image: equal list, equal image, or the same commit and name.
pub fn matches<'a>(
    image: &ImageFacts,
    components: impl IntoIterator<Item = (&'a NamedImage, &'a ImageFacts)>,
) -> Vec<Match> {
    let key = |other: &ImageFacts| {
        let same = |a: &Option<String>, b: &Option<String>| a.as_deref().is_some_and(|a| !a.is_empty()) && a == b;
        if image.list_digest.is_some() && image.list_digest == other.list_digest {
            Some(MatchKey::ListDigest)
        } else if image.digest == other.digest {
            Some(MatchKey::Digest)
        } else if same(&image.vcs_ref, &other.vcs_ref) && same(&image.name, &other.name) {
            Some(MatchKey::VcsRef)
        } else {
            None
        }
    };
    let found = components
        .into_iter()
        .filter_map(|(component, facts)| key(facts).map(|key| Match { component: component.name.clone(), key }));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|found| found.key);
    // A weak match beside a strong one says nothing.
    if found.first().is_some_and(|best| !best.key.is_weak()) {
        found.retain(|found| !found.key.is_weak());
    }
    found
}

/// Components that are another build of the image.
pub fn same_name<'a>(
    image: &ImageFacts,
    components: impl IntoIterator<Item = (&'a NamedImage, &'a ImageFacts)>,
) -> Vec<NamedImage> {
    let named = components.into_iter().filter(|(_, facts)| image.name.is_some() && image.name == facts.name);
    named.map(|(component, _)| component.clone()).collect()
}

/// One payload image with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedImage {
    /// The image.
    pub image: NamedImage,
    /// Its version and release, when known.
    pub tag: Option<String>,
    /// What became of it.
    pub verdict: ImageVerdict,
}

/// The comparison of one payload with its shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyReport {
    /// What was compared.
    pub payload: String,
    /// The merge request.
    pub shipment: String,
    /// The release that both call themselves.
    pub release: ZStream,
    /// The payload's images, in its order.
    pub images: Vec<CheckedImage>,
    /// Payload images that are not compared.
    pub skipped: Vec<String>,
    /// How many components the shipment has.
    pub components: usize,
    /// Oddities that do not change the verdict.
    pub warnings: Vec<String>,
}

/// The verdict about a whole payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Every image is shipped now or was shipped before.
    Consistent,
    /// At least one image is in neither place.
    Inconsistent,
    /// No image is known to be missing, but not all could be looked up.
    Unknown,
}

/// The verdict about several payloads of one release: a missing image decides, then an unknown one.
pub fn overall(reports: &[ConsistencyReport]) -> Consistency {
    let any = |wanted| reports.iter().any(|report| report.verdict() == wanted);
    if any(Consistency::Inconsistent) {
        Consistency::Inconsistent
    } else if any(Consistency::Unknown) || reports.is_empty() {
        Consistency::Unknown
    } else {
        Consistency::Consistent
    }
}

impl ConsistencyReport {
    /// The verdict: a missing image decides, then an unknown one. A payload without images is unknown.
    pub fn verdict(&self) -> Consistency {
        if self.count("missing") > 0 {
            Consistency::Inconsistent
        } else if self.count("unknown") > 0 || self.images.is_empty() {
            Consistency::Unknown
        } else {
            Consistency::Consistent
        }
    }

    /// How many images have a verdict of this name.
    pub fn count(&self, verdict: &str) -> usize {
        self.images.iter().filter(|one| one.verdict.as_str() == verdict).count()
    }

    /// One sentence with the numbers.
    pub fn summary(&self) -> String {
        let counted = |verdict| self.count(verdict);
        format!(
            "{} images checked: {} in the shipment, {} released earlier, {} missing, {} unknown",
            self.images.len(),
            counted("shipment"),
            counted("released"),
            counted("missing"),
            counted("unknown"),
        )
    }

    /// Images that need a look: missing, unknown, and weak matches.
    pub fn findings(&self) -> Vec<String> {
        let line = |one: &CheckedImage| {
            let line = match &one.verdict {
                ImageVerdict::Shipment(found) if found.iter().all(|found| found.key.is_weak()) => Some(one.to_string()),
                ImageVerdict::Shipment(_) | ImageVerdict::Released(_) => None,
                ImageVerdict::Missing(_) | ImageVerdict::Unknown(_) => Some(one.to_string()),
            };
            line.into_iter()
        };
        self.images.iter().flat_map(line).collect()
    }
}

impl fmt::Display for CheckedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<8} {}", self.verdict.as_str(), self.image.name)?;
        match &self.verdict {
            ImageVerdict::Shipment(found) => {
                let each = found.iter().map(|one| {
                    let weak = if one.key.is_weak() { " (weak: perhaps another build)" } else { "" };
                    format!("{} by {}{weak}", one.component, one.key.as_str())
                });
                write!(f, ": {}", each.collect::<Vec<_>>().join(", "))
            }
            ImageVerdict::Released(repositories) if repositories.is_empty() => Ok(()),
            ImageVerdict::Released(repositories) => {
                write!(f, ": {}", repositories.iter().cloned().collect::<Vec<_>>().join(", "))
            }
            ImageVerdict::Missing(candidates) if candidates.is_empty() => {
                write!(f, ": no component has its name ({})", self.image.pull_spec)
            }
            ImageVerdict::Missing(candidates) => {
                let each: Vec<_> = candidates.iter().map(|one| format!("{} {}", one.name, one.pull_spec)).collect();
                write!(f, ": other builds of it are {} ({})", each.join(", "), self.image.pull_spec)
            }
            ImageVerdict::Unknown(why) => write!(f, ": {why} ({})", self.image.pull_spec),
        }
    }
}

#[cfg(test)]
mod tests;
