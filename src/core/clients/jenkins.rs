//! Jenkins: the stage pipeline.
//!
//! Basic authentication with an API token, which normally needs no CSRF crumb; servers that want one all
//! the same answer 403 and get it. A job in a folder (`zstreams/Stage-Pipeline`) has a path of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::http::call::Call;
use super::retry::Repeat;
use crate::domain::ids::BuildNumber;

/// How many builds back a started one is looked for; the pipeline runs a handful a day.
pub const RECENT_BUILDS: usize = 50;

/// Jenkins: the stage pipeline.
#[derive(Debug, Clone)]
pub struct Jenkins {
    http: ServiceHttp,
}

/// A request that waits for its build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// Its number.
    pub id: u64,
    /// Its page.
    pub url: String,
    /// Why it waits.
    pub why: Option<String>,
    /// Somebody took it out of the queue.
    pub cancelled: bool,
    /// The build it became.
    pub build: Option<BuildNumber>,
    /// Parameters of the build to come.
    pub parameters: BTreeMap<String, String>,
}

/// One build of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its number within the job.
    pub number: BuildNumber,
    /// Its page.
    pub url: String,
    /// Where it stands.
    pub state: BuildState,
    /// When it began.
    pub started_at: Option<Timestamp>,
    pub parameters: BTreeMap<String, String>,
}

/// Where a build stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildState {
    /// Not finished; a result that shows up earlier may still change.
    Building,
    Success,
    /// `FAILURE`, `ABORTED`, `UNSTABLE` or `NOT_BUILT`.
    Ended(String),
    /// It ended with a result that is not documented.
    Unknown(String),
}

impl Jenkins {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Starts a build of `job` (POST `…/buildWithParameters`, 201 with `Location`). Never repeat: call it
    /// through `core::effects` only.
    ///
    /// # Errors
    ///
    /// [`Fault::Unreadable`] when the answer names no queue item: the build may have been queued.
    pub async fn trigger(&self, job: &str, parameters: &[(&str, &str)]) -> Result<QueueItem, ClientError> {
        let path = format!("{}/buildWithParameters", job_path(job));
        let order = || self.http.post("start build", Repeat::Never, &path).query(parameters);
        let answer = match order().send().await {
            // Refused before anything was done, so asking again with a crumb is no repetition.
            Err(error) if wants_crumb(&error) => match self.crumb().await? {
                Some(crumb) => crumb.on(order()).send().await?,
                None => return Err(error),
            },
            other => other?,
        };
        let id = answer.header("location").filter(|_| answer.status == 201).and_then(queue_id);
        let Some((id, url)) = id.zip(answer.header("location")) else {
            return Err(unreadable(&answer, "the answer names no queue item"));
        };
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(QueueItem { id, url: url.to_owned(), why: None, cancelled: false, build: None, parameters })
    }

    /// What waits for a build of `job` (GET `/queue/api/json`). Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn queued(&self, job: &str) -> Result<Vec<QueueItem>, ClientError> {
        #[derive(Deserialize)]
        struct Wire {
            items: Vec<WireItem>,
        }
        let wire: Wire = self.http.get("list queue", "/queue/api/json?depth=0").json_answer().await?;
        let path = job_path(job);
        let ours = wire.items.into_iter().filter(|item| item.is_of(&path));
        Ok(ours.map(|item| item.into_item(self.http.base())).collect())
    }

    /// One queue item (GET `/queue/item/{n}/api/json`); nothing about five minutes after its build began.
    /// Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn queue_item(&self, id: u64) -> Result<Option<QueueItem>, ClientError> {
        let path = format!("/queue/item/{id}/api/json?depth=0");
        let call = self.http.get("look at queue item", &path).accept(&[404]);
        let item: Option<WireItem> = call.read(|answer| answer.found()).await?;
        Ok(item.map(|item| item.into_item(self.http.base())))
    }

    /// The newest builds of `job` with their parameters, newest first, and the number of the next one. Reads only;
    /// repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn recent_builds(&self, job: &str) -> Result<RecentBuilds, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            builds: Vec<WireBuild>,
            next_build_number: Option<u64>,
        }
        let fields = "number,url,building,inProgress,result,timestamp,actions[parameters[name,value]]";
        let tree = format!("nextBuildNumber,builds[{fields}]{{0,{RECENT_BUILDS}}}");
        let path = format!("{}/api/json", job_path(job));
        let wire: Wire = self.http.get("list builds", &path).query(&[("tree", &tree)]).json_answer().await?;
        let builds = wire.builds.into_iter().map(WireBuild::into_build).collect();
        Ok(RecentBuilds { builds, next: wire.next_build_number })
    }

    /// One build (GET `…/{number}/api/json`); nothing when Jenkins has none of this number. Reads only;
    /// repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn build(&self, job: &str, number: BuildNumber) -> Result<Option<Build>, ClientError> {
        let path = format!("{}/{number}/api/json?depth=0", job_path(job));
        let build: Option<WireBuild> =
            self.http.get("look at build", &path).accept(&[404]).read(|answer| answer.found()).await?;
        Ok(build.map(WireBuild::into_build))
    }

    /// Nothing when the server uses no crumbs.
    async fn crumb(&self) -> Result<Option<Crumb>, ClientError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            crumb_request_field: String,
            crumb: String,
        }
        let call = self.http.get("fetch crumb", "/crumbIssuer/api/json").accept(&[404]);
        call.read(|answer| {
            let Some(wire) = answer.found::<Wire>()? else { return Ok(None) };
            if !wire.crumb_request_field.eq_ignore_ascii_case(CRUMB_HEADER) {
                return Err(unreadable(&answer, "the crumb belongs into a header that we do not know"));
            }
            let session = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).map(str::to_owned);
            Ok(Some(Crumb { value: wire.crumb, session }))
        })
        .await
    }
}

/// The newest builds of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentBuilds {
    /// Newest first.
    pub builds: Vec<Build>,
    /// The number of the next build; numbers are never used again, so a gap is a build that was deleted.
    pub next: Option<u64>,
}

/// Header of a crumb; the same on every server that was not patched.
const CRUMB_HEADER: &str = "jenkins-crumb";

/// Proof against forged requests; valid only within the session that fetched it.
struct Crumb {
    value: String,
    session: Option<String>,
}

impl Crumb {
    fn on<'a>(&self, call: Call<'a>) -> Call<'a> {
        let call = call.header(CRUMB_HEADER, &self.value);
        match &self.session {
            Some(session) => call.header("cookie", session),
            None => call,
        }
    }
}

fn wants_crumb(error: &ClientError) -> bool {
    let says_crumb = error.excerpt().is_some_and(|text| text.to_ascii_lowercase().contains("crumb"));
    error.fault == Fault::Unauthorized(403) && says_crumb
}

fn unreadable(answer: &Answer, why: &str) -> ClientError {
    ClientError::unreadable(answer.service, answer.op, why)
}

/// `zstreams/Stage-Pipeline` → `/job/zstreams/job/Stage-Pipeline`.
fn job_path(job: &str) -> String {
    job.split('/').map(|part| format!("/job/{part}")).collect()
}

/// The number in `…/queue/item/{n}/`; nothing for any other address.
pub fn queue_id(url: &str) -> Option<u64> {
    let (_, rest) = url.rsplit_once("/queue/item/")?;
    rest.split('/').next()?.parse().ok()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireItem {
    id: u64,
    why: Option<String>,
    #[serde(default)]
    cancelled: bool,
    task: Option<WireTask>,
    executable: Option<WireExecutable>,
    /// One `NAME=value` per line.
    params: Option<String>,
    #[serde(default)]
    actions: Vec<Value>,
}

#[derive(Deserialize)]
struct WireTask {
    url: Option<String>,
}

#[derive(Deserialize)]
struct WireExecutable {
    number: u64,
}

impl WireItem {
    /// The task's name is the short one (`Stage-Pipeline`), so only its address tells the job.
    fn is_of(&self, path: &str) -> bool {
        let url = self.task.as_ref().and_then(|task| task.url.as_deref());
        url.is_some_and(|url| url.trim_end_matches('/').ends_with(path))
    }

    fn into_item(self, base: &str) -> QueueItem {
        let mut parameters = parameters(&self.actions);
        for (name, value) in self.params.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once('=')) {
            parameters.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
        QueueItem {
            id: self.id,
            url: format!("{base}/queue/item/{}/", self.id),
            why: self.why,
            cancelled: self.cancelled,
            build: self.executable.map(|build| BuildNumber::new(build.number)),
            parameters,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBuild {
    number: u64,
    #[serde(default)]
    url: String,
    #[serde(default)]
    building: bool,
    #[serde(default)]
    in_progress: bool,
    result: Option<String>,
    /// Milliseconds.
    timestamp: Option<i64>,
    #[serde(default)]
    actions: Vec<Value>,
}

impl WireBuild {
    fn into_build(self) -> Build {
        let state = match self.result {
            // Pipelines show the result of a finished step while later steps run.
            _ if self.building || self.in_progress => BuildState::Building,
            None => BuildState::Building,
            Some(result) if result == "SUCCESS" => BuildState::Success,
            Some(result) if matches!(result.as_str(), "FAILURE" | "ABORTED" | "UNSTABLE" | "NOT_BUILT") => {
                BuildState::Ended(result)
            }
            Some(result) => BuildState::Unknown(result),
        };
        Build {
            number: BuildNumber::new(self.number),
            url: self.url,
            state,
            started_at: self.timestamp.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            parameters: parameters(&self.actions),
        }
    }
}

/// Name and value of any object below `actions[].parameters`: the classes differ between kinds of jobs.
fn parameters(actions: &[Value]) -> BTreeMap<String, String> {
    let listed = actions.iter().filter_map(|action| action.get("parameters")?.as_array()).flatten();
    listed
        .filter_map(|parameter| {
            let value = match parameter.get("value")? {
                Value::String(text) => text.clone(),
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    other.to_string()
                }
            };
            Some((parameter.get("name")?.as_str()?.to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests;
