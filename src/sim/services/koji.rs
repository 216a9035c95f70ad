//! Koji and its downloads: which kernel an RHCOS build carries, and which tags that kernel has.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::sim::facts::koji::KERNEL;
use crate::sim::wire;
use crate::sim::world::{Facts, World};

/// Routes below `/koji`: one XML-RPC address.
pub fn router() -> Router<World> {
    Router::new().route("/", post(call))
}

/// Routes below `/brew_download`.
pub fn download_router() -> Router<World> {
    Router::new().route("/{name}/{version}/{release}/metadata.json", get(metadata))
}

async fn metadata(
    State(world): State<World>,
    Path((name, version, release)): Path<(String, String, String)>,
) -> Response {
    let facts = world.facts();
    let nvr = format!("{name}-{version}-{release}");
    if !nvr.starts_with("rhcos-") || !builds(&facts).any(|build| build == nvr) {
        return wire::html(StatusCode::NOT_FOUND, "<html><head><title>404 Not Found</title></head></html>");
    }
    let package = |name: &str, version: &str, release: &str| json!({ "type": "rpm", "name": name, "version": version, "release": release, "epoch": null, "arch": "x86_64" });
    let mut components = vec![package("bash", "5.1.8", "9.el9"), package("kernel-core", KERNEL.0, KERNEL.1)];
    if !facts.koji.without_kernel {
        components.push(package("kernel", KERNEL.0, KERNEL.1));
    }
    // The log of a build is an output too, and has no components.
    wire::json(
        StatusCode::OK,
        &json!({
            "metadata_version": 0,
            "build": { "name": name, "version": version, "release": release },
            "output": [
                { "filename": "build.log", "type": "log", "components": null },
                { "filename": format!("{nvr}.ociarchive"), "arch": "x86_64", "components": components },
            ],
        }),
    )
}

fn builds(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.errata.advisories.values().flat_map(|advisory| advisory.builds.keys().map(String::as_str))
}

async fn call(State(world): State<World>, headers: HeaderMap, body: Bytes) -> Response {
    if !wire::header_text(&headers, "content-type").is_some_and(|kind| kind.starts_with("text/xml")) {
        return fault(1, "unsupported content type");
    }
    let text = String::from_utf8_lossy(&body);
    let Some(method) = between(&text, "<methodName>", "</methodName>") else {
        return fault(1, "no method name");
    };
    if method != "listTags" {
        return fault(1000, &format!("Invalid method: {method}"));
    }
    let keywords = member(&text, "__starstar").is_some_and(|flag| matches!(flag, "1" | "true"));
    let Some(build) = member(&text, "build").filter(|_| keywords) else {
        return fault(1000, "listTags: build or package is needed");
    };
    let facts = world.facts();
    if build != facts.koji.kernel && !builds(&facts).any(|known| known == build) {
        return fault(1000, &format!("No such build: '{build}'"));
    }
    let none = Vec::new();
    let tags = if build == facts.koji.kernel { &facts.koji.tags } else { &none };
    let list: String = tags.iter().zip(70_001..).map(|(tag, id)| entry(tag, id)).collect();
    answer(&format!("<params><param><value><array><data>{list}</data></array></value></param></params>"))
}

fn entry(tag: &str, id: u32) -> String {
    let bool_of = |name: &str| format!("<member><name>{name}</name><value><boolean>0</boolean></value></member>");
    format!(
        "<value><struct><member><name>id</name><value><int>{id}</int></value></member>\
         <member><name>name</name><value><string>{tag}</string></value></member>\
         <member><name>perm</name><value><nil/></value></member>\
         <member><name>perm_id</name><value><nil/></value></member>\
         <member><name>arches</name><value><string>x86_64 aarch64</string></value></member>{}{}{}</struct></value>",
        bool_of("locked"),
        bool_of("maven_support"),
        bool_of("maven_include_all")
    )
}

fn fault(code: u32, text: &str) -> Response {
    answer(&format!(
        "<fault><value><struct><member><name>faultCode</name><value><int>{code}</int></value></member>\
         <member><name>faultString</name><value><string>{text}</string></value></member></struct></value></fault>"
    ))
}

fn answer(inner: &str) -> Response {
    let text = format!("<?xml version='1.0'?>\n<methodResponse>{inner}</methodResponse>\n");
    ([(header::CONTENT_TYPE, "text/xml")], text).into_response()
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    Some(text.split_once(from)?.1.split_once(to)?.0.trim())
}

/// The value of a member, typed or plain.
fn member<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let after = text.split("<member>").find(|member| between(member, "<name>", "</name>") == Some(name))?;
    let value = between(after, "<value>", "</value>")?;
    Some(match value.strip_prefix('<') {
        Some(typed) => typed.split_once('>')?.1.split_once('<')?.0.trim(),
        None => value,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use crate::sim::act::Act;
    use crate::sim::facts::koji::STOP_SHIP;

    use crate::sim::people;
    use crate::sim::services::visitor::Visitor;

    async fn tags(visitor: &Visitor, build: &str) -> String {
        let call = format!(
            "<?xml version='1.0'?><methodCall><methodName>listTags</methodName><params><param><value><struct>\
             <member><name>build</name><value><string>{build}</string></value></member>\
             <member><name>__starstar</name><value><boolean>1</boolean></value></member>\
             </struct></value></param></params></methodCall>"
        );
        let answer = visitor.ask(Method::POST, "/koji", &[("content-type", "text/xml")], call.into_bytes()).await;
        assert_eq!(answer.status.as_u16(), 200, "faults come with 200 too");
        answer.text
    }

    #[tokio::test]
    async fn the_kernel_of_the_rhcos_build_that_the_advisory_names_has_tags() {
        let visitor = Visitor::of("stop-ship-kernel");
        let build = {
            let facts = visitor.world.facts();
            let mut builds = facts.errata.advisories.values().flat_map(|advisory| advisory.builds.keys());
            builds.find(|build| build.starts_with("rhcos-x86")).expect("an RHCOS build").clone()
        };
        let (rest, release) = build.rsplit_once('-').expect("a release");
        let (name, version) = rest.rsplit_once('-').expect("a version");
        let metadata = visitor.get(&format!("/brew_download/{name}/{version}/{release}/metadata.json")).await.json();
        let kernel = &metadata["output"][1]["components"][2];
        let nvr = format!(
            "kernel-{}-{}",
            kernel["version"].as_str().expect("text"),
            kernel["release"].as_str().expect("text")
        );
        let listed = tags(&visitor, &nvr).await;
        assert!(listed.contains(STOP_SHIP) && listed.contains("early-kernel-candidate"), "{listed}");
        assert!(tags(&visitor, "kernel-1-1").await.contains("<int>1000</int>"));
        people::act(Act::ReleaseKernel, &mut visitor.world.facts()).expect("a action");
        assert!(!tags(&visitor, &nvr).await.contains(STOP_SHIP));
    }

    #[tokio::test]
    async fn a_build_that_nobody_made_has_no_metadata() {
        let visitor = Visitor::smooth();
        assert_eq!(visitor.get("/brew_download/rhcos-x86_64/1/1/metadata.json").await.status.as_u16(), 404);
    }
}
