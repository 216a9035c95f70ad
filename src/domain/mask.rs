//! Masking of mail addresses, tokens and people in every text that is stored or logged.
//!
//! State files and records are public. Too much is masked rather than too little, but the structure
//! of a text stays, so that a log still reads as one.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use regex::{Captures, Regex, RegexSet};
use serde_json::Value;

/// Masking may uncover a pattern that was hidden before; nothing known needs more than two rounds.
const MAX_ROUNDS: usize = 4;
/// Shorter values would hide ordinary words.
const MIN_SECRET_BYTES: usize = 8;

/// Replaces everything that must not become public by `[…_REDACTED]`; idempotent. Knows patterns only: a value
/// without a pattern is found by a [`Masker`] that knows it.
pub fn mask(text: &str) -> String {
    let mut masked = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let next = without_patterns(&masked);
        if next == masked {
            break;
        }
        masked = next;
    }
    masked
}

/// Masks patterns and, beside them, secrets whose values are known; cheap to clone.
#[derive(Clone, Default)]
pub struct Masker {
    secrets: Arc<[String]>,
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masker({} secrets)", self.secrets.len())
    }
}

impl Masker {
    /// Knows these secret values (those under eight bytes are ignored), also as JSON spells them.
    pub fn knowing(secrets: impl IntoIterator<Item = String>) -> Self {
        let long = secrets.into_iter().map(|secret| secret.trim().to_owned());
        let long: Vec<String> = long.filter(|secret| secret.len() >= MIN_SECRET_BYTES).collect();
        let quoted = long.iter().map(|secret| Value::from(secret.as_str()).to_string());
        let quoted: Vec<String> = quoted.map(|text| text.trim_matches('"').to_owned()).collect();
        let mut secrets: Vec<String> = long.into_iter().chain(quoted).collect();
        // A secret that contains another one has to go first.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets: secrets.into() }
    }

    /// Masks `text`: known secrets, then patterns.
    pub fn mask(&self, text: &str) -> String {
        mask(&self.hide(text))
    }

    /// Replaces known secrets, for text whose patterns are masked.
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut hidden = Cow::Borrowed(text);
        for secret in self.secrets.iter().filter(|secret| text.contains(secret.as_str())) {
            hidden = Cow::Owned(hidden.replace(secret.as_str(), "[SECRET_REDACTED]"));
        }
        hidden
    }

    /// The same in every text of a document.
    pub fn hide_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(hidden) = self.hide(text) {
                    *text = hidden;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.hide_in(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn without_patterns(text: &str) -> String {
    let mut masked = text.to_owned();
    if is_clean(&masked) {
        return masked;
    }
    let dumps_a_user = masked.contains("avatar_url");
    for (rule, pattern) in RULES.iter().zip(COMPILED.iter()) {
        if rule.only_in_user_dumps && !dumps_a_user {
            continue;
        }
        masked = pattern.replace_all(&masked, rule.replacement).into_owned();
    }
    masked = ASSIGNED.replace_all(&masked, assigned).into_owned();
    masked = URL_CREDENTIALS.replace_all(&masked, url_credentials).into_owned();
    mail_addresses(&masked)
}

/// A pattern and what stands in its place.
struct Rule {
    pattern: &'static str,
    replacement: &'static str,
    /// `name` is masked only where the rest of a user object stands.
    only_in_user_dumps: bool,
}

const fn everywhere(pattern: &'static str, replacement: &'static str) -> Rule {
    Rule { pattern, replacement, only_in_user_dumps: false }
}

const fn in_user_dumps(pattern: &'static str, replacement: &'static str) -> Rule {
    Rule { pattern, replacement, only_in_user_dumps: true }
}

static RULES: [Rule; 15] = [
    everywhere(
        r#"(["'](?:avatar_url|username|author_name|author_email|author_username)["']\s*:\s*)"[^"]*""#,
        r#"$1"[USER_REDACTED]""#,
    ),
    everywhere(
        r#"(["'](?:avatar_url|username|author_name|author_email|author_username)["']\s*:\s*)'[^']*'"#,
        "$1'[USER_REDACTED]'",
    ),
    in_user_dumps(r#"(["']name["']\s*:\s*)"[^"]*""#, r#"$1"[USER_REDACTED]""#),
    in_user_dumps(r#"(["']name["']\s*:\s*)'[^']*'"#, "$1'[USER_REDACTED]'"),
    everywhere(
        r#"(?i)\b((?:proxy-)?authorization|private-token|job-token|x-api-key)(["']?\s*[:=]\s*["']?)((?:bearer|basic|token|negotiate)\s+)?[^\s"',;]+"#,
        "$1$2$3[TOKEN_REDACTED]",
    ),
    everywhere(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{16,}", "$1[TOKEN_REDACTED]"),
    everywhere(r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})", "[TOKEN_REDACTED]"),
    everywhere(r"\bgl[a-z]{2,5}-[A-Za-z0-9_-]{16,}", "[TOKEN_REDACTED]"),
    everywhere(r"\b(?:xox[a-z]|xapp)-[A-Za-z0-9-]{8,}", "[TOKEN_REDACTED]"),
    everywhere(r"\bAT[AC]TT3[A-Za-z0-9_=-]{16,}", "[TOKEN_REDACTED]"),
    everywhere(r"\bAKIA[0-9A-Z]{16}\b", "[TOKEN_REDACTED]"),
    everywhere(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){2,4}", "[TOKEN_REDACTED]"),
    everywhere(r"/services/T[A-Z0-9]{5,}/B[A-Z0-9]{5,}/[A-Za-z0-9]+", "/services/[TOKEN_REDACTED]"),
    everywhere(r"<@[UW][A-Z0-9]{4,}(?:\|[^>\n]*)?>", "<@[USER_REDACTED]>"),
    everywhere(r"https?://[A-Za-z0-9.-]+/archives/[A-Z][A-Z0-9]{5,}(?:/p[0-9]+)?[^\s>|)]*", "[SLACK_LINK_REDACTED]"),
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| RULES.iter().map(|rule| pattern(rule.pattern)).collect());

/// All patterns at once: most texts match none of them, and asking them one by one is what masking costs.
#[expect(clippy::expect_used, reason = "constants that the tests of this file compile")]
static ANY: LazyLock<RegexSet> = LazyLock::new(|| {
    let all = RULES.iter().map(|rule| rule.pattern).chain([ASSIGNED_PATTERN, URL_PATTERN, MAIL_PATTERN]);
    RegexSet::new(all).expect("the patterns are well-formed")
});

/// Does no pattern match? Outside of ASCII a set of patterns is slower than its parts; then nobody knows.
fn is_clean(text: &str) -> bool {
    text.is_ascii() && !ANY.is_match(text)
}

const ASSIGNED_PATTERN: &str =
    r#"(?i)\b([a-z0-9_-]*(?:token|password|passwd|secret|api_?key))(["']?\s*[:=]\s*["']?)([A-Za-z0-9._~+/=-]{6,})"#;
const URL_PATTERN: &str = r"\b([A-Za-z][A-Za-z0-9+.-]*://)([^/\s:@]+)(:[^/\s@]*)?@";
const MAIL_PATTERN: &str = r"\b([A-Za-z0-9._%+-]+)@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9-])?\.[A-Za-z]{2,}";

static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| pattern(ASSIGNED_PATTERN));
static URL_CREDENTIALS: LazyLock<Regex> = LazyLock::new(|| pattern(URL_PATTERN));
static MAIL: LazyLock<Regex> = LazyLock::new(|| pattern(MAIL_PATTERN));

/// `token: 1a2b…` and `password=hunter…`; `GITHUB_TOKEN: missing` is a sentence and stays.
fn assigned(found: &Captures<'_>) -> String {
    let (name, sign, value) = (&found[1], &found[2], &found[3]);
    if sign.contains('=') || value.contains(|c: char| c.is_ascii_digit()) {
        format!("{name}{sign}[TOKEN_REDACTED]")
    } else {
        found[0].to_owned()
    }
}

/// `https://user:pass@host` loses user and password; `ssh://git@host` names nobody.
fn url_credentials(found: &Captures<'_>) -> String {
    if &found[2] == "git" && found.get(3).is_none() {
        return found[0].to_owned();
    }
    format!("{}[CREDENTIALS_REDACTED]@", &found[1])
}

/// Mail addresses; `git@host:path` and `git@host/path` are remotes, not people.
fn mail_addresses(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for found in MAIL.captures_iter(text) {
        let Some(all) = found.get(0) else { continue };
        let remote = &found[1] == "git" && text[all.end()..].starts_with([':', '/']);
        masked.push_str(&text[done..all.start()]);
        masked.push_str(if remote { all.as_str() } else { "[EMAIL_REDACTED]" });
        done = all.end();
    }
    masked.push_str(&text[done..]);
    masked
}

#[expect(clippy::expect_used, reason = "a constant that the tests of this file compile")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_and_what_only_looks_like_one_stays() {
        for (input, wanted) in [
            ("a.b+c@sub.example.org", "[EMAIL_REDACTED]"),
            ("<mailto:a@example.com|a@example.com>", "<mailto:[EMAIL_REDACTED]|[EMAIL_REDACTED]>"),
            ("x@example.com|text", "[EMAIL_REDACTED]|text"),
            ("git@gitlab.example.com:foo", "git@gitlab.example.com:foo"),
            ("a@b.c", "a@b.c"),
            ("img@sha256:0123456789abcdef", "img@sha256:0123456789abcdef"),
            ("[EMAIL_REDACTED]", "[EMAIL_REDACTED]"),
            ("owner is someone@example.com.", "owner is [EMAIL_REDACTED]."),
            ("@cluster-version and a@localhost", "@cluster-version and a@localhost"),
        ] {
            assert_eq!(mask(input), wanted, "{input}");
        }
    }

    #[test]
    fn tokens_of_every_service_go() {
        let (a, b) = ("a1".repeat(12), "A1B2C3D4E5F6");
        for (input, wanted) in [
            (format!("Authorization: Bearer {a}"), "Authorization: Bearer [TOKEN_REDACTED]".to_owned()),
            (format!("'PRIVATE-TOKEN': '{a}'"), "'PRIVATE-TOKEN': '[TOKEN_REDACTED]'".to_owned()),
            (format!("used ghp_{a} here"), "used [TOKEN_REDACTED] here".to_owned()),
            (format!("github_pat_{a}"), "[TOKEN_REDACTED]".to_owned()),
            (format!("glpat-{a}"), "[TOKEN_REDACTED]".to_owned()),
            (format!("xoxb-{b}-{a}"), "[TOKEN_REDACTED]".to_owned()),
            (format!("eyJ{a}..{a}.{a}.{a}"), "[TOKEN_REDACTED]".to_owned()),
            (
                "https://me:pw@host.example.com/x".to_owned(),
                "https://[CREDENTIALS_REDACTED]@host.example.com/x".to_owned(),
            ),
            (format!("api_token={a}&x=1"), "api_token=[TOKEN_REDACTED]&x=1".to_owned()),
            ("export GITHUB_TOKEN: missing".to_owned(), "export GITHUB_TOKEN: missing".to_owned()),
            (format!("asked <@U{b}> and <@U{b}|jo>"), "asked <@[USER_REDACTED]> and <@[USER_REDACTED]>".to_owned()),
            (
                format!("see https://example.slack.test/archives/C{b}/p1700000000000000?thread_ts=1 now"),
                "see [SLACK_LINK_REDACTED] now".to_owned(),
            ),
        ] {
            assert_eq!(mask(&input), wanted, "{input}");
        }
    }

    #[test]
    fn a_dumped_user_object_names_nobody() {
        let dump = "{'id': 7, 'username': 'jdoe', 'name': 'J Doe', 'avatar_url': 'https://x.example.com/a.png'}";
        let masked = mask(dump);
        assert_eq!(
            masked,
            "{'id': 7, 'username': '[USER_REDACTED]', 'name': '[USER_REDACTED]', 'avatar_url': '[USER_REDACTED]'}"
        );
    }

    #[test]
    fn known_secrets_go_wherever_they_stand() {
        let masker = Masker::knowing(["hunter2hunter2".to_owned(), "abc".to_owned()]);
        assert_eq!(masker.mask("x=hunter2hunter2; abc"), "x=[SECRET_REDACTED]; abc");
        assert_eq!(format!("{masker:?}"), "Masker(1 secrets)");
        assert_eq!(mask("x=hunter2hunter2"), "x=hunter2hunter2", "nobody else knows it");
        let mut document = serde_json::json!({ "a": ["it is hunter2hunter2", 1] });
        masker.hide_in(&mut document);
        assert_eq!(document.to_string(), r#"{"a":["it is [SECRET_REDACTED]",1]}"#);
        let odd = Masker::knowing([r#"quoted"and\back"#.to_owned()]);
        let document = serde_json::json!({ "a": r#"quoted"and\back"# }).to_string();
        assert_eq!(odd.hide(&document), r#"{"a":"[SECRET_REDACTED]"}"#);
    }

    #[test]
    fn a_text_that_no_single_pattern_changes_is_clean_and_no_other() {
        let parts = [
            "Authorization: Bearer a1b2c3d4e5f6a1b2c3",
            "'username': 'jdoe'",
            "ghp_a1b2c3d4e5f6a1b2c3",
            "https://me:pw@host.example.com",
            "api_token=a1b2c3d4",
            "someone@example.com",
            "<@U0123456>",
            "xoxb-1234567890",
            "a token that is missing: none",
            "https://jenkins.example.com/job/x/1/",
            "img@sha256:0123456789abcdef",
            "4.20.17 is Green",
        ];
        for one in parts {
            for other in parts {
                for text in [format!("{one} {other}"), format!("{one}\n{other}"), format!("{one}{other}")] {
                    let masked = mask(&text);
                    // The last word makes the set of patterns step aside; the parts decide alone.
                    let alone = mask(&format!("{text} \u{2713}"));
                    assert_eq!(format!("{masked} \u{2713}"), alone, "{text}");
                    if is_clean(&text) {
                        assert_eq!(masked, text);
                    }
                }
            }
        }
    }

    #[test]
    fn terms_of_a_release_stay_readable() {
        for text in [
            "2026-03-20T05:53:38Z: INFO: task [Take Ownership] status is changed to [Pass]",
            "triggered stage pipeline job: <https://jenkins.example.com/job/x/1/>",
            "registry.example.com/openshift-release-dev/ocp-release@sha256:0011",
            "Advisories in abnormal state (NEW_FILES instead of QE): 200051",
        ] {
            assert_eq!(mask(text), text);
        }
    }
}
