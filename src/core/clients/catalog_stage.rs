//! Container catalogue of the stage environment: health grades and vulnerabilities of images, no credential.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::error::ClientError;
use super::http::ServiceHttp;
use crate::domain::ids::Digest;
use crate::domain::image_health::{Grade, GradePeriod, Vulnerability, VulnerabilitySeverity};

/// Entries per page.
const PER_PAGE: usize = 100;

/// An image has some hundred vulnerabilities at worst; more pages than this are a loop.
const MOST_PAGES: usize = 50;

/// Stage container catalog.
#[derive(Debug, Clone)]
pub struct CatalogStage {
    http: ServiceHttp,
}

/// What the catalogue knows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogImage {
    /// Its grades of past, present and future.
    pub grades: Vec<GradePeriod>,
    /// Path of its vulnerabilities, relative to the catalogue.
    vulnerabilities: Option<String>,
}

impl CatalogStage {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Where the catalogue is, to tell it from others.
    pub fn place(&self) -> &str {
        self.http.base()
    }

    /// An image by digest: `GET /v1/images?filter=image_id==…`; nothing while it is not indexed. Reads.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn image(&self, digest: &Digest) -> Result<Option<CatalogImage>, ClientError> {
        let filter = format!("image_id=={digest}");
        let size = PER_PAGE.to_string();
        let query = [("filter", filter.as_str()), ("page_size", &size), ("page", "0")];
        let page: Page<WireImage> = self.http.get("look up an image", "/v1/images").query(&query).json_answer().await?;
        Ok(page.data.into_iter().next().map(Into::into))
    }

    /// The vulnerabilities of an image, all pages: `GET {link}`. Reads.
    ///
    /// # Errors
    ///
    /// As every call; the link leads elsewhere.
    pub async fn vulnerabilities(&self, image: &CatalogImage) -> Result<Vec<Vulnerability>, ClientError> {
        const OP: &str = "list the vulnerabilities of an image";
        let unreadable = |why: String| ClientError::unreadable(self.http.service(), OP, why);
        let Some(link) = &image.vulnerabilities else { return Ok(Vec::new()) };
        if !link.starts_with("/v1/") || link.contains("..") {
            return Err(unreadable(format!("the link {link:?} is not one of the catalogue")));
        }
        let size = PER_PAGE.to_string();
        let mut found = Vec::new();
        for page in 0..MOST_PAGES {
            let number = page.to_string();
            let query = [("page_size", size.as_str()), ("page", &number)];
            let page: Page<WireVulnerability> = self.http.get(OP, link).query(&query).json_answer().await?;
            let full = page.data.len() >= PER_PAGE;
            found.extend(page.data.into_iter().map(Into::into));
            if !full {
                return Ok(found);
            }
        }
        Err(unreadable(format!("more than {MOST_PAGES} pages")))
    }
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

#[derive(Deserialize)]
struct WireImage {
    freshness_grades: Option<Vec<WireGrade>>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize, Default)]
struct Links {
    vulnerabilities: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
struct WireGrade {
    grade: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
}

impl From<WireImage> for CatalogImage {
    fn from(wire: WireImage) -> Self {
        let grades = wire.freshness_grades.unwrap_or_default().into_iter().map(Into::into).collect();
        Self { grades, vulnerabilities: wire.links.vulnerabilities.and_then(|link| link.href) }
    }
}

impl From<WireGrade> for GradePeriod {
    fn from(wire: WireGrade) -> Self {
        let grade = wire.grade.as_deref().map_or(Grade::Unknown, Grade::from_wire);
        Self {
            grade,
            start: wire.start_date.as_deref().and_then(moment),
            end: wire.end_date.as_deref().and_then(moment),
        }
    }
}

/// A moment with offset or `Z`; without either it is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let bare = || text.parse::<DateTime>().ok().and_then(|at| at.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp());
    text.parse().ok().or_else(bare)
}

#[derive(Deserialize)]
struct WireVulnerability {
    cve_id: String,
    severity: Option<String>,
    affected_packages: Option<Vec<WirePackage>>,
    packages: Option<Vec<WireSource>>,
}

#[derive(Deserialize)]
struct WirePackage {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct WireSource {
    srpm_nevra: Option<OneOrMany>,
}

/// The catalogue sends a text for one and a list for several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<WireVulnerability> for Vulnerability {
    fn from(wire: WireVulnerability) -> Self {
        let package = |package: WirePackage| Some((package.name?, package.version.unwrap_or_default()));
        let sources = |source: WireSource| match source.srpm_nevra {
            None => Vec::new(),
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        Self {
            cve: wire.cve_id,
            severity: VulnerabilitySeverity::from_wire(wire.severity.as_deref().unwrap_or("Unknown")),
            affected: wire.affected_packages.unwrap_or_default().into_iter().filter_map(package).collect(),
            sources: wire.packages.unwrap_or_default().into_iter().flat_map(sources).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_offset_or_z_or_bare() {
        let wanted = "2025-12-15T15:46:00Z".parse::<Timestamp>().unwrap();
        for text in
            ["2025-12-15T15:46:00+00:00", "2025-12-15T15:46:00Z", "2025-12-15T16:46:00+01:00", "2025-12-15T15:46:00"]
        {
            assert_eq!(moment(text), Some(wanted), "{text}");
        }
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn source_packages_come_as_text_or_as_list() {
        let wire = |nevra: &str| {
            format!(r#"{{"cve_id":"CVE-2025-1","severity":"Low","packages":[{{"srpm_nevra":{nevra}}}]}}"#)
        };
        for (nevra, wanted) in [
            (r#""a-1.src""#, vec!["a-1.src"]),
            (r#"["a-1.src","b-1.src"]"#, vec!["a-1.src", "b-1.src"]),
            ("null", vec![]),
        ] {
            let found: WireVulnerability = serde_json::from_str(&wire(nevra)).unwrap();
            assert_eq!(Vulnerability::from(found).sources, wanted, "{nevra}");
        }
    }
}
