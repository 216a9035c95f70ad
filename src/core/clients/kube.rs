//! Kubernetes API of the cluster that has the release payloads: one label of one kind of object.
//!
//! Bearer token. Refusals are Status objects; a payload that is gone is 404, a conflict 409. A label is set by a merge
//! patch, which gives the same end however often it is done.

use serde::Deserialize;
use serde_json::json;

use super::error::ClientError;
use super::http::ServiceHttp;
use super::retry::Repeat;
use crate::domain::build::Arch;

/// The label by which QE says what it thinks of a payload.
const LABEL: &str = "release.openshift.io/qe_state";

/// Kubernetes API.
#[derive(Debug, Clone)]
pub struct Kube {
    http: ServiceHttp,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    labels: Option<std::collections::BTreeMap<String, String>>,
}

impl Kube {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Labels the payload of `build` with `value`, whatever it was labelled with, or removes the label; the label as the
    /// API shows it then (PATCH). Converges.
    ///
    /// # Errors
    ///
    /// No answer, a refused token, or no such payload.
    pub async fn label(&self, build: &str, arch: Arch, value: Option<&str>) -> Result<Option<String>, ClientError> {
        const OP: &str = "label release payload";
        let namespace = match arch {
            Arch::Amd64 => "ocp".to_owned(),
            Arch::Arm64 | Arch::Ppc64le | Arch::S390x | Arch::Multi => format!("ocp-{}", arch.name()),
        };
        let path = format!("/apis/release.openshift.io/v1alpha1/namespaces/{namespace}/releasepayloads/{build}");
        let call = self.http.call(OP, Repeat::Converges, http::Method::PATCH, &path);
        let call = call.json(&json!({ "metadata": { "labels": { LABEL: value } } }));
        let object: Object = call.header("content-type", "application/merge-patch+json").json_answer().await?;
        if object.metadata.name != build {
            return Err(ClientError::unreadable(self.http.service(), OP, "the object has another name"));
        }
        Ok(object.metadata.labels.unwrap_or_default().remove(LABEL))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Bytes;
    use axum::http::{HeaderMap, Method};

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    #[tokio::test]
    async fn a_label_is_a_merge_patch_of_the_payload_of_its_architecture() {
        let answer = async move |method: Method, headers: HeaderMap, body: Bytes| {
            assert_eq!(method, Method::PATCH);
            assert_eq!(headers.get_all("content-type").iter().collect::<Vec<_>>(), ["application/merge-patch+json"]);
            let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let labels = sent["metadata"]["labels"].clone();
            json!({ "metadata": { "name": "4.20.17", "labels": labels } }).to_string()
        };
        let path = "/apis/release.openshift.io/v1alpha1/namespaces/ocp-arm64/releasepayloads/4.20.17";
        let router = Router::new().route(path, axum::routing::patch(answer));
        let label = talk_to(router, Service::Kube, async |http| {
            Kube::new(http).label("4.20.17", Arch::Arm64, Some("Accepted")).await.unwrap()
        });
        assert_eq!(label.await.as_deref(), Some("Accepted"));
    }
}
