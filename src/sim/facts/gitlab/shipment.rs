//! The files of a shipment and the advisories that a stage release makes of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sim::facts::images::{self, ARCHES, Component};
use crate::sim::facts::jira::{self, Home};
use crate::sim::scenario::ReleasePlan;

/// Where a shipment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Environment {
    /// The stage registry.
    Stage,
    /// Customers.
    Prod,
}

const KINDS: [&str; 3] = ["image", "extras", "metadata"];

/// Components outside the payload that go into the metadata advisory: bundles.
const BUNDLES: usize = 3;

/// Project with the advisories that releases make.
const ADVISORIES: &str = "releng/ocp/advisories";

fn components(plan: &ReleasePlan, kind: &str) -> Vec<Component> {
    let outside = images::outside_payload(plan);
    let operators = outside.len().saturating_sub(BUNDLES);
    match kind {
        "image" => images::shipped(plan),
        "extras" => outside[..operators].to_vec(),
        _ => outside[operators..].to_vec(),
    }
}

/// All files of the shipment by path.
pub(in crate::sim) fn files(plan: &ReleasePlan, _base_url: &str) -> BTreeMap<String, String> {
    KINDS
        .iter()
        .copied()
        .chain(["fbc"])
        .map(|kind| (path(plan, kind), serde_yaml::to_string(&content(plan, kind)).unwrap_or_default()))
        .collect()
}

fn path(plan: &ReleasePlan, kind: &str) -> String {
    let group = format!("openshift-{}", plan.release.minor());
    let stamp = plan.start.strftime("%Y%m%d%H%M%S");
    format!("shipment/ocp/{group}/{group}/prod/{}.{kind}.{stamp}.yaml", plan.release)
}

fn content(plan: &ReleasePlan, kind: &str) -> Value {
    let minor = plan.release.minor();
    let group = format!("openshift-{minor}");
    let application = if kind == "fbc" { format!("fbc-{group}") } else { group.clone() }.replace('.', "-");
    let (listed, nvrs): (Vec<Value>, Vec<String>) = if kind == "fbc" {
        let fragment = Component { name: "fbc-fragment".to_owned(), release: plan.release.to_string(), rebuilt: false };
        (vec![component(&fragment, "registry.example.com/openshift-art/stage-fbc-fragments")], vec![fragment.nvr()])
    } else {
        let all = components(plan, kind);
        (
            all.iter().map(|one| component(one, &format!("registry.example.com/{}", images::REPOSITORY))).collect(),
            all.iter().map(Component::nvr).collect(),
        )
    };
    let mut shipment = json!({
        "metadata": {
            "product": "ocp", "application": application, "group": group,
            "assembly": plan.release.to_string(), "fbc": kind == "fbc",
        },
        "environments": {
            "stage": { "releasePlan": format!("{application}-advisory-stage") },
            "prod": { "releasePlan": format!("{application}-advisory-prod") },
        },
        "snapshot": { "spec": { "application": application, "components": listed }, "nvrs": nvrs },
    });
    if kind != "fbc" {
        let fixed: Vec<Value> = jira::bugs(plan)
            .into_iter()
            .filter(|bug| matches!(bug.home, Home::Shipment(home) if home == kind))
            .map(|bug| json!({ "id": bug.key, "source": "issues.example.com" }))
            .collect();
        let security = !fixed.is_empty() && kind == "image";
        let mut notes = json!({
            "type": if security { "RHSA" } else { "RHBA" },
            "live_id": live_number(plan, kind),
            "synopsis": format!("OpenShift Container Platform {} {kind} update", plan.release),
            "topic": format!("Red Hat OpenShift Container Platform release {} is now available.", plan.release),
            "description": "This advisory contains the images for the release.",
            "solution": "See the documentation for how to update a cluster.",
        });
        if !fixed.is_empty() {
            notes["issues"] = json!({ "fixed": fixed });
        }
        shipment["data"] = json!({ "releaseNotes": notes });
    }
    json!({ "shipment": shipment })
}

fn component(one: &Component, repository: &str) -> Value {
    json!({
        "name": format!("ose-{}", one.name),
        "containerImage": format!("{repository}@{}", one.index_digest()),
        "source": { "git": {
            "url": format!("https://git.example.com/openshift/{}", one.name),
            "revision": one.vcs_ref(),
        }},
    })
}

/// The image advisory has the number that the payload names; the others follow it.
fn live_number(plan: &ReleasePlan, kind: &str) -> u64 {
    let first = plan.live_id.rsplit(':').next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(1);
    first + KINDS.iter().zip(0..).find(|(known, _)| **known == kind).map_or(0, |(_, n)| n)
}

fn live_name(plan: &ReleasePlan, kind: &str) -> String {
    let kept = plan.live_id.rsplit_once(':').map_or("RHBA-2026", |(name, _)| name);
    format!("{kept}:{}", live_number(plan, kind))
}

fn advisory_path(plan: &ReleasePlan, kind: &str, environment: Environment) -> String {
    let folder = match environment {
        Environment::Stage => "stage",
        Environment::Prod => "prod",
    };
    let file = live_name(plan, kind).replace(':', "_");
    format!("{ADVISORIES}/-/raw/main/data/advisories/{folder}/{file}/advisory.yaml")
}

/// The kind of a shipment file, from its name.
fn kind_of(path: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| path.contains(&format!(".{kind}.")))
}

/// A shipment file with the URLs of the advisory that a release made; `None` for files without one.
pub(in crate::sim) fn with_advisory(
    plan: &ReleasePlan,
    base_url: &str,
    path: &str,
    text: &str,
    environment: Environment,
) -> Option<String> {
    let kind = kind_of(path)?;
    let mut file: Value = serde_yaml::from_str(text).ok()?;
    let (name, url) = match environment {
        Environment::Stage => ("stage", format!("{base_url}/customer_portal/stage/errata/{}", live_name(plan, kind))),
        Environment::Prod => ("prod", format!("{base_url}/customer_portal/errata/{}", live_name(plan, kind))),
    };
    let internal = format!("{base_url}/gitlab/{}", advisory_path(plan, kind, environment));
    let place = file.pointer_mut(&format!("/shipment/environments/{name}"))?.as_object_mut()?;
    place.insert("advisory".to_owned(), json!({ "internal_url": internal, "url": url }));
    serde_yaml::to_string(&file).ok()
}

/// The advisories that the stage release publishes, by path below the service.
pub(in crate::sim) fn stage_advisories(plan: &ReleasePlan) -> BTreeMap<String, String> {
    KINDS
        .into_iter()
        .map(|kind| {
            let list: Vec<Value> = components(plan, kind)
                .iter()
                .flat_map(|one| {
                    ARCHES.map(|arch| {
                        json!({
                            "containerImage": format!("registry.stage.example.com/{}@{}", one.label_name(), one.digest(arch)),
                            "component": format!("ose-{}", one.name),
                            "architecture": arch,
                            "repository": format!("registry.stage.example.com/{}", one.label_name()),
                            "tags": [format!("v{}", one.release)],
                        })
                    })
                })
                .collect();
            let advisory = json!({
                "apiVersion": "rhtap.example.com/v1alpha1",
                "kind": "Advisory",
                "metadata": { "name": live_name(plan, kind) },
                "spec": {
                    "product_name": "Red Hat OpenShift Container Platform",
                    "product_version": plan.release.to_string(),
                    "type": "RHBA",
                    "content": { "images": list },
                },
            });
            (advisory_path(plan, kind, Environment::Stage), serde_yaml::to_string(&advisory).unwrap_or_default())
        })
        .collect()
}
