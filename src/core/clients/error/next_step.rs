//! What a person does about a call that failed.

use super::{AppTrouble, ClientError, Fault, of_status};
use crate::core::config::github_app::AppRole;
use crate::core::error::ErrorClass;
use crate::domain::dates::stamp;
use crate::domain::service::Service;

impl ClientError {
    /// What to do about it.
    pub fn next_step(&self) -> String {
        match &self.fault {
            Fault::TimedOut | Fault::Unreachable | Fault::Broken => {
                format!(
                    "check that {} is up and reachable from here (VPN), wait a few minutes and run it again",
                    self.service
                )
            }
            Fault::RateLimited(_) => match self.retry_after_s.filter(|seconds| *seconds >= 60) {
                Some(seconds) => {
                    format!("wait {} min, the service asks for that, and run it again", seconds.div_ceil(60))
                }
                None => "wait a few minutes and run it again: the service asks for fewer requests".to_owned(),
            },
            Fault::Unauthorized(_) => self.renew(),
            Fault::App { role, id, trouble } => of_app(*role, *id, trouble),
            Fault::NotAllowed(_) => format!(
                "have somebody do it who may, or give {} of an account that may; then run it again",
                credential_of(self.service).unwrap_or("a credential")
            ),
            Fault::Kerberos(why) => why.next_step(self.service),
            Fault::Status(code) => self.after_status(*code),
            Fault::Refused(why) if self.service == Service::Slack => slack_step(why),
            Fault::Refused(_) => self.after_refusal(),
            Fault::Ambiguous(_) => "name it so that one alone fits, then run it again".to_owned(),
            Fault::Unreadable(_) | Fault::WebPage(_) => self.look_at_page(),
            Fault::TooLarge(_) => {
                "if an answer of that size is right, raise http.max_body_bytes (OAR_HTTP_MAX_BODY_BYTES)".to_owned()
            }
            Fault::UnknownJob(job) => format!(
                "check the name {job} in the registry of jobs and that the job is still defined in the CI configuration; \
                 asking again does not help"
            ),
            Fault::HostNotAllowed(_) => {
                "check the address; with OAR_SIM_URL set only the simulated world may be talked to, with OAR_NETWORK_ALLOW \
                 only the hosts it lists: add the host there if it is meant"
                    .to_owned()
            }
            Fault::NoTls => "install the CA certificates of the system (package ca-certificates)".to_owned(),
            Fault::BadUrl(_) => format!("correct the address ({})", self.service.url_env()),
            Fault::Suspended { until, .. } => format!(
                "check that {} is up and reachable from here (VPN) and run it again; a run that goes on asks by itself \
                 from {} on",
                self.service,
                stamp(*until)
            ),
            Fault::Overspent { .. } => format!(
                "if that many requests are right, raise services.{}.requests_per_hour; otherwise report it as a loop \
                 of oar",
                self.service
            ),
            Fault::Cancelled => "run it again; it continues where it was".to_owned(),
            Fault::NotPermitted => "let whoever drives now go on; oar -r RELEASE status shows who that is".to_owned(),
        }
    }

    fn renew(&self) -> String {
        match self.link() {
            Some(link) => format!(
                "open {link} as the owner of the credential ({}), then run it again",
                credential_of(self.service).unwrap_or("none is known here")
            ),
            None => format!("renew the credential: {}", credential_hint(self.service)),
        }
    }

    fn after_status(&self, code: u16) -> String {
        match of_status(code) {
            ErrorClass::Transient => "wait a few minutes and run it again".to_owned(),
            ErrorClass::NotFound if self.service == Service::BuildData => {
                "check the number of the release: build data has no branch for its minor".to_owned()
            }
            ErrorClass::NotFound => match credential_of(self.service) {
                Some(credential) => format!(
                    "check that {} is there and that the account of {credential} may see it: {} answers both alike; \
                     then run it again",
                    self.object().unwrap_or("what was asked for"),
                    self.service
                ),
                None => self.after_refusal(),
            },
            ErrorClass::Conflict => "run it again: somebody else changed the same thing".to_owned(),
            ErrorClass::Corrupt => self.look_at_page(),
            ErrorClass::Auth
            | ErrorClass::Config
            | ErrorClass::NotReady
            | ErrorClass::RateLimit
            | ErrorClass::InvalidInput
            | ErrorClass::Refused
            | ErrorClass::Forbidden
            | ErrorClass::NeedsPerson
            | ErrorClass::Internal => self.after_refusal(),
        }
    }

    fn after_refusal(&self) -> String {
        let service = self.service;
        format!("look at what {service} says above; if the request itself is wrong, report it as a bug of oar")
    }

    fn look_at_page(&self) -> String {
        format!("open {} in a browser: a login or maintenance page looks like this; then run it again", self.service)
    }
}

/// What to do about a GitHub App.
fn of_app(role: AppRole, id: u64, trouble: &AppTrouble) -> String {
    match trouble {
        AppTrouble::NotProven => format!(
            "check that {} is the number of the App, that the file of {} holds one of its keys (make a new one on its \
             page), and that the clock of this machine is right",
            role.id_variable(),
            role.key_variable()
        ),
        AppTrouble::NotInstalled { repository } => format!(
            "have an owner of the organization install App {id} on {repository}, or correct {} and {}",
            role.id_variable(),
            role.installation_variable()
        ),
        AppTrouble::Suspended => format!(
            "have an owner of the organization take the suspension of App {id} back; until then a token in GITHUB_TOKEN \
             does, without {}",
            role.id_variable()
        ),
        AppTrouble::TokenRefused => {
            format!("run it again; if it stays so, look at the installation of App {id} ({})", role.id_variable())
        }
    }
}

/// What to do when Slack says no, by its code.
fn slack_step(code: &str) -> String {
    match code {
        "not_in_channel" => "invite the bot to the channel (/invite @BOT), then run it again",
        "channel_not_found" => "check the channel in the settings; to a private one the bot has to be invited",
        "is_archived" => "name another channel in the settings: this one is archived",
        "missing_scope" => "give the bot of SLACK_BOT_TOKEN the scope that the service names, and install it again",
        "restricted_action" | "restricted_action_read_only_channel" | "access_denied" => {
            "have the bot allowed to post in the channel, or name another one in the settings"
        }
        "fatal_error" | "internal_error" | "service_unavailable" | "request_timeout" => {
            "wait a few minutes and run it again"
        }
        _ => "look at what slack says above; if the request itself is wrong, report it as a bug of oar",
    }
    .to_owned()
}

/// How to renew the credential of a service.
fn credential_hint(service: Service) -> String {
    match (service, credential_of(service)) {
        (Service::Errata, _) => "check ERRATA_TOKEN, or run kinit and leave OAR_ERRATA_AUTH out".to_owned(),
        (Service::Gangway, _) => "check APITOKEN; it expires, oc whoami -t shows a fresh one".to_owned(),
        (_, Some(credential)) => format!("check {credential}"),
        (_, None) => "it should need none; look at the proxy in between".to_owned(),
    }
}

/// The credential of a service, by its variables; nothing for a service that needs none.
pub(in crate::core) const fn credential_of(service: Service) -> Option<&'static str> {
    match service {
        Service::Errata => Some("ERRATA_TOKEN or the Kerberos ticket"),
        Service::Jira => Some("JIRA_USERNAME and JIRA_TOKEN"),
        Service::Gitlab => Some("GITLAB_TOKEN"),
        Service::Jenkins => Some("JENKINS_USER and JENKINS_TOKEN"),
        Service::Slack => Some("SLACK_BOT_TOKEN"),
        Service::Github | Service::GithubRaw => Some("GITHUB_TOKEN"),
        Service::Gangway => Some("APITOKEN"),
        Service::Registry => Some("the pull secret"),
        Service::Kube => Some("the token of OAR_KUBE_TOKEN_FILE or KUBECONFIG"),
        Service::Koji
        | Service::BrewDownload
        | Service::GoogleOauth
        | Service::Sheets
        | Service::Drive
        | Service::Gcs
        | Service::Gcsweb
        | Service::GithubWeb
        | Service::BuildData
        | Service::ReleaseController
        | Service::Prow
        | Service::ProwPrivate
        | Service::Sippy
        | Service::SippyQe
        | Service::Signatures
        | Service::Catalog
        | Service::CatalogStage
        | Service::Pyxis
        | Service::CustomerPortal
        | Service::Ldap
        | Service::Llm
        | Service::Oauth
        | Service::Elliott => None,
    }
}
