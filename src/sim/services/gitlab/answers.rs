//! The bodies of GitLab's answers.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sim::facts::accounts::Person;
use crate::sim::facts::gitlab::Gitlab;
use crate::sim::facts::gitlab::merge_requests::{MergeRequest, MrState, Note};
use crate::sim::facts::gitlab::pipelines::{Job, JobStatus, Pipeline};
use crate::sim::facts::gitlab::repository::{Changed, Project};

/// Approvals that the shipment project asks for: QE's and ART's.
const APPROVALS: usize = 2;

/// A time as GitLab writes it.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// A user by account name.
pub(super) fn user(base_url: &str, login: &str) -> Value {
    let person = Person::by_mail(&format!("{login}@example.com"));
    let id = person.as_ref().map_or(1, Person::number);
    json!({
        "id": id,
        "username": login,
        "name": person.map_or_else(|| login.to_owned(), |person| person.display_name()),
        "state": "active",
        "locked": false,
        "avatar_url": null,
        "web_url": format!("{base_url}/gitlab/{login}"),
    })
}

/// A project.
pub(super) fn project(base_url: &str, project: &Project) -> Value {
    let url = format!("{base_url}/gitlab/{}", project.path);
    let (_, name) = project.path.rsplit_once('/').unwrap_or(("", &project.path));
    json!({
        "id": project.id,
        "name": name,
        "path": name,
        "path_with_namespace": project.path,
        "default_branch": "main",
        "http_url_to_repo": format!("{url}.git"),
        "ssh_url_to_repo": format!("git@gitlab.example.com:{}.git", project.path),
        "web_url": url,
    })
}

/// A merge request.
pub(super) fn merge_request(gitlab: &Gitlab, base_url: &str, mr: &MergeRequest, now: Timestamp) -> Value {
    let (base, _) = gitlab.changes(mr);
    let head = mr.merged_head.clone().unwrap_or_else(|| gitlab.head(mr));
    let id_of = |path: &str| gitlab.projects.get(path).map(|project| project.id);
    let status = gitlab.merge_status(mr, now);
    let merged = (mr.state == MrState::Merged).then(|| stamp(mr.updated_at));
    let pipeline = gitlab.pipelines.values().rfind(|pipeline| pipeline.iid == mr.iid);
    json!({
        "id": 500_000 + mr.iid,
        "iid": mr.iid,
        "project_id": id_of(&gitlab.shipment_project),
        "source_project_id": id_of(&mr.source_project),
        "target_project_id": id_of(&gitlab.shipment_project),
        "title": mr.title,
        "description": mr.description,
        "state": mr.state.name(),
        "created_at": stamp(mr.created_at),
        "updated_at": stamp(mr.updated_at),
        "merged_at": merged,
        "source_branch": mr.source_branch,
        "target_branch": mr.target_branch,
        "author": user(base_url, &mr.author),
        "labels": mr.labels,
        "draft": false,
        "sha": head,
        "diff_refs": { "base_sha": base, "start_sha": base, "head_sha": head },
        "merge_status": if status == "checking" { "checking" } else { status },
        "detailed_merge_status": match status {
            _ if mr.state != MrState::Opened => "not_open",
            "can_be_merged" => "mergeable",
            "checking" => "checking",
            _ => "conflict",
        },
        "merge_when_pipeline_succeeds": mr.auto_merge,
        "squash": false,
        "has_conflicts": status == "cannot_be_merged",
        "user_notes_count": mr.notes.len(),
        "head_pipeline": pipeline.map(|found| self::pipeline(gitlab, base_url, found)),
        "web_url": format!("{base_url}/gitlab/{}/-/merge_requests/{}", gitlab.shipment_project, mr.iid),
    })
}

/// One changed file.
pub(super) fn change(change: &Changed) -> Value {
    json!({
        "old_path": change.path,
        "new_path": change.path,
        "a_mode": if change.before.is_some() { "100644" } else { "0" },
        "b_mode": if change.after.is_some() { "100644" } else { "0" },
        "new_file": change.before.is_none(),
        "renamed_file": false,
        "deleted_file": change.after.is_none(),
        "diff": change.diff(),
    })
}

/// A note.
pub(super) fn note(base_url: &str, note: &Note) -> Value {
    json!({
        "id": note.id,
        "type": null,
        "body": note.body,
        "author": user(base_url, &note.author),
        "created_at": stamp(note.created_at),
        "updated_at": stamp(note.created_at),
        "system": false,
        "noteable_type": "MergeRequest",
        "resolvable": false,
    })
}

/// The approvals of a merge request.
pub(super) fn approvals(gitlab: &Gitlab, base_url: &str, mr: &MergeRequest, now: Timestamp) -> Value {
    let by: Vec<Value> = mr.approved_by.iter().map(|login| json!({ "user": user(base_url, login) })).collect();
    let left = APPROVALS.saturating_sub(by.len());
    json!({
        "id": 500_000 + mr.iid,
        "iid": mr.iid,
        "title": mr.title,
        "state": mr.state.name(),
        "merge_status": gitlab.merge_status(mr, now),
        "approved": left == 0,
        "approvals_required": APPROVALS,
        "approvals_left": left,
        "approved_by": by,
        "user_has_approved": mr.approved_by.contains(super::BOT),
        "user_can_approve": !mr.approved_by.contains(super::BOT) && mr.state == MrState::Opened,
    })
}

/// A pipeline.
pub(super) fn pipeline(gitlab: &Gitlab, base_url: &str, pipeline: &Pipeline) -> Value {
    let project = &gitlab.shipment_project;
    json!({
        "id": pipeline.id,
        "iid": pipeline.id % 100_000,
        "project_id": gitlab.projects.get(project).map(|project| project.id),
        "sha": pipeline.sha,
        "ref": format!("refs/merge-requests/{}/head", pipeline.iid),
        "status": pipeline.status().name(),
        "source": "merge_request_event",
        "created_at": stamp(pipeline.created_at),
        "updated_at": stamp(pipeline.updated_at),
        "web_url": format!("{base_url}/gitlab/{project}/-/pipelines/{}", pipeline.id),
    })
}

/// A job, or a bridge with the pipeline it started.
pub(super) fn job(gitlab: &Gitlab, base_url: &str, pipeline: &Pipeline, job: &Job) -> Value {
    let project = &gitlab.shipment_project;
    let mut body = json!({
        "id": job.id,
        "name": job.name,
        "stage": job.stage,
        "status": job.status.name(),
        "ref": format!("refs/merge-requests/{}/head", pipeline.iid),
        "tag": false,
        "allow_failure": false,
        "created_at": stamp(pipeline.created_at),
        "started_at": job.started_at.map(stamp),
        "finished_at": job.finished_at.map(stamp),
        "pipeline": self::pipeline(gitlab, base_url, pipeline),
        "web_url": format!("{base_url}/gitlab/{project}/-/jobs/{}", job.id),
    });
    if job.status == JobStatus::Failed {
        body["failure_reason"] = json!(if job.bridge { "unknown_failure" } else { "script_failure" });
    }
    if job.bridge {
        let started = !matches!(job.status, JobStatus::Created | JobStatus::Manual);
        body["downstream_pipeline"] = if started {
            let id = job.id * 10;
            json!({
                "id": id, "project_id": 4300, "sha": pipeline.sha, "ref": "main", "status": job.status.name(),
                "created_at": job.started_at.map(stamp), "updated_at": job.finished_at.or(job.started_at).map(stamp),
                "web_url": format!("{base_url}/gitlab/releng/release-pipelines/-/pipelines/{id}"),
            })
        } else {
            Value::Null
        };
    }
    body
}
