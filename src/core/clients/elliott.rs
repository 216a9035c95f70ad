//! elliott: ART's program that knows which CVE trackers belong to an assembly.
//!
//! An external program, never embedded. It clones build data, asks Jira, Errata Tool and GitLab, and
//! takes minutes. It prints one JSON object (kind of advisory → keys) and logs to the other stream.
//! Without a mail address for Jira it prints nothing and ends well: silence is never "no trackers".

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use tokio_util::sync::CancellationToken;

use super::process::{self, Environment, ProcessError, Program, split_command};
use crate::core::config::settings::ElliottSettings;
use crate::core::error::ErrorClass;
use crate::core::transport::Programs;
use crate::domain::ids::JiraKey;
use crate::domain::release::ZStream;

/// Variables that it gets from ours when they are there: how to find programs, tickets and
/// certificates, the simulator, and the credentials of the services that it asks.
const PASSED_ON: [&str; 18] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OAR_SIM_URL",
    "JIRA_USERNAME",
    "JIRA_TOKEN",
    "GITLAB_TOKEN",
    "GITHUB_TOKEN",
];

/// Repository of build data below the address of GitHub.
const BUILD_DATA: &str = "openshift-eng/ocp-build-data.git";

/// What elliott says when Jira does not hand out an issue that build data lists.
const NOT_FETCHED: &str = "could not be fetched";

/// elliott with the settings of this run.
#[derive(Debug, Clone)]
pub struct Elliott {
    command: String,
    data_path: String,
    limit: std::time::Duration,
    environment: Environment,
    programs: Option<Programs>,
    cancel: CancellationToken,
}

/// Which build system's advisories are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildSystem {
    /// Advisories of the Errata Tool.
    Brew,
    /// The shipment.
    Konflux,
}

impl BuildSystem {
    /// The spelling of elliott.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brew => "brew",
            Self::Konflux => "konflux",
        }
    }
}

/// CVE trackers by kind of advisory (`rpm`, `rhcos`, `image`, …).
pub type Trackers = BTreeMap<String, BTreeSet<JiraKey>>;

/// elliott gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ElliottError {
    /// It could not be run to its end.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It printed nothing at all.
    #[error("elliott printed nothing, which it does when it has no mail address for Jira")]
    Silent {
        /// The last lines of its log, masked.
        log: String,
    },
    /// Jira does not hand out issues that build data lists.
    #[error("elliott cannot fetch {} from Jira", if keys.is_empty() { "an issue".to_owned() } else { keys.iter().map(JiraKey::as_str).collect::<Vec<_>>().join(", ") })]
    NotFetched {
        /// Those issues, as far as it names them.
        keys: BTreeSet<JiraKey>,
        /// The last lines of its log, masked.
        log: String,
    },
    /// Any other bad end.
    #[error("elliott ended with {}", code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}")))]
    Failed {
        /// Exit code; nothing after a signal.
        code: Option<i32>,
        /// The last lines of its log, masked.
        log: String,
    },
    /// It printed something else.
    #[error("elliott printed something that is not its documented answer: {why}")]
    Unreadable {
        /// What the parser says.
        why: String,
        /// The last lines of its log, masked.
        log: String,
    },
}

impl ElliottError {
    /// What kind of trouble this is.
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Process(ProcessError::Missing { .. } | ProcessError::BadCommand { .. }) | Self::Silent { .. } => {
                ErrorClass::Config
            }
            Self::Process(ProcessError::Cancelled { .. }) => ErrorClass::Internal,
            Self::Process(ProcessError::TooMuchOutput { .. }) | Self::Unreadable { .. } => ErrorClass::Corrupt,
            Self::Process(ProcessError::Broken { .. } | ProcessError::TimedOut { .. }) | Self::Failed { .. } => {
                ErrorClass::Transient
            }
            Self::NotFetched { .. } => ErrorClass::InvalidInput,
        }
    }

    /// The last lines of its log, masked, when it ran at all.
    pub fn log(&self) -> Option<&str> {
        match self {
            Self::Process(ProcessError::TimedOut { log, .. })
            | Self::Silent { log }
            | Self::NotFetched { log, .. }
            | Self::Failed { log, .. }
            | Self::Unreadable { log, .. } => Some(log),
            Self::Process(
                ProcessError::Missing { .. }
                | ProcessError::Broken { .. }
                | ProcessError::TooMuchOutput { .. }
                | ProcessError::Cancelled { .. }
                | ProcessError::BadCommand { .. },
            ) => None,
        }
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Process(ProcessError::Missing { .. }) => {
                "install elliott (openshift-eng/art-tools), or name it with OAR_ELLIOTT_CMD".to_owned()
            }
            Self::Process(ProcessError::BadCommand { .. }) => "correct OAR_ELLIOTT_CMD".to_owned(),
            Self::Process(ProcessError::TimedOut { .. }) => {
                "run it again; give it more time with OAR_ELLIOTT_LIMIT_MIN".to_owned()
            }
            Self::Process(
                ProcessError::Broken { .. } | ProcessError::TooMuchOutput { .. } | ProcessError::Cancelled { .. },
            ) => "run it again".to_owned(),
            Self::Silent { .. } => {
                "set JIRA_EMAIL (or JIRA_USERNAME) to the mail address of the Jira account".to_owned()
            }
            Self::NotFetched { .. } => {
                "ask ART to take the issue out of the assembly, or to make it readable for the account of JIRA_TOKEN"
                    .to_owned()
            }
            Self::Failed { .. } | Self::Unreadable { .. } => {
                "look at the end of its log above, then run it again".to_owned()
            }
        }
    }
}

impl Elliott {
    /// elliott as `settings` name it. `github` is the address of GitHub's pages, below which build
    /// data is cloned from.
    pub fn new(settings: &ElliottSettings, github: &str, cancel: CancellationToken) -> Self {
        let env = &settings.environment;
        let mut environment = Environment::default();
        for name in PASSED_ON {
            if let Some(value) = env.get(name) {
                environment = environment.with(name, value);
            }
        }
        if let Some(email) = env.get("JIRA_EMAIL").or_else(|| env.get("JIRA_USERNAME")) {
            environment = environment.with("JIRA_EMAIL", email);
        }
        Self {
            command: settings.command.clone(),
            data_path: format!("{}/{BUILD_DATA}", github.trim_end_matches('/')),
            limit: settings.limit,
            environment,
            programs: None,
            cancel,
        }
    }

    /// The same, stood in for by a program of this process when there is one.
    #[must_use]
    pub fn in_process(mut self, programs: Option<&Programs>) -> Self {
        self.programs = programs.cloned();
        self
    }

    /// CVE trackers that belong to an assembly. Reads; takes minutes.
    ///
    /// # Errors
    ///
    /// elliott is missing, takes too long, ends badly or gives no readable answer.
    pub async fn cve_trackers(&self, release: &ZStream, system: BuildSystem) -> Result<Trackers, ElliottError> {
        let program = Program {
            name: "elliott",
            command: split_command(&self.command)?,
            environment: self.environment.clone(),
            limit: self.limit,
        };
        let (group, assembly) = (format!("openshift-{}", release.minor()), release.assembly_key());
        let mut arguments = vec!["--data-path", &self.data_path, "--group", &group, "--assembly", &assembly];
        arguments.extend(["--build-system", system.name(), "find-bugs", "--cve-only"]);
        if system == BuildSystem::Brew {
            arguments.push("--permissive");
        }
        arguments.extend(["--output", "json"]);
        let finished = match &self.programs {
            Some(programs) => process::run_in_process(programs, &program, &arguments, &self.cancel).await?,
            None => process::run(&program, &arguments, &self.cancel).await?,
        };
        if finished.code == Some(0) { trackers(&finished.stdout, finished.log) } else { Err(bad_end(finished)) }
    }
}

fn bad_end(finished: process::Finished) -> ElliottError {
    let log = finished.log;
    let refused: Vec<_> = log.lines().filter(|line| line.contains(NOT_FETCHED)).collect();
    if refused.is_empty() {
        return ElliottError::Failed { code: finished.code, log };
    }
    let keys = keys_in(&refused.join("\n"));
    ElliottError::NotFetched { keys, log }
}

/// Jira keys in a text.
pub fn keys_in(text: &str) -> BTreeSet<JiraKey> {
    // The pattern is a constant; when it were wrong, no key would be found and the tests fail.
    let Ok(key) = Regex::new(r"\b[A-Z][A-Z0-9_]+-[0-9]+\b") else { return BTreeSet::new() };
    key.find_iter(text).filter_map(|found| found.as_str().parse().ok()).collect()
}

fn trackers(stdout: &[u8], log: String) -> Result<Trackers, ElliottError> {
    if stdout.iter().all(u8::is_ascii_whitespace) {
        return Err(ElliottError::Silent { log });
    }
    match read(stdout) {
        Ok(trackers) => Ok(trackers),
        Err(why) => Err(ElliottError::Unreadable { why, log }),
    }
}

/// Warnings may stand before the answer; the answer is the last thing that is printed.
fn read(stdout: &[u8]) -> Result<Trackers, String> {
    let text = std::str::from_utf8(stdout).map_err(|cause| cause.to_string())?;
    let starts = std::iter::once(0).chain(text.match_indices("\n{").map(|(at, _)| at + 1));
    let mut first_error = None;
    for start in starts {
        match serde_json::from_str::<BTreeMap<String, Vec<String>>>(text.get(start..).unwrap_or_default()) {
            Ok(kinds) => {
                let keys = |keys: Vec<String>| keys.iter().map(|key| key.parse::<JiraKey>()).collect::<Result<_, _>>();
                let kinds = kinds.into_iter().map(|(kind, list)| Ok((kind, keys(list)?)));
                return kinds.collect::<Result<_, crate::domain::ids::BadId>>().map_err(|cause| cause.to_string());
            }
            Err(cause) => first_error = first_error.or(Some(cause.to_string())),
        }
    }
    Err(first_error.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::env::Env;

    fn key(text: &str) -> JiraKey {
        text.parse().unwrap()
    }

    #[test]
    fn an_empty_object_means_no_trackers_and_silence_means_trouble() {
        assert_eq!(trackers(b"{}\n", String::new()).unwrap(), Trackers::new());
        for silent in [b"".as_slice(), b" \n\n"] {
            let error = trackers(silent, String::new()).unwrap_err();
            assert!(matches!(error, ElliottError::Silent { .. }), "{error}");
            assert!(error.next_step().contains("JIRA_EMAIL"));
        }
    }

    #[test]
    fn warnings_before_the_answer_do_not_hide_it() {
        let text = b"WARNING: slow {answer}\n{\n  \"rpm\": [\"OCPBUGS-2\", \"OCPBUGS-1\"],\n  \"rhcos\": []\n}\n";
        let found = trackers(text, String::new()).unwrap();
        assert_eq!(found["rpm"], [key("OCPBUGS-1"), key("OCPBUGS-2")].into());
        assert!(found["rhcos"].is_empty());
    }

    #[test]
    fn anything_but_keys_by_kind_is_refused() {
        for text in ["[]", "{\"rpm\": \"OCPBUGS-1\"}", "{\"rpm\": [\"nonsense\"]}", "Traceback", "{\"rpm\": ["] {
            let error = trackers(text.as_bytes(), String::new()).unwrap_err();
            assert!(matches!(error, ElliottError::Unreadable { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn an_issue_that_jira_does_not_hand_out_is_named() {
        let log = "INFO OCPBUGS-1 fine\nERROR the following bugs could not be fetched: OCPBUGS-7, OCPBUGS-8\n";
        let end = |log: &str| bad_end(process::Finished { code: Some(1), stdout: Vec::new(), log: log.to_owned() });
        assert_eq!(end(log).to_string(), "elliott cannot fetch OCPBUGS-7, OCPBUGS-8 from Jira");
        assert_eq!(end(log).class(), ErrorClass::InvalidInput);
        assert_eq!(end("Traceback").to_string(), "elliott ended with exit code 1");
        assert_eq!(end("Traceback").class(), ErrorClass::Transient);
    }

    #[tokio::test]
    async fn both_build_systems_are_asked_in_the_terms_of_elliott() {
        let script = r#"sh -c 'echo "{}"; echo "$JIRA_EMAIL $*" >&2; exit 9' elliott"#;
        let environment =
            Env::default().with("PATH", "/usr/bin:/bin").with("JIRA_USERNAME", "invented").with("OTHER", "x");
        let limit = std::time::Duration::from_secs(60);
        let settings = ElliottSettings { command: script.to_owned(), limit, environment };
        let elliott = Elliott::new(&settings, "http://127.0.0.1:1/github_web/", CancellationToken::new());
        let release: ZStream = "4.20.17".parse().unwrap();
        let asked = async |system| elliott.cve_trackers(&release, system).await.unwrap_err().log().map(str::to_owned);
        let common = "--data-path http://127.0.0.1:1/github_web/openshift-eng/ocp-build-data.git --group openshift-4.20 \
                      --assembly 4.20.17 --build-system";
        let brew = asked(BuildSystem::Brew).await.unwrap();
        assert!(brew.ends_with(&format!("{common} brew find-bugs --cve-only --permissive --output json")), "{brew}");
        let konflux = asked(BuildSystem::Konflux).await.unwrap();
        assert!(konflux.ends_with(&format!("{common} konflux find-bugs --cve-only --output json")), "{konflux}");
    }
}
