//! A payload compared with a shipment.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::consistency::{CheckedImage, Consistency, ConsistencyReport, ImageVerdict};

/// A comparison of images.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Comparison {
    /// Are all images consistent?
    pub ok: bool,
    /// The release
    pub release: String,
    /// Pull spec of the payload
    pub payload: String,
    /// The shipment merge request
    pub shipment: String,
    /// consistent, inconsistent or unknown
    pub verdict: &'static str,
    /// In one sentence
    pub summary: String,
    /// How many components the shipment has
    pub components: usize,
    /// One per image
    pub images: Vec<ComparedImage>,
    /// Images that are not compared
    pub skipped: Vec<String>,
    /// What is odd
    pub warnings: Vec<String>,
}

/// One image, with what speaks for its verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ComparedImage {
    /// Its name in the payload
    pub name: String,
    /// Its pull spec
    pub pullspec: String,
    /// Its version and release; null when they are not known
    pub tag: Option<String>,
    /// shipment, released, missing or unknown
    pub verdict: &'static str,
    /// shipment: components that are this image
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<ComponentMatch>>,
    /// released: repositories that have it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repositories: Option<Vec<String>>,
    /// missing: components of the same name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_name: Option<Vec<OtherBuild>>,
    /// unknown: why
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A component that is the image.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ComponentMatch {
    /// Its name
    pub component: String,
    /// What the two have in common
    pub key: &'static str,
    /// Could it be another build all the same?
    pub weak: bool,
}

/// Another build of the image.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OtherBuild {
    /// Its name
    pub name: String,
    /// Its pull spec
    pub pullspec: String,
}

impl From<&ConsistencyReport> for Comparison {
    fn from(report: &ConsistencyReport) -> Self {
        Self {
            ok: report.verdict() == Consistency::Consistent,
            release: report.release.to_string(),
            payload: report.payload.clone(),
            shipment: report.shipment.clone(),
            verdict: match report.verdict() {
                Consistency::Consistent => "consistent",
                Consistency::Inconsistent => "inconsistent",
                Consistency::Unknown => "unknown",
            },
            summary: report.summary(),
            components: report.components,
            images: report.images.iter().map(ComparedImage::from).collect(),
            skipped: report.skipped.clone(),
            warnings: report.warnings.clone(),
        }
    }
}

impl From<&CheckedImage> for ComparedImage {
    fn from(checked: &CheckedImage) -> Self {
        let mut image = Self {
            name: checked.image.name.clone(),
            pullspec: checked.image.pull_spec.clone(),
            tag: checked.tag.clone(),
            verdict: checked.verdict.as_str(),
            matches: None,
            repositories: None,
            same_name: None,
            why: None,
        };
        match &checked.verdict {
            ImageVerdict::Shipment(found) => {
                let each = found.iter().map(|one| ComponentMatch {
                    component: one.component.clone(),
                    key: one.key.as_str(),
                    weak: one.key.is_weak(),
                });
                image.matches = Some(each.collect());
            }
            ImageVerdict::Released(repositories) => image.repositories = Some(repositories.iter().cloned().collect()),
            ImageVerdict::Missing(candidates) => {
                let each =
                    candidates.iter().map(|one| OtherBuild { name: one.name.clone(), pullspec: one.pull_spec.clone() });
                image.same_name = Some(each.collect());
            }
            ImageVerdict::Unknown(why) => image.why = Some(why.clone()),
        }
        image
    }
}
