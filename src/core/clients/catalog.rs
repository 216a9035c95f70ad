//! Public container catalogue: was an image shipped already? No credential.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::error::ClientError;
use super::http::ServiceHttp;
use crate::domain::ids::Digest;

/// Public container catalogue.
#[derive(Debug, Clone)]
pub struct Catalog {
    http: ServiceHttp,
}

#[derive(Deserialize)]
struct Page {
    total: u64,
    #[serde(default)]
    data: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    repositories: Option<Vec<Repository>>,
}

#[derive(Deserialize)]
struct Repository {
    registry: Option<String>,
    repository: Option<String>,
}

impl Catalog {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Where an image was shipped (`registry/repository`), possibly nowhere named; nothing when it was not:
    /// `GET /v1/images?filter=image_id==…`. Reads.
    ///
    /// The type of `image` matters: an empty filter would find every image there is.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn released(&self, image: &Digest) -> Result<Option<BTreeSet<String>>, ClientError> {
        let filter = format!("image_id=={image}");
        let call = self.http.get("look up a shipped image", "/v1/images").query(&[("filter", &filter)]);
        let page: Page = call.json_answer().await?;
        if page.total == 0 {
            return Ok(None);
        }
        let repositories = page.data.into_iter().flat_map(|image| image.repositories.unwrap_or_default());
        let named = repositories.filter_map(|one| match (one.registry, one.repository) {
            (Some(registry), Some(repository)) => Some(format!("{registry}/{repository}")),
            (None, repository) => repository,
            (Some(_), None) => None,
        });
        Ok(Some(named.collect()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::RawQuery;
    use axum::routing::get;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    async fn asked(body: &'static str) -> Result<Option<Vec<String>>, ClientError> {
        let digest: Digest = format!("sha256:{}", "a".repeat(64)).parse().unwrap();
        let catalog = move |RawQuery(query): RawQuery| async move {
            let wanted = format!("filter=image_id%3D%3Dsha256%3A{}", "a".repeat(64));
            if query == Some(wanted) { body } else { "the filter is wrong" }
        };
        let router = Router::new().route("/v1/images", get(catalog));
        let found = talk_to(router, Service::Catalog, async |http| Catalog::new(http).released(&digest).await).await?;
        Ok(found.map(|repositories| repositories.into_iter().collect()))
    }

    #[tokio::test]
    async fn an_image_with_a_hit_was_shipped() {
        let body = r#"{"data":[{"_id":"1","repositories":[{"registry":"registry.example.com","repository":"ocp/cli"},{"registry":null}]},{"repositories":null}],"page":0,"page_size":100,"total":2}"#;
        assert_eq!(asked(body).await.unwrap(), Some(vec!["registry.example.com/ocp/cli".to_owned()]));
        assert_eq!(asked(r#"{"data":[{}],"total":1}"#).await.unwrap(), Some(Vec::new()));
    }

    #[tokio::test]
    async fn only_a_total_of_zero_means_not_shipped() {
        assert_eq!(asked(r#"{"data":[],"page":0,"page_size":100,"total":0}"#).await.unwrap(), None);
        for body in ["", "<html>proxy</html>", r#"{"data":[]}"#, r#"{"total":null}"#, r#"{"status":400}"#] {
            assert!(asked(body).await.is_err(), "{body}");
        }
    }
}
