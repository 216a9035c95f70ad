//! Settings of Jira.

use super::choice::choices;
use super::error::ConfigError;
use super::sources::Sources;

/// Which Jira we talk to.
#[derive(Debug, Clone)]
pub struct JiraSettings {
    /// The kind of Jira.
    pub api: JiraApi,
    /// Id of the field "QA Contact".
    pub qa_contact: String,
    /// Id of the field "Need Info From".
    pub need_info_from: String,
    /// Id of the field "Release Blocker".
    pub release_blocker: String,
    /// Id of the field that counts customer cases.
    pub sfdc_counter: String,
    /// Id of the field that links customer cases.
    pub sfdc_links: String,
}

choices! {
    /// The kind of Jira.
    JiraApi {
        /// Server: `/rest/api/2`, plain text bodies, bearer token.
        Server = "2",
        /// Cloud: `/rest/api/3`, rich text bodies, basic authentication.
        Cloud = "3",
    }
}

impl JiraApi {
    /// Path below the base address.
    pub const fn root(self) -> &'static str {
        match self {
            Self::Server => "/rest/api/2",
            Self::Cloud => "/rest/api/3",
        }
    }
}

impl JiraSettings {
    pub(super) fn read(sources: &mut Sources<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            api: sources.choice("services.jira.api", "OAR_JIRA_API", "2 (Server) or 3 (Cloud)")?,
            qa_contact: sources.text("services.jira.fields.qa_contact", "OAR_JIRA_FIELDS_QA_CONTACT")?,
            need_info_from: sources.text("services.jira.fields.need_info_from", "OAR_JIRA_FIELDS_NEED_INFO_FROM")?,
            release_blocker: sources.text("services.jira.fields.release_blocker", "OAR_JIRA_FIELDS_RELEASE_BLOCKER")?,
            sfdc_counter: sources.text("services.jira.fields.sfdc_counter", "OAR_JIRA_FIELDS_SFDC_COUNTER")?,
            sfdc_links: sources.text("services.jira.fields.sfdc_links", "OAR_JIRA_FIELDS_SFDC_LINKS")?,
        })
    }
}
