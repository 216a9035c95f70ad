//! GitLab: the project with the shipment, its merge requests and its pipelines.

mod answers;
mod http;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::domain::credential::Credential;
use crate::sim::auth;
use crate::sim::events::Event;
use crate::sim::facts::gitlab::pipelines::JobStatus;
use crate::sim::facts::gitlab::{BOT, GitlabEvent, PROD_LABEL, PROD_RELEASE, STAGE_LABEL, STAGE_RELEASE, shipment};
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/gitlab`.
pub fn router() -> Router<World> {
    http::router()
}

/// GitLab's own refusal; raw files of public projects need no token.
pub fn refuse(path: &str, headers: &HeaderMap) -> Option<Response> {
    let good = auth::header(headers, "private-token", Credential::GitlabToken)
        || auth::bearer(headers, Credential::GitlabToken);
    if good || path.contains("/-/raw/") {
        return None;
    }
    Some(wire::json(StatusCode::UNAUTHORIZED, &json!({ "message": "401 Unauthorized" })))
}

/// Reacts to what happened in the world.
pub fn hear(facts: &mut Facts, event: &Event) {
    let now = facts.now;
    let (plan, base_url) = (facts.release.clone(), facts.base_url.clone());
    let gitlab = &mut facts.gitlab;
    match event {
        Event::StageReleaseStarts => gitlab.set_stage(STAGE_RELEASE, JobStatus::Running, now),
        Event::StageReleaseFails => gitlab.set_stage(STAGE_RELEASE, JobStatus::Failed, now),
        Event::StageReleaseDone => {
            gitlab.set_stage(STAGE_RELEASE, JobStatus::Success, now);
            gitlab.published.extend(shipment::stage_advisories(&plan));
            gitlab.rewrite_shipment(&plan, "Add stage advisory urls", now, |path, text| {
                shipment::with_advisory(&plan, &base_url, path, text, shipment::Environment::Stage)
            });
            if !gitlab.hooks.no_stage_label {
                gitlab.add_label(STAGE_LABEL);
            }
        }
        Event::QeApproved => {
            if let Some(mr) = gitlab.shipment_iid.and_then(|iid| gitlab.merge_requests.get_mut(&iid)) {
                mr.approved_by.insert(BOT.to_owned());
            }
        }
        Event::ProdRelease => {
            if let Some(mr) = gitlab.shipment_iid.and_then(|iid| gitlab.merge_requests.get_mut(&iid)) {
                mr.approved_by.insert("art-lead".to_owned());
            }
            gitlab.set_stage(PROD_RELEASE, JobStatus::Success, now);
            gitlab.rewrite_shipment(&plan, "Add prod advisory urls", now, |path, text| {
                shipment::with_advisory(&plan, &base_url, path, text, shipment::Environment::Prod)
            });
            gitlab.add_label(PROD_LABEL);
        }
        Event::MrMerged => {
            if let Some(iid) = gitlab.shipment_iid {
                gitlab.merge(iid, now);
            }
        }
        Event::Gitlab(GitlabEvent::AutoMerge { iid }) => gitlab.merge(*iid, now),
        Event::Begin
        | Event::Promote
        | Event::PromotionAccepted
        | Event::ChangeLogReady
        | Event::SignaturePublished
        | Event::PromotedRecordAppears
        | Event::PromotedRecordAggregated
        | Event::PortalOpens
        | Event::ReleaseDay
        | Event::Errata(_)
        | Event::Jenkins(_)
        | Event::Prow(_)
        | Event::Stream(_)
        | Event::CandidateMade
        | Event::CandidateChosen
        | Event::OriginalLooks
        | Event::Person(_) => {}
    }
}
