//! Prow's Deck: how a job goes.
//!
//! No authentication. One job comes as YAML of its Kubernetes object, the list as JSON; both are read
//! with the same eyes. Objects are collected after one or two days, so 404 means gone, not failed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::error::ClientError;
use super::http::ServiceHttp;
use crate::domain::ids::ProwJobId;

/// Parts of each job that the list leaves out: with them it is several times as large.
const OMITTED: &str = "annotations,decoration_config,pod_spec";

/// Prow's Deck: how a job goes.
#[derive(Debug, Clone)]
pub struct Prow {
    http: ServiceHttp,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProwJob {
    pub id: ProwJobId,
    /// Name of the job.
    pub job: String,
    /// Where it stands.
    pub state: ProwState,
    /// Its page; comes some seconds after the start, or never.
    pub url: Option<String>,
    /// Build number within the job; comes with the page.
    pub build_id: Option<String>,
    /// When it was created.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Environment of its containers; empty in the list.
    pub envs: BTreeMap<String, String>,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
}

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProwState {
    /// Waits for a cluster.
    Scheduling,
    /// Accepted, no pod yet.
    Triggered,
    /// Its pod waits or runs.
    Pending,
    /// Good end.
    Success,
    /// Bad end.
    Failure,
    /// Somebody or a time limit ended it.
    Aborted,
    /// Prow could not run it.
    Error,
    /// A state that we do not know.
    Other(String),
}

impl ProwState {
    fn parse(text: &str) -> Self {
        match text {
            "scheduling" => Self::Scheduling,
            "triggered" => Self::Triggered,
            "pending" => Self::Pending,
            "success" => Self::Success,
            "failure" => Self::Failure,
            "aborted" => Self::Aborted,
            "error" => Self::Error,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word that Prow uses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Scheduling => "scheduling",
            Self::Triggered => "triggered",
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Aborted => "aborted",
            Self::Error => "error",
            Self::Other(text) => text,
        }
    }

    /// Is no further change to be expected? An unknown state may still change.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Success | Self::Failure | Self::Aborted | Self::Error => true,
            Self::Scheduling | Self::Triggered | Self::Pending | Self::Other(_) => false,
        }
    }
}

impl fmt::Display for ProwState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Prow {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// One job (GET `/prowjob?prowjob=`, YAML); nothing when Prow has no such object (any more). Reads
    /// only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn job(&self, id: &ProwJobId) -> Result<Option<ProwJob>, ClientError> {
        const OP: &str = "look at Prow job";
        let call = self.http.get(OP, "/prowjob").query(&[("prowjob", id.as_str())]);
        let refuse = |why: String| ClientError::unreadable(self.http.service(), OP, why);
        call.accept(&[404])
            .read(|answer| {
                if answer.status == 404 {
                    return Ok(None);
                }
                let object: Value = crate::domain::yaml::parse(answer.plain_text()?)
                    .map_err(|why| refuse(format!("not YAML ({why})")))?;
                parse(&object).map(Some).ok_or_else(|| refuse("the object has no name, job or state".to_owned()))
            })
            .await
    }

    /// All runs of `job` that Prow still knows (GET `/prowjobs.js`), newest first, without environment.
    /// Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn jobs_named(&self, job: &str) -> Result<Vec<ProwJob>, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            items: Vec<Value>,
        }
        let call = self.http.get("list Prow jobs", "/prowjobs.js").query(&[("omit", OMITTED)]);
        let wire: Wire = call.json_answer().await?;
        let mut jobs: Vec<_> = wire.items.iter().filter_map(parse).filter(|found| found.job == job).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.started_at));
        Ok(jobs)
    }
}

/// Nothing when name, job or state is missing.
fn parse(object: &Value) -> Option<ProwJob> {
    let status = object.get("status")?;
    let time = |key: &str| text(status, key).and_then(|time| time.parse().ok());
    Some(ProwJob {
        id: text(object.get("metadata")?, "name")?.parse().ok()?,
        job: text(object.get("spec")?, "job")?.to_owned(),
        state: ProwState::parse(text(status, "state")?),
        url: text(status, "url").map(str::to_owned),
        build_id: text(status, "build_id").map(str::to_owned),
        started_at: time("startTime"),
        completed_at: time("completionTime"),
        envs: envs(object),
        labels: labels(object),
    })
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn envs(object: &Value) -> BTreeMap<String, String> {
    let containers = object.pointer("/spec/pod_spec/containers").and_then(Value::as_array);
    let listed = containers.into_iter().flatten().filter_map(|container| container.get("env")?.as_array()).flatten();
    listed.filter_map(|env| Some((text(env, "name")?.to_owned(), scalar(env.get("value")?)?))).collect()
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let listed = object.pointer("/metadata/labels").and_then(Value::as_object);
    listed.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
}

/// A number that somebody forgot to quote is a text, too.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "
metadata:
  name: 0b1d7a5e-1111-4222-8333-abcdefabcdef
  labels: {oar-effect: abc, prow.k8s.io/type: periodic}
spec:
  job: periodic-ci-x
  pod_spec:
    containers:
    - env:
      - {name: MULTISTAGE_PARAM_OVERRIDE_MERGE_REQUEST_ID, value: 12}
      - {name: FROM_SECRET, valueFrom: {}}
      - {name: PAYLOAD, value: 'registry.example.com/x:1'}
status:
  startTime: 2026-01-02T03:04:05Z
  state: pending
";

    fn object(yaml: &str) -> Option<ProwJob> {
        parse(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn a_job_is_read_from_its_kubernetes_object() {
        let job = object(OBJECT).unwrap();
        assert_eq!(job.state, ProwState::Pending);
        assert_eq!(job.url, None, "the page comes later");
        assert_eq!(job.envs["MULTISTAGE_PARAM_OVERRIDE_MERGE_REQUEST_ID"], "12");
        assert_eq!(job.envs.len(), 2);
        assert_eq!(job.labels["oar-effect"], "abc");
        assert_eq!(job.started_at, "2026-01-02T03:04:05Z".parse().ok());
    }

    #[test]
    fn a_job_that_waits_for_a_cluster_has_not_failed() {
        let job = object(&OBJECT.replace("state: pending", "state: scheduling")).unwrap();
        assert_eq!(job.state, ProwState::Scheduling);
        assert!(!job.state.is_final());
    }

    #[test]
    fn an_unknown_state_is_kept_as_spelled_and_may_still_change() {
        let job = object(&OBJECT.replace("state: pending", "state: paused")).unwrap();
        assert_eq!(job.state, ProwState::Other("paused".into()));
        assert!(!job.state.is_final());
    }

    #[test]
    fn an_object_without_state_is_no_job() {
        assert_eq!(object(&OBJECT.replace("  state: pending", "")), None);
    }

    #[tokio::test]
    async fn a_forgotten_job_is_an_answer_and_a_web_page_is_not() {
        use axum::Router;
        use axum::http::StatusCode;
        use axum::routing::get;

        use crate::core::clients::loopback::talk_to;
        use crate::domain::service::Service;

        let ask = async |status: StatusCode, body: &'static str| {
            let router = Router::new().route("/prowjob", get(move || async move { (status, body) }));
            let id = "0b1d7a5e-1111-4222-8333-abcdefabcdef".parse().unwrap();
            talk_to(router, Service::Prow, async |http| Prow::new(http).job(&id).await).await
        };
        assert_eq!(ask(StatusCode::NOT_FOUND, "ProwJob not found").await.unwrap(), None);
        assert_eq!(ask(StatusCode::OK, OBJECT).await.unwrap().map(|job| job.state), Some(ProwState::Pending));
        assert!(ask(StatusCode::OK, "<html>log in</html>").await.is_err());
        assert!(ask(StatusCode::OK, "").await.is_err());
    }

    #[tokio::test]
    async fn the_list_holds_the_wanted_job_only_newest_first_and_skips_what_it_cannot_read() {
        use axum::Router;
        use axum::routing::get;

        use crate::core::clients::loopback::talk_to;
        use crate::domain::service::Service;

        let item = |end: &str, job: &str, start: &str| {
            serde_json::json!({
                "metadata": {"name": format!("0b1d7a5e-1111-4222-8333-abcdefabcd{end}"), "labels": {"oar-effect": end}},
                "spec": {"job": job}, "status": {"state": "success", "startTime": start},
            })
        };
        let list = serde_json::json!({"items": [
            item("01", "wanted", "2026-01-01T00:00:00Z"),
            item("02", "other", "2026-01-02T00:00:00Z"),
            {"metadata": {}},
            item("03", "wanted", "2026-01-03T00:00:00Z"),
        ]})
        .to_string();
        let router = Router::new().route("/prowjobs.js", get(move || async move { list }));
        let jobs = talk_to(router, Service::Prow, async |http| Prow::new(http).jobs_named("wanted").await).await;
        let labels: Vec<_> = jobs.unwrap().into_iter().map(|job| job.labels["oar-effect"].clone()).collect();
        assert_eq!(labels, ["03", "01"]);
    }
}
