//! Gangway: starts Prow jobs.
//!
//! Bearer token of the cluster, which expires. There is no idempotency key; a label of ours on the job
//! makes a start whose answer got lost findable in Deck's list.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::pacer::Pacer;
use super::retry::Repeat;
use crate::domain::ids::ProwJobId;

/// Periodic jobs are the only ones we start.
const PERIODIC: &str = "1";

const OP: &str = "start Prow job";

/// Gangway: starts Prow jobs.
#[derive(Debug, Clone)]
pub struct Gangway {
    http: ServiceHttp,
    pacer: Arc<Pacer>,
}

/// A job to start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GangwayOrder {
    /// Name of the periodic job.
    pub job: String,
    /// Environment of its pod; empty names or values are refused by the service.
    pub envs: BTreeMap<String, String>,
    /// Labels of the ProwJob object.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the ProwJob object.
    pub annotations: BTreeMap<String, String>,
}

impl Gangway {
    /// A client over `http`; `pacer` is shared by all clients of the process.
    pub const fn new(http: ServiceHttp, pacer: Arc<Pacer>) -> Self {
        Self { http, pacer }
    }

    /// Starts a job (POST `/v1/executions`). Never repeat: call it through `core::effects` only.
    ///
    /// # Errors
    ///
    /// [`Fault::UnknownJob`], which no repetition helps. An answer without job id is unreadable: the job may
    /// have been started.
    pub async fn start(&self, order: &GangwayOrder) -> Result<ProwJobId, ClientError> {
        self.pacer.turn().await;
        let call = self.http.post(OP, Repeat::Never, "/v1/executions").json(&body(order)).accept(&[500]);
        let answer = call.send().await?;
        self.started(order, &answer)
    }

    /// The pace of all calls. Whoever announces a start before it does so after the wait for its turn.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// The same as [`Gangway::start`] within a turn that was waited for, and without trying again where the gateway
    /// asks for fewer calls: then the pace is slower for a while. Never repeat: call it through `core::effects` only.
    ///
    /// # Errors
    ///
    /// As [`Gangway::start`]; [`Fault::RateLimited`] when it was not taken.
    pub async fn start_in_turn(&self, order: &GangwayOrder) -> Result<ProwJobId, ClientError> {
        let call = self.http.post(OP, Repeat::Never, "/v1/executions").json(&body(order)).accept(&[429, 500]);
        let answer = call.send().await?;
        if answer.status == 429 {
            let wait_s = answer.limit.and_then(|limit| limit.wait_s);
            self.pacer.slow_down(wait_s);
            return Err(ClientError { retry_after_s: wait_s, ..answer.error(Fault::RateLimited(429)) });
        }
        self.pacer.was_taken();
        self.started(order, &answer)
    }

    /// Every run of `job` that the cluster still knows (GET `/v1/executions?job_name=`), also of hidden repositories.
    /// Counts as a call. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn runs_of(&self, job: &str) -> Result<Vec<ProwJobId>, ClientError> {
        // An empty list may be left out, together with everything else: nothing but that is no list of runs.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Wire {
            #[serde(default)]
            job_execution: Option<Vec<Run>>,
        }
        #[derive(Deserialize)]
        struct Run {
            id: String,
            #[serde(default)]
            job_name: String,
        }
        self.pacer.turn().await;
        let call = self.http.get("list runs of a job", "/v1/executions").query(&[("job_name", job)]);
        let wire: Wire = call.json_answer().await?;
        let runs = wire.job_execution.unwrap_or_default().into_iter();
        // A list that leaves the names out holds what was asked for.
        let ours = runs.filter(|run| run.job_name.is_empty() || run.job_name == job);
        ours.map(|run| {
            run.id
                .parse()
                .map_err(|_| ClientError::unreadable(self.http.service(), "list runs of a job", "a run without id"))
        })
        .collect()
    }

    fn started(&self, order: &GangwayOrder, answer: &Answer) -> Result<ProwJobId, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            id: String,
        }
        if answer.status == 500 {
            let fault = match is_unknown_job(answer) {
                true => Fault::UnknownJob(order.job.clone()),
                false => Fault::Status(500),
            };
            return Err(answer.error(fault));
        }
        let wire: Wire = answer.json()?;
        let refuse = |_| ClientError::unreadable(self.http.service(), OP, "the answer names no job id");
        wire.id.parse().map_err(refuse)
    }
}

/// Gangway tells a job that it does not know as an outage (500, code 2 "unknown"); its words are all there
/// is to tell them apart.
fn is_unknown_job(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Status {
        code: i64,
        message: String,
    }
    const UNKNOWN: i64 = 2;
    serde_json::from_slice::<Status>(&answer.body).is_ok_and(|status| {
        status.code == UNKNOWN && status.message.to_ascii_lowercase().contains("failed to find associated periodic job")
    })
}

fn body(order: &GangwayOrder) -> serde_json::Value {
    json!({
        "job_name": order.job,
        "job_execution_type": PERIODIC,
        "pod_spec_options": {
            "envs": order.envs,
            "labels": order.labels,
            "annotations": order.annotations,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_is_named_in_the_body_with_environment_and_labels() {
        let order = GangwayOrder {
            job: "periodic-ci-x".into(),
            envs: BTreeMap::from([("A".into(), "1".into())]),
            labels: BTreeMap::from([("oar-effect".into(), "abc".into())]),
            annotations: BTreeMap::new(),
        };
        assert_eq!(
            body(&order).to_string(),
            r#"{"job_name":"periodic-ci-x","job_execution_type":"1","pod_spec_options":{"envs":{"A":"1"},"labels":{"oar-effect":"abc"},"annotations":{}}}"#
        );
    }

    #[tokio::test]
    async fn a_job_that_gangway_does_not_know_is_no_outage() {
        use axum::Router;
        use axum::http::StatusCode;

        use crate::core::clients::loopback::talk_to;
        use crate::core::clock::{Clock, VirtualClock};
        use crate::core::error::ErrorClass;
        use crate::domain::service::Service;

        let known = r#"{"code":2,"message":"failed to find associated periodic job \"x\"","details":[]}"#;
        let cases = [
            (known, ErrorClass::NotFound, false),
            (r#"{"code":2,"message":"etcd is away","details":[]}"#, ErrorClass::Transient, true),
            (
                r#"{"code":13,"message":"failed to find associated periodic job","details":[]}"#,
                ErrorClass::Transient,
                true,
            ),
            ("<html>failed to find associated periodic job</html>", ErrorClass::Transient, true),
        ];
        for (body, class, maybe) in cases {
            let router = Router::new().fallback(async move || (StatusCode::INTERNAL_SERVER_ERROR, body));
            let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
            let minute = jiff::SignedDuration::from_mins(1);
            let pacer = Arc::new(Pacer::new(5, 9, minute, clock, tokio_util::sync::CancellationToken::new()));
            let start = async |http| Gangway::new(http, pacer).start(&GangwayOrder::default()).await;
            let error = talk_to(router, Service::Gangway, start).await.unwrap_err();
            assert_eq!((error.class(), error.may_have_happened()), (class, maybe), "{body}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_job_id_may_have_started_a_job() {
        use axum::Router;
        use axum::routing::post;

        use crate::core::clients::loopback::talk_to;
        use crate::core::clock::{Clock, VirtualClock};
        use crate::domain::service::Service;

        for body in ["", "{}", r#"{"id":""}"#, "<html></html>"] {
            let router = Router::new().route("/v1/executions", post(move || async move { body }));
            let clock = Clock::Virtual(VirtualClock::starting_at(jiff::Timestamp::UNIX_EPOCH));
            let minute = jiff::SignedDuration::from_mins(1);
            let pacer = Arc::new(Pacer::new(5, 9, minute, clock, tokio_util::sync::CancellationToken::new()));
            let start = async |http| Gangway::new(http, pacer).start(&GangwayOrder::default()).await;
            let error = talk_to(router, Service::Gangway, start).await.unwrap_err();
            assert!(error.may_have_happened(), "{body:?}: {error}");
        }
    }
}
