//! The bodies of the Errata Tool's answers.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::sim::facts::errata::push::PushJob;
use crate::sim::facts::errata::{Advisory, Errata};

/// A time as the tool writes it, whole seconds.
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The full advisory, keyed by its lower-case kind.
pub(super) fn erratum(errata: &Errata, advisory: &Advisory) -> Value {
    let dependents: Vec<u64> = errata
        .advisories
        .values()
        .filter(|other| other.blocking_advisories.contains(&advisory.id))
        .map(|other| other.id)
        .collect();
    let details = json!({
        "id": advisory.id,
        "errata_id": advisory.id % 100_000,
        "fulladvisory": format!("{}-{:02}", advisory.name(), advisory.respin_count + 1),
        "status": advisory.state.name(),
        "status_updated_at": stamp(advisory.state_since),
        "synopsis": advisory.synopsis,
        "text_only": false,
        "content_types": [match advisory.content { crate::sim::facts::errata::Content::Rpm => "rpm", crate::sim::facts::errata::Content::Image => "docker" }],
        "release_date": null,
        "publish_date": null,
        "publish_date_override": stamp(advisory.publish_date),
        "actual_ship_date": advisory.actual_ship_date.map(stamp),
        "created_at": stamp(advisory.created_at),
        "assigned_to_id": advisory.assigned_to,
        "manager_id": 12,
        "doc_complete": u8::from(advisory.doc_complete),
        "text_ready": u8::from(advisory.text_ready),
        "security_approved": advisory.security_approved,
        "security_impact": if advisory.is_security() { "Important" } else { "None" },
        "sign_requested": 0,
        "rhnqa": u8::from(advisory.rhnqa),
        "batch_id": null,
        "respin_count": advisory.respin_count,
        "blocking_advisories": advisory.blocking_advisories,
        "dependent_advisories": dependents,
    });
    let mut by_kind = Map::new();
    by_kind.insert(advisory.kind.to_lowercase(), details);
    let issues: Vec<Value> = advisory.jira_issues.iter().map(|key| json!({ "jira_issue": { "key": key } })).collect();
    json!({
        "errata": by_kind,
        "content": { "content": {
            "topic": format!("An update for {} is available.", advisory.synopsis),
            "description": advisory.synopsis,
            "solution": "Update the cluster.",
            "cve": advisory.cves.join(" "),
            "text_only_cpe": null,
        }},
        "bugs": { "bugs": [] },
        "jira_issues": { "jira_issues": issues },
    })
}

/// The older form, the only one with mail addresses.
pub(super) fn legacy(errata: &Errata, advisory: &Advisory) -> Value {
    json!({
        "id": advisory.id,
        "type": advisory.kind,
        "advisory_name": advisory.name(),
        "synopsis": advisory.synopsis,
        "status": advisory.state.name(),
        "people": {
            "assigned_to": errata.people.get(&advisory.assigned_to),
            "reporter": "art@example.com",
            "qe_group": "OpenShift QE",
            "package_owner": "art@example.com",
        },
        "product": { "id": 79, "short_name": "RHOSE" },
        "release": { "id": 1, "name": "OpenShift" },
        "flags": {},
        "timestamps": {
            "created_at": stamp(advisory.created_at),
            "status_time": stamp(advisory.state_since),
            "actual_ship_date": advisory.actual_ship_date.map(stamp),
        },
    })
}

/// Builds by product version, each with its details.
pub(super) fn builds(advisory: &Advisory) -> Value {
    let list: Vec<Value> = advisory
        .builds
        .iter()
        .map(|(nvr, signed)| {
            let mut entry = Map::new();
            entry.insert(nvr.clone(), json!({ "nvr": nvr, "id": build_id(nvr), "is_signed": signed }));
            Value::Object(entry)
        })
        .collect();
    json!({ "OSE": { "name": "OSE", "builds": list } })
}

/// The older list of builds, with files by variant and architecture.
pub(super) fn legacy_builds(advisory: &Advisory) -> Value {
    let list: Vec<Value> = advisory
        .builds
        .keys()
        .map(|nvr| {
            let mut entry = Map::new();
            entry.insert(nvr.clone(), json!({ "OSE-CORE": { "x86_64": [format!("{nvr}.x86_64.rpm")] } }));
            Value::Object(entry)
        })
        .collect();
    json!({ "OSE": list })
}

/// One build.
pub(super) fn build(errata: &Errata, nvr: &str) -> Option<Value> {
    let carriers: Vec<&Advisory> =
        errata.advisories.values().filter(|advisory| advisory.builds.contains_key(nvr)).collect();
    let signed = carriers.first()?.builds.get(nvr).copied()?;
    let all: Vec<Value> = carriers
        .iter()
        .map(|advisory| json!({ "id": advisory.id, "name": advisory.name(), "status": advisory.state.name() }))
        .collect();
    Some(json!({
        "id": build_id(nvr),
        "nvr": nvr,
        "rpms_signed": signed,
        "released_errata": null,
        "all_errata": all,
        "files": [],
    }))
}

fn build_id(nvr: &str) -> u64 {
    nvr.bytes().fold(7, |sum, byte| (sum * 31 + u64::from(byte)) % 4_000_000)
}

/// One push job.
pub(super) fn push(base_url: &str, job: &PushJob) -> Value {
    let task =
        (job.status != crate::sim::facts::errata::push::PushStatus::Ready).then(|| json!({ "id": 5_550_000 + job.id }));
    json!({
        "id": job.id,
        "url": format!("{base_url}/errata/api/v1/erratum/{}/push/{}", job.advisory, job.id),
        "errata": { "id": job.advisory },
        "pub_task": task,
        "log": "",
        "status": job.status.name(),
        "target": { "id": if job.target == "cdn_stage" { 4 } else { 7 }, "name": job.target },
        "options": { "priority": 22 },
        "pre_tasks": [],
        "post_tasks": ["mark_rhnqa_done"],
        "created_at": stamp(job.created_at),
        "updated_at": stamp(job.updated_at),
    })
}

/// The security alerts of an advisory as of `now`.
pub(super) fn alerts(advisory: &Advisory, not_yet_fetched: bool, now: Timestamp) -> Value {
    let found = if not_yet_fetched {
        json!({})
    } else {
        let list: Vec<Value> = advisory
            .alerts
            .iter()
            .map(|alert| {
                json!({
                    "name": alert.name,
                    "text": alert.text,
                    "description": format!("{} (details)", alert.text),
                    "how_to_resolve": "Contact Product Security.",
                    "blocking": alert.blocking,
                })
            })
            .collect();
        json!({
            "erratum_id": advisory.name(),
            "alerts": list,
            "blocking": advisory.alerts.iter().any(|alert| alert.blocking),
        })
    };
    json!({
        "id": 8000 + advisory.id % 1000,
        "rhsa_id": advisory.id,
        "has_yet_to_be_fetched": not_yet_fetched,
        "created_at": stamp(advisory.created_at),
        "updated_at": stamp(now),
        "alerts": found,
    })
}

/// One page of external tests.
pub(super) fn external_tests(errata: &Errata, id: Option<u64>, kind: Option<&str>, page: usize, size: usize) -> Value {
    let mut list = Vec::new();
    for advisory in errata.advisories.values().filter(|advisory| id.is_none_or(|id| id == advisory.id)) {
        for test in advisory.external_tests.iter().filter(|test| kind.is_none_or(|kind| kind == test.test_type)) {
            let mut relations = json!({ "errata": {
                "id": advisory.id, "fulladvisory": advisory.name(), "errata_type": advisory.kind,
            }});
            if let (Some(nvr), Some(object)) = (&test.nvr, relations.as_object_mut()) {
                object.insert("brew_build".to_owned(), json!({ "id": build_id(nvr), "nvr": nvr }));
            }
            list.push(json!({
                "id": test.id,
                "type": "external_tests",
                "attributes": {
                    "test_type": test.test_type, "active": true, "status": test.status,
                    "external_id": test.id, "external_status": test.status, "external_message": null,
                    "created_at": stamp(advisory.created_at), "updated_at": stamp(advisory.state_since),
                },
                "relationships": relations,
            }));
        }
    }
    let data: Vec<Value> = list.into_iter().skip(page.saturating_sub(1) * size).take(size).collect();
    json!({ "data": data })
}
