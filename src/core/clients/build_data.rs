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
        let answer = self.http.get_absolute(OP, &url).send_through(self.cache.as_ref()).await?;
        answer.plain_text().map(str::to_owned)
    }
}
