//! What is made to go wrong between the world and its visitors: the kinds of fault there are.
//!
//! `rules` says which request is hit, `alter` what becomes of an answer whose content is hit. What exists on sockets
//! only becomes, in memory, the nearest end of a connection.

pub(in crate::sim) mod alter;
pub mod rules;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One way a request goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum InjectedFault {
    /// The service answers this status without doing anything.
    Status {
        /// The code.
        code: u16,
        /// `Retry-After` in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    },
    /// The service answers exactly this without doing anything.
    Answer {
        /// The code.
        code: u16,
        /// Headers by name.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body as it is sent; JSON is declared as such unless a header says otherwise.
        #[serde(default)]
        body: String,
    },
    /// 429 with these headers only.
    RateLimit {
        /// Headers by name; none is what some proxies send.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// The answer is right but late; virtual time passes.
    Latency {
        /// How late at least.
        ms: u32,
        /// How much later at most, by chance.
        #[serde(default)]
        jitter_ms: u32,
    },
    /// The answer comes a few bytes at a time.
    SlowDrip {
        /// How many in a second.
        bytes_per_s: u32,
    },
    /// The connection breaks before anything was done.
    #[serde(alias = "reset_before_headers")]
    Reset,
    /// The request is carried out, half of the answer arrives, then the connection breaks.
    ResetMidBody,
    /// Nobody listens. On the shared port of all services the connection breaks instead.
    Refused,
    /// The certificate is not to be trusted; as `refused` where there is no TLS.
    TlsBadCert,
    /// The handshake never ends; silence where there is no TLS.
    TlsTimeout,
    /// The request is carried out, then a 502 comes back.
    AppliedThenError,
    /// The request is carried out, then the connection breaks without an answer.
    AppliedThenReset,
    /// No answer ever.
    Hang,
    /// The request is carried out, but no answer ever comes.
    AppliedThenHang,
    /// The same address is to be asked again; as often as the rule says, else for ever.
    Redirect,
    /// A login page with status 200.
    #[serde(alias = "wrong_content_type")]
    Html,
    /// 200 without a body; nothing was done.
    #[serde(rename = "empty_200")]
    EmptyOk,
    /// The body ends in the middle, though its length was announced; then the connection breaks.
    #[serde(alias = "truncated_body")]
    Truncated,
    /// The body ends between two chunks.
    ChunkAbort,
    /// The body is cut JSON with a right length; by chance only JSON is hit, another body is truncated.
    MalformedJson,
    /// The answer to a look-up shows what was true before. Writes are not hit.
    StaleRead {
        /// How old it is at least; with both at nought, what was true before the last change.
        #[serde(default)]
        age_s: u32,
        /// How much older at most, by chance.
        #[serde(default)]
        jitter_s: u32,
    },
    /// A state in the answer is one that nobody has seen before.
    UnknownEnum {
        /// Which field, as `a.0.b` or `a.*.b`; else one of those that are states.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// Every object of the answer has fields that nobody knows.
    ExtraFields,
    /// A field of the answer is not there.
    MissingField {
        /// Which, as `a.0.b` or `a.*.b`; else one of those that are always there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
    /// A field of the answer is null.
    NullField {
        /// Which, as `a.0.b` or `a.*.b`; else one of those that are always there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
    },
}

/// How old the answers of a service get by chance.
pub const OLDEST_S: u32 = 300;

impl InjectedFault {
    /// The service answers this status, with a page of its proxy.
    pub const fn status(code: u16) -> Self {
        Self::Status { code, retry_after_s: None }
    }

    /// The service answers exactly this.
    pub fn answer(code: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { code, headers, body: body.to_owned() }
    }

    /// Look-ups are answered with what was true a while ago: `age_s` at least and `age_s + jitter_s` at most.
    pub const fn stale(age_s: u32, jitter_s: u32) -> Self {
        Self::StaleRead { age_s, jitter_s }
    }

    /// One of each kind.
    pub fn each_kind() -> Vec<Self> {
        vec![
            Self::status(503),
            Self::answer(403, &[], "{}"),
            Self::RateLimit { headers: BTreeMap::new() },
            Self::Latency { ms: 4_000, jitter_ms: 0 },
            Self::SlowDrip { bytes_per_s: 2_000_000 },
            Self::Reset,
            Self::ResetMidBody,
            Self::Refused,
            Self::TlsBadCert,
            Self::TlsTimeout,
            Self::AppliedThenError,
            Self::AppliedThenReset,
            Self::Hang,
            Self::AppliedThenHang,
            Self::Redirect,
            Self::Html,
            Self::EmptyOk,
            Self::Truncated,
            Self::ChunkAbort,
            Self::MalformedJson,
            Self::stale(0, 0),
            Self::UnknownEnum { path: None },
            Self::ExtraFields,
            Self::MissingField { path: None },
            Self::NullField { path: None },
        ]
    }

    /// The name that the journal shows.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Answer { .. } => "answer",
            Self::RateLimit { .. } => "rate_limit",
            Self::Latency { .. } => "latency",
            Self::SlowDrip { .. } => "slow_drip",
            Self::Reset => "reset",
            Self::ResetMidBody => "reset_mid_body",
            Self::Refused => "refused",
            Self::TlsBadCert => "tls_bad_cert",
            Self::TlsTimeout => "tls_timeout",
            Self::AppliedThenError => "applied_then_error",
            Self::AppliedThenReset => "applied_then_reset",
            Self::Hang => "hang",
            Self::AppliedThenHang => "applied_then_hang",
            Self::Redirect => "redirect",
            Self::Html => "html",
            Self::EmptyOk => "empty_200",
            Self::Truncated => "truncated",
            Self::ChunkAbort => "chunk_abort",
            Self::MalformedJson => "malformed_json",
            Self::StaleRead { .. } => "stale_read",
            Self::UnknownEnum { .. } => "unknown_enum",
            Self::ExtraFields => "extra_fields",
            Self::MissingField { .. } => "missing_field",
            Self::NullField { .. } => "null_field",
        }
    }

    /// What happens, in one line for people.
    pub const fn meaning(&self) -> &'static str {
        match self {
            Self::Status { .. } => "a status (`code`, `retry_after_s`) with the page of a proxy; nothing is done",
            Self::Answer { .. } => "exactly this answer (`code`, `headers`, `body`); nothing is done",
            Self::RateLimit { .. } => "429 with these `headers` only; nothing is done",
            Self::Latency { .. } => "the answer is late by `ms`, and up to `jitter_ms` more; virtual time passes",
            Self::SlowDrip { .. } => "the answer comes `bytes_per_s` at a time",
            Self::Reset => "the connection breaks before anything is done",
            Self::ResetMidBody => "carried out; the connection is reset in the middle of the answer",
            Self::Refused => "nobody listens",
            Self::TlsBadCert => "the certificate is not to be trusted",
            Self::TlsTimeout => "the handshake never ends",
            Self::AppliedThenError => "carried out, then 502",
            Self::AppliedThenReset => "carried out, then the connection breaks",
            Self::Hang => "no answer ever; nothing is done",
            Self::AppliedThenHang => "carried out, but no answer ever",
            Self::Redirect => "302 to the same address",
            Self::Html => "200 with a login page; nothing is done",
            Self::EmptyOk => "200 without a body; nothing is done",
            Self::Truncated => "carried out; the body is shorter than announced",
            Self::ChunkAbort => "carried out; the body ends between two chunks",
            Self::MalformedJson => "carried out; the body is cut JSON of the right length",
            Self::StaleRead { .. } => {
                "a look-up shows what was true `age_s` ago, or up to `jitter_s` more; without both, before the last change"
            }
            Self::UnknownEnum { .. } => "a state (at `path`, such as `items.*.status.state`) is one that nobody knows",
            Self::ExtraFields => "every object has fields that nobody knows",
            Self::MissingField { .. } => "a field (at `path`) is not there",
            Self::NullField { .. } => "a field (at `path`) is null",
        }
    }

    /// Was a request that met this carried out all the same?
    pub const fn is_carried_out(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Answer { .. }
            | Self::RateLimit { .. }
            | Self::Reset
            | Self::Refused
            | Self::TlsBadCert
            | Self::TlsTimeout
            | Self::Hang
            | Self::Redirect
            | Self::Html
            | Self::EmptyOk => false,
            Self::Latency { .. }
            | Self::SlowDrip { .. }
            | Self::ResetMidBody
            | Self::AppliedThenError
            | Self::AppliedThenReset
            | Self::AppliedThenHang
            | Self::Truncated
            | Self::ChunkAbort
            | Self::MalformedJson
            | Self::StaleRead { .. }
            | Self::UnknownEnum { .. }
            | Self::ExtraFields
            | Self::MissingField { .. }
            | Self::NullField { .. } => true,
        }
    }

    /// Does it change what a JSON answer says?
    pub(in crate::sim) const fn changes_content(&self) -> bool {
        matches!(
            self,
            Self::UnknownEnum { .. } | Self::ExtraFields | Self::MissingField { .. } | Self::NullField { .. }
        )
    }

    /// The fault that a random number stands for. A status by chance is that of an outage: what a service refuses for
    /// a reason is said by rules.
    pub(in crate::sim) fn drawn(number: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(number);
        let mut kinds = Self::each_kind();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are played as they are")]
        match kinds.swap_remove(dice.usize(..kinds.len())) {
            Self::Status { .. } => Self::status([500, 502, 503, 504, 408][dice.usize(..5)]),
            Self::Answer { .. } => Self::Status { code: 429, retry_after_s: Some(2) },
            Self::Latency { .. } => Self::Latency { ms: 500, jitter_ms: 9_500 },
            // A redirect is what somebody set up, and a state that nobody knows needs a person: no outages.
            Self::Redirect => Self::Reset,
            Self::UnknownEnum { .. } => Self::ExtraFields,
            Self::SlowDrip { .. } => Self::SlowDrip { bytes_per_s: 500 },
            Self::StaleRead { .. } => Self::stale(0, OLDEST_S),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_is_named_once_and_said_to_the_simulator_by_that_name() {
        let kinds = InjectedFault::each_kind();
        let names: BTreeSet<&str> = kinds.iter().map(InjectedFault::name).collect();
        assert_eq!(names.len(), kinds.len());
        // Whoever reads a fault knows all kinds, and says so when he meets another.
        let unknown = serde_json::from_str::<InjectedFault>(r#"{"kind": "elephant"}"#).expect_err("no kind");
        let expected = unknown.to_string();
        for accepted in expected.split('`').skip(3).step_by(2) {
            // Another name for a kind, or a kind that takes more than its name.
            let read = serde_json::from_value::<InjectedFault>(serde_json::json!({ "kind": accepted }));
            let kind = read.map_or(accepted, |fault| fault.name());
            assert!(names.contains(kind), "{accepted} is not among {names:?}");
        }
        for kind in kinds {
            let said = serde_json::to_value(&kind).expect("JSON");
            assert_eq!(said["kind"], kind.name());
            assert_eq!(serde_json::from_value::<InjectedFault>(said).expect("a fault"), kind);
        }
    }

    #[test]
    fn chance_draws_every_kind_but_what_somebody_decides() {
        let drawn: BTreeSet<&str> = (0..2_000).map(|number| InjectedFault::drawn(number).name()).collect();
        let kinds: BTreeSet<&str> = InjectedFault::each_kind().iter().map(InjectedFault::name).collect();
        assert_eq!(kinds.difference(&drawn).copied().collect::<Vec<_>>(), ["answer", "redirect", "unknown_enum"]);
    }
}
