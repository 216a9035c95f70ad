//! What a service said, in its own words: out of its JSON, its page or its text; on one line, masked, bounded.
//!
//! It is shown to people in quotes and never read to decide anything.

use http::HeaderMap;
use serde_json::Value;

use crate::core::clients::error::shown;
use crate::domain::mask::Masker;

/// How much of an answer is looked at.
const LOOKED_AT_BYTES: usize = 1 << 16;

/// How much of an answer that is no JSON is looked at; less of it is shown.
const EXCERPT_BYTES: usize = 4_000;

/// Where services put words for people, in the order in which they are shown.
const KEYS: [&str; 11] = [
    "message",
    "error",
    "error_description",
    "errorMessages",
    "errors",
    "title",
    "detail",
    "reason",
    "description",
    "needed",
    "scope",
];

/// Headers in which a service names the page that helps: GitHub to authorise a token for an organisation, Jira to
/// prove that one is no machine.
const LINK_HEADERS: [&str; 2] = ["x-github-sso", "x-authentication-denied-reason"];

/// Longest link that is shown.
const LINK_BYTES: usize = 600;

/// What a body says; nothing for an empty one.
pub(super) fn excerpt(body: &[u8], masker: &Masker) -> Option<String> {
    let text = own_text(body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body.get(..body.len().min(EXCERPT_BYTES)).unwrap_or_default());
        if text.trim_start().starts_with('<') { without_tags(&text) } else { text.into_owned() }
    });
    let line = shown(&masker.hide(&text));
    (!line.is_empty()).then_some(line)
}

/// The words in a JSON answer, when it is one and has any.
pub(super) fn own_text(body: &[u8]) -> Option<String> {
    if body.len() > LOOKED_AT_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut spoken = Vec::new();
    collect(&value, &mut spoken);
    (!spoken.is_empty()).then(|| spoken.join("; "))
}

fn collect(value: &Value, spoken: &mut Vec<String>) {
    let mut say = |text: String| {
        if !text.trim().is_empty() && !spoken.contains(&text) {
            spoken.push(text);
        }
    };
    match value {
        Value::String(text) => say(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, spoken)),
        Value::Object(fields) if !is_by_field(fields) && KEYS.iter().any(|key| fields.contains_key(*key)) => {
            KEYS.iter().filter_map(|key| fields.get(*key)).for_each(|inner| collect(inner, spoken));
        }
        // Complaints by field, as `{"assignee": ["is unknown"]}`; `base` is no field.
        Value::Object(fields) => {
            for (field, inner) in fields {
                let mut inside = Vec::new();
                collect(inner, &mut inside);
                for text in inside {
                    let text = if field == "base" { text } else { format!("{field} {text}") };
                    if !spoken.contains(&text) {
                        spoken.push(text);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Does an object hold lists of complaints by field? A field may have the name of one of our keys.
fn is_by_field(fields: &serde_json::Map<String, Value>) -> bool {
    fields.len() > 1 && fields.values().all(Value::is_array)
}

/// The text of a page: no tags, no scripts.
fn without_tags(page: &str) -> String {
    let (mut text, mut rest) = (String::new(), page);
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        text.push(' ');
        let silent = ["script", "style"]
            .into_iter()
            .find(|name| tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        let tag = match silent {
            Some(name) => tag.to_ascii_lowercase().find(&format!("</{name}")).map_or("", |end| &tag[end..]),
            None => tag,
        };
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "'"), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text, |text, (entity, plain)| text.replace(entity, plain))
}

/// The path of a request as people read it.
pub(super) fn object(path: &str, masker: &Masker) -> String {
    shown(&masker.hide(&percent_encoding::percent_decode_str(path).decode_utf8_lossy()))
}

/// The page that the headers of a refusal name, or to which it leads.
pub(super) fn link(headers: &HeaderMap, masker: &Masker) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let named = LINK_HEADERS.into_iter().filter_map(text).flat_map(|value| value.split(';'));
    let named = named.filter_map(|part| part.split_once('=')).map(|(_, url)| url.trim());
    let mut links = named.chain(text("location").map(str::trim));
    let link = links.find(|url| url.starts_with("https://") || url.starts_with("http://"))?;
    let whole = link.len() <= LINK_BYTES && !link.contains(|c: char| c.is_whitespace() || c.is_control());
    whole.then(|| masker.mask(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_service_says_is_found_in_the_form_in_which_it_says_it() {
        for (body, said) in [
            (r#"{"message":"404 Project Not Found"}"#, "404 Project Not Found"),
            (r#"{"message":{"base":["is locked"],"title":["is too long"]}}"#, "is locked; title is too long"),
            (
                r#"{"error":"insufficient_scope","error_description":"needs more","scope":"api"}"#,
                "insufficient_scope; needs more; api",
            ),
            (
                r#"{"errorMessages":["No such issue"],"errors":{"assignee":"is unknown"}}"#,
                "No such issue; assignee is unknown",
            ),
            (r#"{"errors":{"base":["Docs are not approved"]}}"#, "Docs are not approved"),
            (r#"{"error":["a","b","a"]}"#, "a; b"),
            (r#"{"ok":false,"error":"missing_scope","needed":"chat:write"}"#, "missing_scope; chat:write"),
            (r#"{"errors":[{"code":"DENIED","message":"access denied"}]}"#, "access denied"),
            (r#"{"code":3,"message":"job_name is empty","details":[]}"#, "job_name is empty"),
            (r#"{"status":400,"title":"Bad Request","detail":"filter"}"#, "Bad Request; filter"),
            ("{\"a\": \"b\"\n}", "a b"),
            ("ProwJob\n not\tfound", "ProwJob not found"),
            (
                "<html><head><style>b{}</style><title>Error 403</title></head><body><p>no &amp; no</p><script>x()</script></body>",
                "Error 403 no & no",
            ),
            ("{\"message\":", "{\"message\":"),
        ] {
            assert_eq!(excerpt(body.as_bytes(), &Masker::default()).as_deref(), Some(said), "{body}");
        }
        for empty in ["", " \n", "<html></html>", "{}", "[]"] {
            let said = excerpt(empty.as_bytes(), &Masker::default());
            assert!(said.is_none_or(|said| said == empty), "{empty}");
        }
    }

    #[test]
    fn a_named_page_is_found_and_what_is_no_address_is_not() {
        let of = |name: &'static str, value: &str| {
            let headers = HeaderMap::from_iter([(http::HeaderName::from_static(name), value.parse().unwrap())]);
            link(&headers, &Masker::default())
        };
        let sso = "https://git.example.com/orgs/o/sso?authorization_request=AB-CD_1";
        assert_eq!(of("x-github-sso", &format!("required; url={sso}")).as_deref(), Some(sso));
        let login =
            of("x-authentication-denied-reason", "CAPTCHA_CHALLENGE; login-url=https://jira.example.com/login.jsp");
        assert_eq!(login.as_deref(), Some("https://jira.example.com/login.jsp"));
        assert_eq!(of("location", "https://sso.example.com/in").as_deref(), Some("https://sso.example.com/in"));
        let long = format!("https://git.example.com/{}", "x".repeat(LINK_BYTES));
        for none in ["required", "required; url=javascript:alert(1)", "partial-results; organizations=1,2", &long] {
            assert_eq!(of("x-github-sso", none), None, "{none}");
        }
        assert_eq!(of("location", "/relative"), None);
        assert_eq!(
            of("location", "https://me:secret-12@sso.example.com/").unwrap(),
            "https://[CREDENTIALS_REDACTED]@sso.example.com/"
        );
    }
}
