//! Whether bytes are a message of the protocol. Every transport asks before a session sees them, so that all of them
//! refuse the same for the same reasons.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Bytes of a message.
pub const MOST_BYTES: usize = 1 << 20;

/// The bytes are no JSON.
const PARSE_ERROR: i32 = -32700;
/// They are JSON, but no message.
const INVALID_REQUEST: i32 = -32600;
/// The message is one, its parameters are not what the method takes.
const INVALID_PARAMS: i32 = -32602;

/// Why bytes are no message that can be answered otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    id: Value,
    code: i32,
    why: String,
}

impl Malformed {
    /// A message that cannot be taken for this reason.
    pub fn invalid(id: Value, why: impl Into<String>) -> Self {
        Self { id, code: INVALID_REQUEST, why: why.into() }
    }

    /// Does the message have an id by which its sender finds this answer?
    pub const fn is_answer_to_request(&self) -> bool {
        self.code == INVALID_PARAMS
    }

    /// The answer, as one line.
    pub fn answer(&self) -> String {
        let Self { id, code, why } = self;
        json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": why } }).to_string()
    }
}

#[derive(Deserialize)]
struct Fields {
    jsonrpc: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    method: Option<Value>,
    params: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    result: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "given")]
    error: Option<IgnoredAny>,
}

/// What is null is given all the same.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The id of the request in `bytes`; nothing for a notification or an answer.
///
/// # Errors
///
/// The bytes are no message, or the parameters are not those of its method.
pub fn request_id(bytes: &[u8]) -> Result<Option<Value>, Malformed> {
    let nobody = |code, why: &str| Malformed { id: Value::Null, code, why: why.to_owned() };
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let fields = match serde_json::from_slice::<Fields>(bytes) {
        Ok(fields) if is_object => fields,
        Err(why) if why.is_syntax() || why.is_eof() => return Err(nobody(PARSE_ERROR, "the message is no JSON")),
        Ok(_) | Err(_) => {
            return Err(nobody(INVALID_REQUEST, "a message is one JSON object with each field once; no batches"));
        }
    };
    let id = fields.id.clone().filter(is_id).unwrap_or_default();
    let refuse = |why: &str| Err(Malformed::invalid(id.clone(), why));
    if fields.jsonrpc.as_ref().and_then(Value::as_str) != Some("2.0") {
        return refuse("a message has \"jsonrpc\": \"2.0\"");
    }
    let Some(method) = fields.method else {
        return match fields.result.is_some() || fields.error.is_some() {
            true => Ok(None),
            false => refuse("a message has a method, or it answers one with result or error"),
        };
    };
    let Some(method) = method.as_str() else { return refuse("the method is a text") };
    match &fields.id {
        None => return Ok(None),
        Some(given) if is_id(given) => {}
        Some(_) => return refuse("the id of a request is a text or a whole number"),
    }
    match misfit(method, fields.params.as_ref()) {
        Some(why) => Err(Malformed { id, code: INVALID_PARAMS, why }),
        None => Ok(Some(id)),
    }
}

fn is_id(value: &Value) -> bool {
    value.is_string() || value.is_i64() || value.is_u64()
}

/// What a parameter of the protocol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Object,
}

/// Must it be given?
const NEEDED: bool = true;

/// A parameter: its name, what it is, whether it must be given.
type Parameter = (&'static str, Shape, bool);

/// Parameters of the methods that we answer; others take what they like.
const METHODS: [(&str, &[Parameter]); 9] = [
    (
        "initialize",
        &[
            ("protocolVersion", Shape::Text, NEEDED),
            ("capabilities", Shape::Object, NEEDED),
            ("clientInfo", Shape::Object, NEEDED),
        ],
    ),
    ("tools/list", &[("cursor", Shape::Text, !NEEDED)]),
    ("tools/call", &[("name", Shape::Text, NEEDED), ("arguments", Shape::Object, !NEEDED)]),
    ("resources/list", &[("cursor", Shape::Text, !NEEDED)]),
    ("resources/templates/list", &[("cursor", Shape::Text, !NEEDED)]),
    ("resources/read", &[("uri", Shape::Text, NEEDED)]),
    ("prompts/list", &[("cursor", Shape::Text, !NEEDED)]),
    ("prompts/get", &[("name", Shape::Text, NEEDED), ("arguments", Shape::Object, !NEEDED)]),
    ("completion/complete", &[("ref", Shape::Object, NEEDED), ("argument", Shape::Object, NEEDED)]),
];

/// Is it a method that we answer?
pub fn is_known(method: &str) -> bool {
    METHODS.iter().any(|(known, _)| *known == method)
}

/// Why `params` are none of `method`.
fn misfit(method: &str, params: Option<&Value>) -> Option<String> {
    let (_, wanted) = METHODS.iter().find(|(known, _)| *known == method)?;
    let nothing = json!({});
    let params = params.filter(|params| !params.is_null()).unwrap_or(&nothing);
    let Some(fields) = params.as_object() else { return Some(format!("the params of {method} are an object")) };
    let meta = ("_meta", Shape::Object, !NEEDED);
    wanted.iter().chain([&meta]).find_map(|(name, shape, needed)| match fields.get(*name) {
        None | Some(Value::Null) => needed.then(|| format!("{method} needs {name:?} in its params")),
        Some(Value::String(_)) if *shape == Shape::Text => None,
        Some(Value::Object(_)) if *shape == Shape::Object => None,
        Some(_) => Some(match shape {
            Shape::Text => format!("{name:?} of {method} is a text"),
            Shape::Object => format!("{name:?} of {method} is an object"),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_refused_with_a_reason_and_the_id_when_it_has_one() {
        let refused = |text: &str| request_id(text.as_bytes()).map_err(|it| (it.code, it.id.to_string(), it.why));
        let cases = [
            ("", -32700, "null", "no JSON"),
            ("{", -32700, "null", "no JSON"),
            ("[]", -32600, "null", "no batches"),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, "null", "no batches"),
            (r#"["2.0",1,"ping"]"#, -32600, "null", "no batches"),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600, "null", "each field once"),
            (r#"{"id":1,"method":"ping"}"#, -32600, "1", "jsonrpc"),
            (r#"{"jsonrpc":"1.0","id":"a","method":"ping"}"#, -32600, "\"a\"", "jsonrpc"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, "null", "the id of a request"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, "null", "the id of a request"),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600, "null", "the id of a request"),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600, "1", "the method is a text"),
            (r#"{"jsonrpc":"2.0","id":1}"#, -32600, "1", "has a method"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#, -32602, "1", "needs \"name\""),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#, -32602, "1", "are an object"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":3}}"#, -32602, "1", "is a text"),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"{}"}}"#,
                -32602,
                "1",
                "\"arguments\" of tools/call is an object",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":1}}"#, -32602, "1", "_meta"),
        ];
        for (text, code, id, reason) in cases {
            let (found, of, why) = refused(text).expect_err(text);
            assert_eq!((found, of.as_str()), (code, id), "{text}");
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    #[test]
    fn requests_notifications_and_answers_pass() {
        let id = |text: &str| request_id(text.as_bytes()).expect(text).map(|id| id.to_string());
        assert_eq!(id(r#" {"jsonrpc":"2.0","id":7,"method":"ping"}"#).as_deref(), Some("7"));
        let call = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"a","arguments":null}}"#;
        assert_eq!(id(call).as_deref(), Some("\"x\""));
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":1,"method":"release/ship","params":[1]}"#).as_deref(), Some("1"));
        assert_eq!(id(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), None);
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":1,"result":null}"#), None);
        assert_eq!(id(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}"#), None);
    }
}
