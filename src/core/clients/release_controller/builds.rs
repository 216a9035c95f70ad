//! Builds of a stream: the newest one, all of them, and what people think of one.

use serde::Deserialize;
use serde_json::Value;

use super::{Phase, ReleaseController, found};
use crate::core::clients::error::ClientError;
use crate::core::clients::http::answer::Answer;
use crate::domain::build_stream::{BuildStream, order};
use crate::domain::service::Service;

/// A build as the release controller describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleasedBuild {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// Where it can be pulled.
    pub pull_spec: Option<String>,
    /// All that was said, as records keep it.
    pub object: Value,
    /// The same byte for byte.
    pub text: String,
}

impl ReleaseController {
    /// The newest accepted build of `stream`; nothing when there is none. Where the stable stream has none of the minor
    /// yet, it is looked for among the early builds. Whether it is one of the minor is for whoever asks: not
    /// every stream heeds the prefix. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn newest_build(&self, stream: &BuildStream) -> Result<Option<ReleasedBuild>, ClientError> {
        if let Some(build) = self.latest_of(&stream.name(), stream).await? {
            return Ok(Some(build));
        }
        match stream.early_name() {
            Some(early) => self.latest_of(&early, stream).await,
            None => Ok(None),
        }
    }

    async fn latest_of(&self, name: &str, stream: &BuildStream) -> Result<Option<ReleasedBuild>, ClientError> {
        let path = format!("/api/v1/releasestream/{name}/latest");
        let mut call = self.http.get("look at newest build", &path);
        let prefix = stream.prefix();
        if let Some(prefix) = &prefix {
            call = call.query(&[("prefix", prefix)]);
        }
        let newest = call.accept(&[404]).read(|answer| {
            let Some(value) = found::<Value>(&answer)? else { return Ok(None) };
            // A stream without builds is a 404.
            let why = "it names no build".to_owned();
            let unreadable = || ClientError::unreadable(Service::ReleaseController, "look at newest build", why);
            build(&answer, value).map(Some).ok_or_else(unreadable)
        });
        newest.await
    }

    /// Every build of `stream`, the newest first; nothing when there is no such stream. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn builds(&self, stream: &BuildStream) -> Result<Option<Vec<ReleasedBuild>>, ClientError> {
        #[derive(Deserialize)]
        struct Tags {
            // Null in a stream without any, but there.
            #[serde(deserialize_with = "Option::deserialize")]
            tags: Option<Vec<Value>>,
        }
        let mut builds: Option<Vec<ReleasedBuild>> = None;
        for name in std::iter::once(stream.name()).chain(stream.early_name()) {
            let call = self.http.get("list builds", &format!("/api/v1/releasestream/{name}/tags")).accept(&[404]);
            let tags = call.read(|answer| {
                let tags = found::<Tags>(&answer)?.map(|tags| tags.tags.unwrap_or_default());
                Ok(tags.map(|tags| tags.into_iter().filter_map(|tag| build(&answer, tag)).collect::<Vec<_>>()))
            });
            if let Some(mut tags) = tags.await? {
                tags.retain(|tag| stream.holds(&tag.name));
                builds.get_or_insert_default().append(&mut tags);
            }
        }
        if let Some(builds) = &mut builds {
            builds.sort_by(|one, other| order(&other.name, &one.name).unwrap_or(std::cmp::Ordering::Equal));
        }
        Ok(builds)
    }

    /// Did QE accept the build `name`, as the release controller shows it? Nothing while it shows nothing. Reads only;
    /// repeat freely.
    ///
    /// # Errors
    ///
    /// No answer, or none that can be read.
    pub async fn qe_badge(&self, name: &str) -> Result<Option<bool>, ClientError> {
        #[derive(Deserialize)]
        struct Shown {
            #[serde(deserialize_with = "Option::deserialize")]
            qualifiers: Option<Qualifiers>,
        }
        #[derive(Deserialize)]
        struct Qualifiers {
            qe: Option<Qualifier>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Qualifier {
            badge_earned: Option<bool>,
        }
        let call = self.http.get("look at QE badge", &format!("/api/v1/releasetag/{name}/qualifiers")).accept(&[404]);
        let shown: Option<Shown> = call.read(|answer| found(&answer)).await?;
        Ok(shown.and_then(|shown| shown.qualifiers?.qe?.badge_earned))
    }
}

/// Nothing for an object without name or phase.
fn build(answer: &Answer, object: Value) -> Option<ReleasedBuild> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(ReleasedBuild {
        name: text("name")?,
        phase: Phase::parse(&text("phase")?),
        pull_spec: text("pullSpec").filter(|spec| !spec.is_empty()),
        text: String::from_utf8_lossy(&answer.body).into_owned(),
        object,
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::build::{Arch, Stream};

    fn stable() -> BuildStream {
        BuildStream { minor: "5.1".parse().unwrap(), stream: Stream::Stable, arch: Arch::Amd64 }
    }

    async fn ask<T>(router: Router, test: impl AsyncFnOnce(ReleaseController) -> T) -> T {
        talk_to(router, Service::ReleaseController, async |http| test(ReleaseController::new(http)).await).await
    }

    #[tokio::test]
    async fn the_first_builds_of_a_minor_are_found_among_the_early_ones() {
        const BODY: &str = "{\n  \"name\": \"5.1.0-ec.0\",\n  \"phase\": \"Accepted\",\n  \"pullSpec\": \"q/r:1\"\n}\n";
        let none = async || (StatusCode::NOT_FOUND, "no tags exist within the release that satisfy the request");
        let router = Router::new()
            .route("/api/v1/releasestream/5-stable/latest", get(none))
            .route("/api/v1/releasestream/5-dev-preview/latest", get(async || BODY));
        let build = ask(router, async |client| client.newest_build(&stable()).await.unwrap().unwrap()).await;
        assert_eq!((build.name.as_str(), build.phase, build.text.as_str()), ("5.1.0-ec.0", Phase::Accepted, BODY));
    }

    #[tokio::test]
    async fn the_builds_of_other_minors_of_the_stream_are_left_out_and_the_newest_comes_first() {
        const TAGS: &str = r#"{"name": "5-stable", "tags": [{"name": "5.10.3", "phase": "Accepted"}, {"name": 7},
            {"name": "5.1.9", "phase": "Rejected"}, {"name": "5.1.10", "phase": "Accepted"}]}"#;
        let router = Router::new()
            .route("/api/v1/releasestream/5-stable/tags", get(async || TAGS))
            .fallback(async || (StatusCode::NOT_FOUND, "no release configuration exists with the requested name"));
        let builds = ask(router, async |client| client.builds(&stable()).await.unwrap().unwrap()).await;
        let names: Vec<_> = builds.iter().map(|build| build.name.as_str()).collect();
        assert_eq!(names, ["5.1.10", "5.1.9"]);
    }

    #[tokio::test]
    async fn a_badge_that_does_not_show_is_neither_earned_nor_refused() {
        for (body, wanted) in [
            (r#"{"qualifiers": {"qe": {"badgeEarned": true}}}"#, Some(true)),
            (r#"{"qualifiers": {"qe": {"badgeEarned": false}}}"#, Some(false)),
            (r#"{"qualifiers": {}}"#, None),
            (r#"{"qualifiers": null}"#, None),
        ] {
            let router = Router::new().fallback(get(move || async move { body }));
            let badge = ask(router, async |client| client.qe_badge("4.20.17").await.unwrap()).await;
            assert_eq!(badge, wanted, "{body}");
        }
    }
}
