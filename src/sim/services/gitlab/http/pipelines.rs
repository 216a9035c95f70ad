//! Routes of pipelines and their jobs.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::super::answers;
use super::merge_requests::{mr_path, with_mr};
use super::{InProject, Parameters, listed, missing, ok, problem, query_of};
use crate::sim::world::World;

pub(super) async fn pipelines(State(world): State<World>, Path(path): InProject, RawQuery(raw): RawQuery) -> Response {
    with_mr(&world, &path, |facts, mr| {
        let all = facts.gitlab.pipelines.values().rev().filter(|pipeline| pipeline.iid == mr.iid);
        let list: Vec<Value> =
            all.map(|pipeline| answers::pipeline(&facts.gitlab, &facts.base_url, pipeline)).collect();
        listed(&list, &query_of(raw), &facts.base_url, &mr_path(facts, mr, "pipelines"))
    })
}

pub(super) async fn pipeline_of(State(world): State<World>, Path((project, id)): InProject) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(&project) else { return missing("Project") };
    let pipeline = id.parse().ok().and_then(|id: u64| facts.gitlab.pipelines.get(&id));
    match pipeline.filter(|_| found.path == facts.gitlab.shipment_project) {
        Some(pipeline) => ok(&answers::pipeline(&facts.gitlab, &facts.base_url, pipeline)),
        None => problem(StatusCode::NOT_FOUND, "404 Not found"),
    }
}

pub(super) async fn jobs(State(world): State<World>, Path(path): InProject, RawQuery(raw): RawQuery) -> Response {
    jobs_of(&world, &path, &query_of(raw), false)
}

pub(super) async fn bridges(State(world): State<World>, Path(path): InProject, RawQuery(raw): RawQuery) -> Response {
    jobs_of(&world, &path, &query_of(raw), true)
}

fn jobs_of(world: &World, (project, id): &(String, String), query: &Parameters, bridges: bool) -> Response {
    let facts = world.facts();
    let Some(found) = facts.gitlab.project(project) else { return missing("Project") };
    let Some(pipeline) = id.parse().ok().and_then(|id: u64| facts.gitlab.pipelines.get(&id)) else {
        return problem(StatusCode::NOT_FOUND, "404 Not found");
    };
    let list: Vec<Value> = pipeline
        .jobs
        .iter()
        .rev()
        .filter(|job| job.bridge == bridges)
        .map(|job| answers::job(&facts.gitlab, &facts.base_url, pipeline, job))
        .collect();
    let kind = if bridges { "bridges" } else { "jobs" };
    let path = format!("/api/v4/projects/{}/pipelines/{id}/{kind}", found.id);
    listed(&list, query, &facts.base_url, &path)
}
