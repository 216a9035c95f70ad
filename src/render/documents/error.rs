//! An error as a document.

use schemars::JsonSchema;
use serde::Serialize;

use crate::core::error::ErrorClass;

/// Every error, whatever the command; the exit code of the program is the same as `error.exit`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorDocument {
    /// Always false
    pub ok: bool,
    /// What went wrong
    pub error: ErrorPart,
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErrorPart {
    /// Kind of trouble: auth, config, conflict, corrupt, forbidden (our account lacks the right), internal, invalid-input, needs-person (something has to be mended elsewhere first), not-found, not-ready, rate-limit, refused, transient
    #[schemars(with = "String")]
    pub class: ErrorClass,
    /// What failed
    pub what: String,
    /// Why, the nearest cause first
    pub why: Vec<String>,
    /// What had already happened outside
    pub done: Vec<String>,
    /// What to do
    pub next: String,
    /// Exit code of the program
    pub exit: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_trouble_is_in_the_reference() {
        let schema = schemars::schema_for!(ErrorPart).to_value();
        let listed = schema["properties"]["class"]["description"].as_str().unwrap();
        for class in ErrorClass::ALL {
            assert!(listed.contains(class.as_str()), "{class} is missing: {listed}");
        }
    }
}
