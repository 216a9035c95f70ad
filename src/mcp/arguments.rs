//! Parameters of tools: one table from which both the published schema and the reading of arguments follow,
//! so that they cannot disagree.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::pasted;
use crate::domain::release::{Minor, ZStream};

/// One parameter of a tool.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParamKind,
    /// Must it be given?
    pub required: bool,
    /// One sentence for the caller.
    pub about: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub enum ParamKind {
    /// A z-stream release, or a pasted address that names one.
    Release,
    /// A minor (`4.20`).
    Minor,
    /// The number of a Jenkins build, or its pasted address.
    BuildNumber,
    /// The id of a Prow job, or its pasted address.
    JobId,
    /// A mail address.
    Mail,
    /// `YYYY-MM-DD`.
    Date,
    /// Text of at most so many characters.
    Text(usize),
    /// Several names, separated by commas.
    Names(usize),
    /// One of these.
    Choice(&'static [&'static str]),
    /// One of these, with what counts when it is not given.
    ChoiceOr(&'static [&'static str], &'static str),
    /// Yes or no, with what counts when it is not given.
    Flag(bool),
    /// A whole number within bounds, with what counts when it is not given.
    Count {
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
        /// When not given.
        usual: u64,
    },
}

/// A parameter that must be given.
pub const fn required(name: &'static str, kind: ParamKind, about: &'static str) -> Param {
    Param { name, kind, required: true, about }
}

/// A parameter that may be left out.
pub const fn optional(name: &'static str, kind: ParamKind, about: &'static str) -> Param {
    Param { name, kind, required: false, about }
}

/// The parameter most tools take.
pub const RELEASE: Param = required("release", ParamKind::Release, "Release X.Y.Z, e.g. 4.20.17");

/// Names that callers of earlier servers use, and what this one calls the same; only where it has no such name.
const ALIASES: [(&str, &str); 7] = [
    ("job_id", "build_number"),
    ("build_number", "job_id"),
    ("prow_job_id", "job_id"),
    ("task", "task_name"),
    ("owner", "email"),
    ("minor", "release"),
    ("y_stream", "release"),
];

/// What a caller gave that cannot be used; says which parameter and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArgument {
    /// A name the tool does not know.
    #[error("unknown parameter {name:?}; this tool takes {known}")]
    Unknown {
        /// The name.
        name: String,
        /// What there is.
        known: String,
    },
    /// A parameter that must be given.
    #[error("parameter {name:?} is missing: {about}")]
    Missing {
        /// The name.
        name: &'static str,
        /// What it takes.
        about: &'static str,
    },
    /// A value that is none.
    #[error("parameter {name:?} {why}")]
    Value {
        /// The name.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// The JSON Schema of `params`.
pub fn schema(params: &[Param]) -> Map<String, Value> {
    let properties: Map<String, Value> = params.iter().map(|param| (param.name.to_owned(), property(param))).collect();
    let required: Vec<_> = params.iter().filter(|param| param.required).map(|param| param.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn property(param: &Param) -> Value {
    let mut property = match param.kind {
        ParamKind::Release => {
            json!({ "type": "string", "pattern": r"^(\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?|https?://\S+)$" })
        }
        ParamKind::Minor => json!({ "type": "string", "pattern": r"^\d+\.\d+$" }),
        ParamKind::BuildNumber => json!({ "type": "string", "pattern": r"^(\d*|https?://\S+)$" }),
        ParamKind::JobId => json!({ "type": "string", "pattern": r"^([0-9a-f-]*|https?://\S+)$" }),
        ParamKind::Mail => json!({ "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]{2,}$" }),
        ParamKind::Date => json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$" }),
        ParamKind::Text(most) | ParamKind::Names(most) => json!({ "type": "string", "maxLength": most }),
        ParamKind::Choice(choices) => json!({ "type": "string", "enum": choices }),
        ParamKind::ChoiceOr(choices, usual) => json!({ "type": "string", "enum": choices, "default": usual }),
        ParamKind::Flag(usual) => json!({ "type": "boolean", "default": usual }),
        ParamKind::Count { least, most, usual } => {
            json!({ "type": "integer", "minimum": least, "maximum": most, "default": usual })
        }
    };
    if let Some(fields) = property.as_object_mut() {
        fields.insert("description".to_owned(), json!(param.about));
    }
    property
}

/// The arguments of one call, checked.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    given: BTreeMap<&'static str, Given>,
    releases: BTreeMap<&'static str, ZStream>,
}

#[derive(Debug, Clone)]
enum Given {
    Text(String),
    Flag(bool),
    Count(u64),
}

impl Arguments {
    /// Reads `given` against `params`; addresses count only below one of `hosts`.
    ///
    /// Null and blank texts count as not given.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit.
    pub fn read(params: &[Param], given: &Map<String, Value>, hosts: &[String]) -> Result<Self, BadArgument> {
        let takes = |name: &str| params.iter().any(|param| param.name == name);
        let mut renamed = Map::new();
        for (name, value) in given.iter().filter(|(name, _)| !takes(name)) {
            let own = ALIASES.iter().find(|(alias, own)| alias == name && takes(own)).map(|(_, own)| *own);
            let Some(own) = own else { continue };
            if given.get(own).is_some_and(|value| !is_blank(value)) || renamed.contains_key(own) {
                return Err(BadArgument::Unknown { name: name.clone(), known: format!("{own}, which means the same") });
            }
            renamed.insert(own.to_owned(), value.clone());
        }
        let known = |name: &str| takes(name) || ALIASES.iter().any(|(alias, own)| *alias == name && takes(own));
        if let Some(name) = given.keys().find(|name| !known(name)) {
            let known = params.iter().map(|param| param.name).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            return Err(BadArgument::Unknown { name: name.chars().take(100).collect(), known });
        }
        let mut read = Self::default();
        for param in params {
            let value = given.get(param.name).filter(|value| !is_blank(value));
            let value = value.or_else(|| renamed.get(param.name).filter(|value| !is_blank(value)));
            let Some(value) = value else {
                if param.required {
                    return Err(BadArgument::Missing { name: param.name, about: param.about });
                }
                continue;
            };
            read.take(param, value, hosts).map_err(|why| BadArgument::Value { name: param.name, why })?;
        }
        Ok(read)
    }

    fn take(&mut self, param: &Param, value: &Value, hosts: &[String]) -> Result<(), String> {
        let text = || value.as_str().map(str::trim).ok_or_else(|| "is a text".to_owned());
        let given = match param.kind {
            ParamKind::Flag(_) => Given::Flag(flag(value).ok_or("is true or false")?),
            ParamKind::Count { least, most, .. } => {
                let count = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                let count = count.filter(|count| (least..=most).contains(count));
                Given::Count(count.ok_or_else(|| format!("is a whole number from {least} to {most}"))?)
            }
            ParamKind::Release => {
                let release = pasted::release(text()?, hosts).map_err(|why| why.to_string())?;
                self.releases.insert(param.name, release.clone());
                Given::Text(release.to_string())
            }
            ParamKind::Minor => Given::Text(text()?.parse::<Minor>().map_err(|why| why.to_string())?.to_string()),
            // Old callers give a number where the schema asks for a text.
            ParamKind::BuildNumber => {
                let number = value.as_u64().map(|number| number.to_string());
                let given = number.as_deref().map_or_else(text, Ok)?;
                Given::Text(pasted::build_number(given, hosts).map_err(|why| why.to_string())?.to_string())
            }
            ParamKind::JobId => {
                Given::Text(pasted::prow_job(text()?, hosts).map_err(|why| why.to_string())?.to_string())
            }
            ParamKind::Mail => {
                let mail = text()?;
                let whole = mail.split_once('@').is_some_and(|(local, domain)| {
                    let top = domain.rsplit_once('.').map(|(_, top)| top.len());
                    !local.is_empty() && top.is_some_and(|length| length >= 2)
                });
                let whole = whole && mail.len() <= 200 && !mail.contains(char::is_whitespace);
                Given::Text(whole.then(|| mail.to_owned()).ok_or("is a mail address")?)
            }
            ParamKind::Date => {
                let date: jiff::civil::Date = text()?.parse().map_err(|_| "is a date YYYY-MM-DD")?;
                Given::Text(date.to_string())
            }
            ParamKind::Text(most) | ParamKind::Names(most) => {
                let text = text()?;
                if text.chars().count() > most {
                    return Err(format!("has at most {most} characters"));
                }
                Given::Text(text.to_owned())
            }
            ParamKind::Choice(choices) | ParamKind::ChoiceOr(choices, _) => {
                let text = text()?;
                if !choices.contains(&text) {
                    return Err(format!("is one of {}", choices.join(", ")));
                }
                Given::Text(text.to_owned())
            }
        };
        self.given.insert(param.name, given);
        Ok(())
    }

    /// A text, when given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(Given::Text(text)) => Some(text),
            Some(Given::Flag(_) | Given::Count(_)) | None => None,
        }
    }

    /// A text parsed to `T`; nothing when not given.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// Names separated by commas.
    pub fn names(&self, name: &str) -> Vec<String> {
        let names = self.text(name).unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// A flag; `usual` when not given.
    pub fn flag(&self, name: &str, usual: bool) -> bool {
        match self.given.get(name) {
            Some(Given::Flag(flag)) => *flag,
            Some(Given::Text(_) | Given::Count(_)) | None => usual,
        }
    }

    /// A number; `usual` when not given.
    pub fn count(&self, name: &str, usual: u64) -> u64 {
        match self.given.get(name) {
            Some(Given::Count(count)) => *count,
            Some(Given::Text(_) | Given::Flag(_)) | None => usual,
        }
    }

    /// The release; every tool with that parameter has one.
    pub fn release(&self) -> Option<&ZStream> {
        self.releases.get("release")
    }

    /// What was given, in one order, for comparing two calls.
    pub fn canonical(&self) -> String {
        let fields = self.given.iter().map(|(name, given)| match given {
            Given::Text(text) => format!("{name}={text:?}"),
            Given::Flag(flag) => format!("{name}={flag}"),
            Given::Count(count) => format!("{name}={count}"),
        });
        fields.collect::<Vec<_>>().join(" ")
    }
}

/// Yes or no. Clients that know texts only spell them out; every other text is a mistake, never a yes.
fn flag(value: &Value) -> Option<bool> {
    match value.as_str().map(str::trim) {
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => None,
        None => value.as_bool(),
    }
}

fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}
