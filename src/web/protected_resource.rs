//! Where clients learn which OAuth server lets them in (RFC 9728).

use axum::Json;
use axum::http::{StatusCode, Uri};
use axum::routing::{any, get};
use serde_json::{Value, json};

use super::routes::{Access, Routes};
use crate::core::access::oauth::Resource;
use crate::core::access::principal::Scope;

/// Where it is shown; the path of the resource may follow.
pub const PATH: &str = "/.well-known/oauth-protected-resource";

/// The routes for `resource`; when there is no OAuth server, whoever looks for one hears so without a credential.
pub fn routes(resource: Option<&Resource>) -> Routes {
    let shown = resource.map(shown);
    let own = move || async move { shown.map(Json).ok_or(StatusCode::NOT_FOUND) };
    let nothing = async || StatusCode::NOT_FOUND;
    Routes::default()
        .route(PATH, Access::Public, get(own.clone()))
        .route(format!("{PATH}/mcp"), Access::Public, get(own))
        .route(format!("{PATH}/{{*other}}"), Access::Public, any(nothing))
}

/// The address at which the resource of `audience` describes itself.
pub fn address(audience: &str) -> String {
    let parts = audience.parse::<Uri>().map(Uri::into_parts).unwrap_or_default();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return format!("{audience}{PATH}") };
    let path = parts.path_and_query.as_ref().map_or("", |path| path.as_str());
    format!("{scheme}://{authority}{PATH}{}", path.trim_end_matches('/'))
}

fn shown(resource: &Resource) -> Value {
    json!({
        "resource": resource.audience(),
        "resource_name": "oar, OpenShift release tests",
        "authorization_servers": [resource.issuer()],
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "bearer_methods_supported": ["header"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_resource_follows_the_well_known_one() {
        let at = |audience| address(audience);
        assert_eq!(at("https://oar.example.com/mcp"), format!("https://oar.example.com{PATH}/mcp"));
        assert_eq!(at("https://oar.example.com:8443/"), format!("https://oar.example.com:8443{PATH}"));
        assert_eq!(at("https://oar.example.com"), format!("https://oar.example.com{PATH}"));
        assert_eq!(at("https://oar.example.com/mcp?x=1"), format!("https://oar.example.com{PATH}/mcp?x=1"));
    }
}
