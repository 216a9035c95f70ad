//! Release controller: phases and digests of payloads.
//!
//! No authentication; errors are plain text. A tag that does not exist (yet, or any more) is 404. The
//! digest comes out of the rendered change log, which is empty for up to ten minutes after a restart.

pub mod builds;

use std::fmt;

use serde::Deserialize;

use super::error::ClientError;
use super::http::ServiceHttp;
use super::http::answer::Answer;
use crate::domain::ids::Digest;
use crate::domain::release::{Minor, ZStream};

/// Release controller: phases and digests of payloads.
#[derive(Debug, Clone)]
pub struct ReleaseController {
    http: ServiceHttp,
}

/// Where a payload stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Its images are being put together.
    Pending,
    /// It exists; its verification runs.
    Ready,
    /// Verified, or accepted by hand.
    Accepted,
    /// Verification failed.
    Rejected,
    /// It could not be made.
    Failed,
    /// A phase that we do not know.
    Other(String),
}

impl Phase {
    fn parse(text: &str) -> Self {
        match text {
            "Pending" => Self::Pending,
            "Ready" => Self::Ready,
            "Accepted" => Self::Accepted,
            "Rejected" => Self::Rejected,
            "Failed" => Self::Failed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word that the release controller uses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "Pending",
            Self::Ready => "Ready",
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Failed => "Failed",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A payload of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// Its tag.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// Where it can be pulled.
    pub pull_spec: Option<String>,
}

impl ReleaseController {
    /// A client over `http`, whose base is the controller of one architecture.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Phase of `release` in its stable stream; nothing when the stream does not list it. Reads only;
    /// repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn phase(&self, release: &ZStream) -> Result<Option<Phase>, ClientError> {
        // Without the change log the answer comes at once instead of after tens of seconds.
        let path = format!("{}?format=short", release_path(release));
        let call = self.http.get("look at payload", &path).accept(&[404]);
        let found: Option<WirePayload> = call.read(|answer| found(&answer)).await?;
        Ok(found.map(|wire| Phase::parse(&wire.phase)))
    }

    /// Digest of `release`'s payload; nothing while the stream does not list it or its change log is not
    /// rendered. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn payload_digest(&self, release: &ZStream) -> Result<Option<Digest>, ClientError> {
        const OP: &str = "read payload digest";
        let call = self.http.get(OP, &release_path(release)).accept(&[404]);
        let payload: Option<WirePayload> = call.read(|answer| found(&answer)).await?;
        let digest = payload.and_then(WirePayload::digest);
        let refuse = |cause| ClientError::unreadable(self.http.service(), OP, format!("{cause}"));
        digest.map(|text| text.parse().map_err(refuse)).transpose()
    }

    /// The newest Accepted payload of `minor` in `stream`; nothing when there is none. Reads only; repeat
    /// freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn latest(&self, stream: &str, minor: Minor) -> Result<Option<Payload>, ClientError> {
        // The final dot keeps 4.2 from matching 4.20.
        let prefix = format!("{minor}.");
        let path = format!("/api/v1/releasestream/{stream}/latest");
        let call = self.http.get("look at newest payload", &path).query(&[("prefix", &prefix)]);
        let payload: Option<WirePayload> = call.accept(&[404]).read(|answer| found(&answer)).await?;
        Ok(payload.map(WirePayload::into_payload))
    }
}

/// Engineering candidates are previews; everything else that we ship is in the stable stream.
fn release_path(release: &ZStream) -> String {
    let stream = match release.candidate() {
        Some(pre) if pre.starts_with("ec") => "dev-preview",
        Some(_) | None => "stable",
    };
    format!("/api/v1/releasestream/{}-{stream}/release/{release}", release.minor().major())
}

/// 404 is an answer when the controller itself gives it; a web page comes from somebody in between.
fn found<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<Option<T>, ClientError> {
    if answer.status != 404 {
        return answer.json().map(Some);
    }
    if !answer.body.is_empty() {
        answer.plain_text()?;
    }
    Ok(None)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePayload {
    name: String,
    phase: String,
    pull_spec: Option<String>,
    change_log_json: Option<ChangeLog>,
}

#[derive(Deserialize)]
struct ChangeLog {
    to: Option<ChangeLogEnd>,
}

#[derive(Deserialize)]
struct ChangeLogEnd {
    digest: Option<String>,
}

impl WirePayload {
    /// An empty digest means that no change log could be rendered yet.
    fn digest(self) -> Option<String> {
        self.change_log_json?.to?.digest.filter(|digest| !digest.is_empty())
    }

    fn into_payload(self) -> Payload {
        Payload { name: self.name, phase: Phase::parse(&self.phase), pull_spec: self.pull_spec }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::domain::mask::Masker;
    use crate::domain::service::Service;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            service: Service::ReleaseController,
            op: "look at payload",
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            masker: Masker::default(),
            object: String::new(),
            limit: None,
        }
    }

    #[test]
    fn a_missing_tag_is_an_answer_but_a_web_page_is_not() {
        let plain = answer(404, "unable to find release tag 4.20.1, it may have been deleted");
        assert!(found::<WirePayload>(&plain).unwrap().is_none());
        assert!(found::<WirePayload>(&answer(404, "<html><body>gone</body></html>")).is_err());
        assert!(found::<WirePayload>(&answer(200, "<html></html>")).is_err());
    }

    #[test]
    fn an_empty_digest_is_not_there_yet() {
        for body in [
            r#"{"name":"4.20.1","phase":"Accepted"}"#,
            r#"{"name":"4.20.1","phase":"Accepted","changeLogJson":{"to":{"name":"","digest":""}}}"#,
        ] {
            let wire = found::<WirePayload>(&answer(200, body)).unwrap().unwrap();
            assert_eq!(wire.digest(), None, "{body}");
        }
    }

    #[test]
    fn a_release_is_looked_up_in_the_stream_of_its_major() {
        let path = |text: &str| release_path(&text.parse().unwrap());
        assert_eq!(path("4.20.17"), "/api/v1/releasestream/4-stable/release/4.20.17");
        assert_eq!(path("5.0.0-rc.1"), "/api/v1/releasestream/5-stable/release/5.0.0-rc.1");
        assert_eq!(path("5.0.0-ec.3"), "/api/v1/releasestream/5-dev-preview/release/5.0.0-ec.3");
    }

    #[test]
    fn an_unknown_phase_is_kept_as_spelled() {
        assert_eq!(Phase::parse("Queued").as_str(), "Queued");
        assert_eq!(Phase::parse("Accepted"), Phase::Accepted);
    }
}
