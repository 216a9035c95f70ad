//! The services we talk to: one id each, the same in settings, logs and simulator routes.

use std::fmt;
use std::str::FromStr;

macro_rules! services {
    ($(#[doc = $doc:literal] $variant:ident = $id:literal, $env:literal;)*) => {
        /// A service by its id.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Service {
            $(#[doc = $doc] $variant,)*
        }

        impl Service {
            /// Every service, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The id used in settings, logs and simulator routes.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)*
                }
            }

            /// What it is, for the reference.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc.trim_ascii(),)*
                }
            }

            /// The environment variable that replaces its base URL.
            pub const fn url_env(self) -> &'static str {
                match self {
                    $(Self::$variant => $env,)*
                }
            }
        }

        impl FromStr for Service {
            type Err = NotAService;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($id => Ok(Self::$variant),)*
                    _ => Err(NotAService { text: text.to_owned() }),
                }
            }
        }
    };
}

services! {
    /// Errata Tool.
    Errata = "errata", "OAR_ERRATA_URL";
    /// Brew hub (XML-RPC).
    Koji = "koji", "OAR_KOJI_URL";
    /// Files of brew builds.
    BrewDownload = "brew_download", "OAR_BREW_DOWNLOAD_URL";
    /// Jira.
    Jira = "jira", "OAR_JIRA_URL";
    /// GitLab, home of the shipment merge requests.
    Gitlab = "gitlab", "OAR_GITLAB_URL";
    /// Jenkins.
    Jenkins = "jenkins", "OAR_JENKINS_URL";
    /// Slack Web API.
    Slack = "slack", "OAR_SLACK_API_URL";
    /// Token endpoint of Google.
    GoogleOauth = "google_oauth", "OAR_GOOGLE_OAUTH_URL";
    /// Google Sheets.
    Sheets = "sheets", "OAR_SHEETS_URL";
    /// Google Drive.
    Drive = "drive", "OAR_DRIVE_URL";
    /// Google Cloud Storage.
    Gcs = "gcs", "OAR_GCS_URL";
    /// Pages that show stored job artifacts.
    Gcsweb = "gcsweb", "OAR_GCSWEB_URL";
    /// GitHub REST and GraphQL.
    Github = "github", "OAR_GITHUB_API_URL";
    /// Raw files of GitHub.
    GithubRaw = "github_raw", "OAR_GITHUB_RAW_URL";
    /// GitHub pages, for links.
    GithubWeb = "github_web", "OAR_GITHUB_WEB_URL";
    /// Build data: one `releases.yml` per minor.
    BuildData = "build_data", "OAR_BUILD_DATA_URL";
    /// Release controller, one host per architecture.
    ReleaseController = "release_controller", "OAR_RELEASE_CONTROLLER_URL";
    /// Gangway, which starts Prow jobs.
    Gangway = "gangway", "OAR_GANGWAY_URL";
    /// Prow's Deck.
    Prow = "prow", "OAR_PROW_URL";
    /// The private Deck.
    ProwPrivate = "prow_private", "OAR_PROW_PRIVATE_URL";
    /// Sippy.
    Sippy = "sippy", "OAR_SIPPY_URL";
    /// Sippy's page for QE.
    SippyQe = "sippy_qe", "OAR_SIPPY_QE_URL";
    /// Mirror of payload signatures.
    Signatures = "signatures", "OAR_SIGNATURES_URL";
    /// Public container catalog.
    Catalog = "catalog", "OAR_CATALOG_URL";
    /// Stage container catalog.
    CatalogStage = "catalog_stage", "OAR_CATALOG_STAGE_URL";
    /// Pyxis.
    Pyxis = "pyxis", "OAR_PYXIS_URL";
    /// Customer portal, where shipped advisories appear.
    CustomerPortal = "customer_portal", "OAR_CUSTOMER_PORTAL_URL";
    /// Image registries; see also `OAR_REGISTRY_MAP`.
    Registry = "registry", "OAR_REGISTRY_URL";
    /// Kubernetes API.
    Kube = "kube", "OAR_KUBE_URL";
    /// Directory of people.
    Ldap = "ldap", "OAR_LDAP_URL";
    /// Language model; off without a URL.
    Llm = "llm", "MODEL_API_BASE";
    /// The OAuth server whose tokens the MCP server accepts; `mcp.oauth.jwks_url` is its address.
    Oauth = "oauth", "OAR_MCP_OAUTH_JWKS_URL";
    /// The external program `elliott`; its command comes from `OAR_ELLIOTT_CMD`.
    Elliott = "elliott", "OAR_ELLIOTT_URL";
}

impl Service {
    /// Is its address a setting of its own? A program has none, and that of the OAuth server belongs to the settings
    /// of the front end that asks it.
    pub const fn has_address(self) -> bool {
        match self {
            Self::Elliott | Self::Oauth => false,
            Self::Errata
            | Self::Koji
            | Self::BrewDownload
            | Self::Jira
            | Self::Gitlab
            | Self::Jenkins
            | Self::Slack
            | Self::GoogleOauth
            | Self::Sheets
            | Self::Drive
            | Self::Gcs
            | Self::Gcsweb
            | Self::Github
            | Self::GithubRaw
            | Self::GithubWeb
            | Self::BuildData
            | Self::ReleaseController
            | Self::Gangway
            | Self::Prow
            | Self::ProwPrivate
            | Self::Sippy
            | Self::SippyQe
            | Self::Signatures
            | Self::Catalog
            | Self::CatalogStage
            | Self::Pyxis
            | Self::CustomerPortal
            | Self::Registry
            | Self::Kube
            | Self::Ldap
            | Self::Llm => true,
        }
    }
}

impl serde::Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// A text that is no service id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a service id")]
pub struct NotAService {
    /// What was given.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_variables_are_unique_and_read_back() {
        let ids: std::collections::BTreeSet<_> = Service::ALL.iter().map(|s| s.id()).collect();
        let variables: std::collections::BTreeSet<_> = Service::ALL.iter().map(|s| s.url_env()).collect();
        assert_eq!((ids.len(), variables.len()), (Service::ALL.len(), Service::ALL.len()));
        for service in Service::ALL {
            assert_eq!(service.id().parse(), Ok(*service));
        }
        assert!("erratum".parse::<Service>().is_err());
    }
}
