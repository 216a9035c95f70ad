//! Brew hub: tags of a build, by XML-RPC.
//!
//! The hub answers a refusal with HTTP 200 and a `fault`. Read only, anonymous.

use std::collections::BTreeSet;

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::{BytesRef, Event};

use super::error::{ClientError, Fault};
use super::http::ServiceHttp;
use super::http::answer::Answer;
use super::retry::Repeat;
use crate::domain::kernel::Nvr;

/// The hub's code for "no such build" and other unusable parameters.
const GENERIC_ERROR: i64 = 1000;

/// Elements inside elements beyond this are refused, so that a hostile answer cannot exhaust the stack.
const DEPTH_LIMIT: usize = 64;

/// Brew hub.
#[derive(Debug, Clone)]
pub struct Koji {
    http: ServiceHttp,
}

impl Koji {
    /// A client over `http`.
    pub const fn new(http: ServiceHttp) -> Self {
        Self { http }
    }

    /// Names of the tags of `build`; nothing when the hub does not know the build. `listTags`, reads.
    ///
    /// # Errors
    ///
    /// As every call; another fault of the hub, or something that is no XML-RPC answer.
    pub async fn tags(&self, build: &Nvr) -> Result<Option<BTreeSet<String>>, ClientError> {
        const OP: &str = "list the tags of a build";
        let call = self.http.post(OP, Repeat::Reads, "").header("content-type", "text/xml");
        call.text(list_tags(&build.to_string())).read(|answer| tags_in(&answer)).await
    }
}

/// The tags in an answer; nothing for a build that the hub does not know.
fn tags_in(answer: &Answer) -> Result<Option<BTreeSet<String>>, ClientError> {
    let unreadable = |why: &str| ClientError::unreadable(answer.service, answer.op, why);
    match parse(answer.plain_text()?).map_err(|why| unreadable(&why))? {
        RpcAnswer::Value(RpcValue::Array(tags)) => {
            let name = |tag: &RpcValue| tag.member("name").and_then(RpcValue::text).map(str::to_owned);
            let names: Option<BTreeSet<_>> = tags.iter().map(name).collect();
            names.map(Some).ok_or_else(|| unreadable("a tag without name"))
        }
        RpcAnswer::Value(_) => Err(unreadable("not a list of tags")),
        RpcAnswer::Fault { code, text } if code == GENERIC_ERROR && text.contains("No such build") => Ok(None),
        RpcAnswer::Fault { code, text } => {
            Err(answer.error(Fault::Refused(answer.masker.mask(&format!("fault {code}: {text}")))))
        }
    }
}

/// The hub takes keyword arguments as a last parameter that says so.
fn list_tags(build: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>listTags</methodName><params><param><value><struct>\
         <member><name>build</name><value><string>{}</string></value></member>\
         <member><name>__starstar</name><value><boolean>1</boolean></value></member>\
         </struct></value></param></params></methodCall>",
        escape(build)
    )
}

/// What the hub said.
#[derive(Debug, PartialEq, Eq)]
enum RpcAnswer {
    Value(RpcValue),
    Fault { code: i64, text: String },
}

/// A value as far as we look at it; numbers and the rest stay text.
#[derive(Debug, PartialEq, Eq)]
enum RpcValue {
    Text(String),
    Array(Vec<Self>),
    Struct(Vec<(String, Self)>),
}

impl RpcValue {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Array(_) | Self::Struct(_) => None,
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            Self::Text(_) | Self::Array(_) => None,
        }
    }

    /// Reads a `value` element; one without type is a text.
    fn of(element: &Element) -> Result<Self, String> {
        let Some(typed) = element.children.first() else { return Ok(Self::Text(element.text.clone())) };
        match typed.name.as_str() {
            "array" => {
                let values = typed.child("data")?.children.iter().map(Self::of);
                values.collect::<Result<_, _>>().map(Self::Array)
            }
            "struct" => {
                let member =
                    |one: &Element| Ok::<_, String>((one.child("name")?.text.clone(), Self::of(one.child("value")?)?));
                typed.children.iter().map(member).collect::<Result<_, _>>().map(Self::Struct)
            }
            _ => Ok(Self::Text(typed.text.clone())),
        }
    }
}

/// Reads a whole `methodResponse`.
fn parse(text: &str) -> Result<RpcAnswer, String> {
    let root = Element::read(text)?;
    if root.name != "methodResponse" {
        return Err(format!("<{}> instead of an answer", root.name.chars().take(40).collect::<String>()));
    }
    if let Ok(fault) = root.child("fault") {
        let value = RpcValue::of(fault.child("value")?)?;
        let text = |name: &str| value.member(name).and_then(RpcValue::text).unwrap_or_default().trim();
        let code = text("faultCode").parse().map_err(|_| "a fault without code".to_owned())?;
        return Ok(RpcAnswer::Fault { code, text: text("faultString").to_owned() });
    }
    RpcValue::of(root.child("params")?.child("param")?.child("value")?).map(RpcAnswer::Value)
}

/// An element with what is inside it; attributes mean nothing in XML-RPC.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Self>,
}

impl Element {
    fn child(&self, name: &str) -> Result<&Self, String> {
        let found = self.children.iter().find(|child| child.name == name);
        found.ok_or_else(|| format!("<{}> without <{name}>", self.name))
    }

    /// Reads a whole document; half of one is none.
    fn read(text: &str) -> Result<Self, String> {
        let damaged = |cause: quick_xml::Error| format!("damaged XML ({cause})");
        let mut reader = Reader::from_str(text);
        // An element is closed by its end only: `<a/>` is reported like `<a></a>`.
        reader.config_mut().expand_empty_elements = true;
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            let event = reader.read_event().map_err(damaged)?;
            let Some(inner) = open.last_mut() else { return Err("damaged XML (too many ends)".to_owned()) };
            match event {
                Event::Start(tag) | Event::Empty(tag) => {
                    if open.len() > DEPTH_LIMIT {
                        return Err("values nested too deeply".to_owned());
                    }
                    open.push(Self { name: tag.name().as_ref().to_owned(), ..Self::default() });
                }
                Event::End(_) => {
                    let Some(ended) = open.pop() else { break };
                    let Some(outer) = open.last_mut() else { break };
                    outer.children.push(ended);
                }
                Event::Text(piece) => inner.text.push_str(&piece),
                Event::CData(piece) => inner.text.push_str(&piece),
                Event::GeneralRef(reference) => inner.text.push_str(&resolved(&reference)?),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                // Entities could be declared there; the hub never sends one.
                Event::DocType(_) => return Err("an answer with a document type".to_owned()),
                Event::Eof => break,
            }
        }
        match (open.len(), open.pop().map(|document| document.children)) {
            (1, Some(mut roots)) if roots.len() == 1 => roots.pop().ok_or_else(String::new),
            (1, Some(roots)) if roots.is_empty() => Err("no XML".to_owned()),
            _ => Err("an answer that is cut off".to_owned()),
        }
    }
}

/// `&lt;` and `&#10;`; the five named entities are all that XML has by itself.
fn resolved(reference: &BytesRef<'_>) -> Result<String, String> {
    let unknown = || "an entity that nobody declared".to_owned();
    if let Some(letter) = reference.resolve_char_ref().map_err(|_| unknown())? {
        return Ok(letter.to_string());
    }
    resolve_predefined_entity(reference).map(str::to_owned).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::post;

    use super::*;
    use crate::core::clients::loopback::talk_to;
    use crate::domain::service::Service;

    async fn asked(answer: &str) -> Result<Option<Vec<String>>, ClientError> {
        let answer = answer.to_owned();
        let router = Router::new().route("/", post(move || async move { answer }));
        let kernel = Nvr::parse("kernel-5.14.0-570.1.el9_6").unwrap();
        let tags = talk_to(router, Service::Koji, async |http| Koji::new(http).tags(&kernel).await).await?;
        Ok(tags.map(|tags| tags.into_iter().collect()))
    }

    fn answer(value: &str) -> String {
        format!(
            "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n</params>\n</methodResponse>\n"
        )
    }

    fn tag(name: &str) -> String {
        format!(
            "<value><struct>\n<member>\n<name>id</name><value><int>7</int></value></member>\n<member><name>arches</name>\
             <value><nil/></value></member><member><name>name</name>\n<value><string>{name}</string></value></member></struct></value>"
        )
    }

    fn fault(code: i64, text: &str) -> String {
        format!(
            "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>{code}</int></value></member>\
             <member><name>faultString</name><value><string>{text}</string></value></member></struct></value></fault></methodResponse>"
        )
    }

    #[tokio::test]
    async fn the_question_names_the_build_and_needs_no_session() {
        let seen = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&seen);
        let hub = move |headers: HeaderMap, body: String| async move {
            assert_eq!(headers["content-type"], "text/xml");
            *kept.lock().unwrap() = body;
            answer("<array><data></data></array>")
        };
        let kernel = Nvr::parse("kernel-5.14.0-570.1.el9_6").unwrap();
        let router = Router::new().route("/", post(hub));
        talk_to(router, Service::Koji, async |http| Koji::new(http).tags(&kernel).await).await.unwrap();
        let body = seen.lock().unwrap().clone();
        assert!(body.contains("<methodName>listTags</methodName>"), "{body}");
        assert!(body.contains("<member><name>build</name><value><string>kernel-5.14.0-570.1.el9_6</string>"), "{body}");
        assert!(body.contains("<member><name>__starstar</name><value><boolean>1</boolean>"), "{body}");
    }

    #[tokio::test]
    async fn tags_are_reported_by_name() {
        let data = format!("<array><data>\n{}\n{}</data></array>", tag("rhel-9.2.0-z"), tag("a&amp;b&#45;c"));
        assert_eq!(asked(&answer(&data)).await.unwrap(), Some(vec!["a&b-c".to_owned(), "rhel-9.2.0-z".to_owned()]));
        assert_eq!(asked(&answer("<array><data/></array>")).await.unwrap(), Some(Vec::new()));
    }

    #[tokio::test]
    async fn an_unknown_build_has_no_tags_at_all() {
        assert_eq!(asked(&fault(1000, "No such build: &apos;kernel-1-2&apos;")).await.unwrap(), None);
        let other = asked(&fault(1000, "invalid type for parameter")).await.unwrap_err();
        assert!(matches!(other.fault, Fault::Refused(_)), "{other}");
        assert!(asked(&fault(1, "<b/>")).await.is_err());
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = answer(&format!("<array><data>{}</data></array>", tag("early-kernel-stop-ship")));
        let end = whole.find("</methodResponse>").unwrap();
        for cut in 0..=end {
            assert!(parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn hostile_answers_are_errors() {
        let deep = format!("{}{}", "<value><array><data>".repeat(10_000), "</data></array></value>".repeat(10_000));
        let entity = "<!DOCTYPE a [<!ENTITY x \"y\">]><methodResponse>&x;</methodResponse>";
        let nameless = answer("<array><data><value><struct></struct></value></data></array>");
        for bad in ["<html>login</html>", "{}", "", entity, &answer(&deep), &nameless, &answer("<string>x</string>")] {
            assert!(asked(bad).await.is_err(), "{}", bad.get(..bad.len().min(80)).unwrap_or_default());
        }
    }
}
