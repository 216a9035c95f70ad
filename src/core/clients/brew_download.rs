//! Files of brew builds: which kernel an RHCOS build holds.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::error::ClientError;
use super::http::ServiceHttp;
use crate::domain::kernel::Nvr;

/// Files of brew builds.
#[derive(Debug, Clone)]
pub struct BrewDownload {
    http: ServiceHttp,
}

#[derive(Deserialize)]
struct Metadata {
    /// May be null, but not missing: then it is some other file.
    #[serde(deserialize_with = "Option::deserialize")]
    output: Option<Vec<Output>>,
}

#[derive(Deserialize)]
struct Output {
    components: Option<Vec<Component>>,
}

/// Numbers occur in the place of texts (`"release": 1`).
#[derive(Deserialize)]
struct Component {
    name: Option<String>,
    version: Option<Value>,
    release: Option<Value>,
}

impl BrewDownload {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// The kernel builds inside `build`: `GET /{name}/{version}/{release}/metadata.json`; nothing when brew
    /// has no metadata of it (yet), an empty set when the metadata lists no kernel. Reads.
    ///
    /// # Errors
    ///
    /// As every call; a kernel without version or release.
    pub async fn kernels(&self, build: &Nvr) -> Result<Option<BTreeSet<Nvr>>, ClientError> {
        const OP: &str = "read the contents of a build";
        let call = self.http.get(OP, &format!("/{}/metadata.json", build.folder())).accept(&[404]);
        let Some(metadata) = call.read(|answer| answer.found::<Metadata>()).await? else { return Ok(None) };
        let outputs = metadata.output.unwrap_or_default();
        let components = outputs.into_iter().flat_map(|output| output.components.unwrap_or_default());
        let kernels = components.filter(|component| component.name.as_deref() == Some("kernel")).map(|kernel| {
            let text = |value: Option<Value>| match value {
                Some(Value::String(text)) => text,
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => String::new(),
            };
            Nvr::new("kernel", &text(kernel.version), &text(kernel.release)).ok_or_else(|| {
                ClientError::unreadable(self.http.service(), OP, "a kernel without usable version and release")
            })
        });
        kernels.collect::<Result<_, _>>().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    async fn asked(body: &'static str) -> Result<Option<Vec<String>>, ClientError> {
        let path = "/rhcos-x86_64/4.20.9/0/metadata.json";
        let router = Router::new().route(path, get(move || async move { body }));
        let build = Nvr::parse("rhcos-x86_64-4.20.9-0").unwrap();
        talk_to(router, Service::BrewDownload, async |http| BrewDownload::new(http).kernels(&build).await)
            .await
            .map(|found| found.map(|kernels| kernels.iter().map(ToString::to_string).collect()))
    }

    #[tokio::test]
    async fn the_kernel_of_every_output_is_reported_once() {
        let kernel = r#"{"name":"kernel","version":"5.14.0","release":"570.1.el9_6"}"#;
        let body = format!(
            r#"{{"output":[{{"components":null}},{{"components":[{{"name":"bash","version":"5"}},{kernel}]}},{{}},{{"components":[{kernel}]}}]}}"#
        );
        let found = asked(String::leak(body)).await.unwrap();
        assert_eq!(found, Some(vec!["kernel-5.14.0-570.1.el9_6".to_owned()]));
    }

    #[tokio::test]
    async fn a_build_without_kernel_is_not_a_build_without_metadata() {
        assert_eq!(asked(r#"{"output":null}"#).await.unwrap(), Some(Vec::new()));
        let other = Nvr::parse("rhcos-x86_64-4.20.10-0").unwrap();
        let nothing =
            talk_to(Router::new(), Service::BrewDownload, async |http| BrewDownload::new(http).kernels(&other).await);
        assert_eq!(nothing.await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_metadata_is_an_error() {
        for body in ["", "<html>login</html>", "[]", "{}", r#"{"output":[{"components":[{"name":"kernel"}]}]}"#] {
            assert!(asked(body).await.is_err(), "{body}");
        }
    }
}
