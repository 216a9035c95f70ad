//! Build data: the text of one minor's `releases.yml`. Public files, no credential.

use super::error::ClientError;
use super::http::ServiceHttp;
use crate::core::cache::DiskCache;
use crate::domain::release::Minor;

/// Build data: one text per minor.
#[derive(Debug, Clone)]
pub struct BuildDataSource {
    http: ServiceHttp,
    cache: Option<DiskCache>,
}

impl BuildDataSource {
    /// A client over `http`, whose base may hold a `%s` for the branch.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http, cache: None }
    }

    /// The same, asking only for what changed since the copy in `cache`. Build data changes after the
    /// announcement of a release as well, so every read asks.
    #[must_use]
    pub fn cached(self, cache: DiskCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// The whole text for `minor`. Reads only; repeat freely.
    ///
    /// # Errors
    ///
    /// [`super::error::Fault::Status`] 404 for a minor that has no branch; a web page or an empty body.
    pub async fn releases(&self, minor: Minor) -> Result<String, ClientError> {
        const OP: &str = "read build data";
        let (base, branch) = (self.http.base(), minor.build_data_branch());
        let url =
            if base.contains("%s") { base.replace("%s", &branch) } else { format!("{base}/{branch}/releases.yml") };
        let call = self.http.get_absolute(OP, &url);
        call.read_through(self.cache.as_ref(), |answer| answer.plain_text().map(str::to_owned)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse as _;
    use axum::routing::get;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    /// Serves `version` under its mark, and counts how often the text went out.
    fn service(version: &'static str, sent: &Arc<AtomicU32>) -> Router {
        let sent = Arc::clone(sent);
        let file = async move |headers: HeaderMap| {
            let mark = format!("W/\"{version}\"");
            if headers.get("if-none-match").is_some_and(|known| *known == *mark) {
                return StatusCode::NOT_MODIFIED.into_response();
            }
            sent.fetch_add(1, Ordering::Relaxed);
            ([("etag", mark)], format!("releases: # {version}\n")).into_response()
        };
        Router::new().route("/openshift-4.99/releases.yml", get(file))
    }

    async fn read(router: Router, cache: &DiskCache) -> Vec<String> {
        let minor = Minor::new(4, 99);
        talk_to(router, Service::BuildData, async |http| {
            // The port differs from server to server, and with it the address under which answers are kept.
            let source = BuildDataSource::new(http).cached(cache.clone());
            vec![source.releases(minor).await.unwrap(), source.releases(minor).await.unwrap()]
        })
        .await
    }

    #[tokio::test]
    async fn an_unchanged_text_is_sent_once_and_read_twice() {
        let (home, sent) = (tempfile::tempdir().unwrap(), Arc::default());
        let texts = read(service("1", &sent), &DiskCache::below(home.path())).await;
        assert_eq!(texts, ["releases: # 1\n"; 2]);
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_damaged_copy_is_asked_for_again() {
        let (home, sent) = (tempfile::tempdir().unwrap(), Arc::default());
        let minor = Minor::new(4, 99);
        talk_to(service("1", &sent), Service::BuildData, async |http| {
            let source = BuildDataSource::new(http).cached(DiskCache::below(home.path()));
            source.releases(minor).await.unwrap();
            for file in std::fs::read_dir(home.path().join("cache")).unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(path, text.replace("releases", "relaeses")).unwrap();
            }
            assert_eq!(source.releases(minor).await.unwrap(), "releases: # 1\n");
        })
        .await;
        assert_eq!(sent.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn json_that_was_cut_and_a_page_in_place_of_the_answer_are_not_kept() {
        for (kind, body) in [("application/json; charset=utf-8", "{\"a\":"), ("text/html", "<html>Sign in</html>")] {
            let home = tempfile::tempdir().unwrap();
            let router = Router::new().fallback(async move || ([("content-type", kind), ("etag", "\"1\"")], body));
            talk_to(router, Service::BuildData, async |http| {
                let cache = DiskCache::below(home.path());
                http.get("read", "/x").read_through(Some(&cache), Ok).await.unwrap();
                assert_eq!(cache.read(&format!("{}/x", http.base())), None, "{kind}");
            })
            .await;
        }
    }

    #[tokio::test]
    async fn an_unchanged_answer_that_nobody_asked_for_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let router = Router::new().fallback(async || StatusCode::NOT_MODIFIED);
        talk_to(router, Service::BuildData, async |http| {
            let source = BuildDataSource::new(http).cached(DiskCache::below(home.path()));
            let error = source.releases(Minor::new(4, 99)).await.unwrap_err();
            assert_eq!(error.fault, crate::core::clients::error::Fault::Status(304));
        })
        .await;
    }
}
